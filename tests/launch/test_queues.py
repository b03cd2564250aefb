"""What queueing systems say, and how their limits are read."""

from pathlib import Path

import pytest
from fake_cluster import FakeCluster

from mtl_flows.errors import ConfigurationError, QueueError
from mtl_flows.launch.names import GPU, HEAVY
from mtl_flows.launch.queues import BatchQueue, Pbs, QueuedJob, Slurm, queue_of

SQUEUE = """#!/bin/bash
echo '17|PENDING|Priority|mtl-0123456789'
echo '18|RUNNING|None|mtl-1123456789'
echo '19|COMPLETING|TimeLimit|mtl-2123456789'
echo '20|CANCELLED|None|mtl-3123456789'
echo '21_3|RUNNING|None|a name | with a bar'
echo '22|PENDING|PartitionTimeLimit|mtl-4123456789'
"""
QSTAT = """#!/bin/bash
cat <<END
Job id            Name             User              Time Use S Queue
----------------  ---------------- ----------------  -------- - -----
17.server         mtl-0123456789   me                       0 Q workq
18.server         mtl-1123456789   me                00:01:02 R workq
19.server         mtl-2123456789   me                00:01:02 E workq
20.server         mtl-3123456789   me                00:01:02 F workq
END
"""
QSTAT_OF_ONE = """#!/bin/bash
[ "$*" = "-x -f 7" ] || exit 153
cat <<END
Job Id: 7.server
    Job_Name = mtl-f3ab281957
    job_state = F
    Variable_List = PBS_O_HOME=/home/me,PBS_O_LANG=C.UTF-8,
\tPBS_O_WORKDIR=/home/me
    comment = Job run at Sun Nov 29 at 14:51 on (node:ncpus=1) and terminate
\td by me@host
    Exit_status = 271
    Submit_arguments = job.sh
END
"""
SCONTROL = """#!/bin/bash
[ "$*" = "show job --oneliner 17" ] || { echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1; }
echo 'JobId=17 JobName=mtl-0123456789 UserId=me(1000) Account=(null) QOS=(null) JobState=TIMEOUT Reason=TimeLimit' \\
     'Dependency=(null) Requeue=1 Restarts=0 ExitCode=0:9 RunTime=00:01:26 TimeLimit=00:01:00'
"""


def command(folder: Path, name: str, text: str) -> None:
    file = folder / "bin" / name
    file.write_text(text)
    file.chmod(0o755)


def test_what_waits_and_what_runs_is_told_apart_and_what_ends_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeCluster(tmp_path).use(monkeypatch)
    command(tmp_path, "squeue", SQUEUE)
    command(tmp_path, "qstat", QSTAT)
    expected = {
        "17": QueuedJob("mtl-0123456789", False),
        "18": QueuedJob("mtl-1123456789", True),
        "19": QueuedJob("mtl-2123456789", True, "TimeLimit", ending=True),
        "21_3": QueuedJob("a name | with a bar", True),
        "22": QueuedJob("mtl-4123456789", False, "PartitionTimeLimit"),
    }
    assert Slurm({}).known() == expected
    assert Pbs({}).known() == {
        "17": expected["17"],
        "18": expected["18"],
        "19": QueuedJob("mtl-2123456789", True, ending=True),
    }
    command(tmp_path, "squeue", "#!/bin/bash\nsleep 0; exit 1\n")
    with pytest.raises(QueueError, match="squeue: ends with 1"):
        Slurm({}).known()


def test_how_a_job_ended_is_told_as_long_as_the_queue_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeCluster(tmp_path).use(monkeypatch)
    command(tmp_path, "scontrol", SCONTROL)
    assert [Slurm({}).how_ended(job) for job in ("17", "18")] == ["TIMEOUT, TimeLimit, 0:9", ""]
    assert Pbs({}).how_ended("17") == ""
    command(tmp_path, "qstat", QSTAT_OF_ONE)
    assert Pbs({}).how_ended("7") == (
        "Job run at Sun Nov 29 at 14:51 on (node:ncpus=1) and terminated by me@host, exit status 271"
    )


@pytest.mark.parametrize(
    ("kind", "walltime", "seconds"),
    [
        (Slurm, "24:00:00", 86400),
        (Slurm, "1-12:00:00", 129600),
        (Slurm, "2-6", 194400),
        (Slurm, "2-6:30", 196200),
        (Slurm, "90", 5400),
        (Slurm, "30:00", 1800),
        (Slurm, "", 0),
        (Slurm, "UNLIMITED", 0),
        (Pbs, "24:00:00", 86400),
        (Pbs, "30:00", 1800),
        (Pbs, "90", 90),
        (Pbs, "1-12:00:00", 0),
        (Pbs, "", 0),
    ],
)
def test_limits_of_time_are_read_as_the_queue_reads_them(
    kind: type[BatchQueue], walltime: str, seconds: float
) -> None:
    assert kind.seconds_of(walltime) == seconds


def test_a_job_is_left_some_time_to_end() -> None:
    assert Slurm({"walltime": "24:00:00"}).limit_s == pytest.approx(0.98 * 86400)
    assert Slurm({"walltime": "10"}).limit_s == 540
    assert Slurm({"walltime": "1"}).limit_s == 1  # what has a limit is never without one
    assert Slurm({"walltime": None}).limit_s == 0


def test_what_the_queue_signals_is_the_work_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeCluster(tmp_path).use(monkeypatch)
    (tmp_path / "spool" / "hold").touch()
    Slurm({}).submit(tmp_path, "mtl-0")
    assert "\nexec " in (tmp_path / "job.sh").read_text()
    Slurm({"post_rocket": "echo over"}).submit(tmp_path, "mtl-0")
    assert "\nexec " not in (tmp_path / "job.sh").read_text()


def test_without_a_file_the_queue_that_is_here_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    assert isinstance(queue_of(tmp_path, HEAVY, None), Slurm)
    command(tmp_path, "qsub", "#!/bin/bash\n")
    assert isinstance(queue_of(tmp_path, HEAVY, None), Pbs)
    command(tmp_path, "sbatch", "#!/bin/bash\n")
    assert isinstance(queue_of(tmp_path, HEAVY, None), Slurm)


def test_the_file_is_read_as_fireworks_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeCluster(tmp_path).use(monkeypatch)
    (tmp_path / "spool" / "hold").touch()
    template = tmp_path / "template.txt"
    template.write_text(
        "#!/bin/sh\n#SBATCH -J $${job_name}\n#SBATCH --time=$${walltime}\ncd $${launch_dir}\nsrun $${rocket_launch}\n"
    )
    (tmp_path / "my_qadapter.yaml").write_text(
        f"_fw_q_type: SLURM\n_fw_template_file: {template}\nwalltime: 30:00:00\n"  # a number for others
    )
    queue = queue_of(tmp_path, HEAVY, None)
    assert queue.limit_s == pytest.approx(0.98 * 30 * 3600)
    queue.submit(tmp_path, "mtl-0")
    script = (tmp_path / "job.sh").read_text().splitlines()
    assert script[2:4] == ["#SBATCH --time=30:00:00", f"cd {tmp_path} || exit 1"]
    assert script[4].startswith("srun /")


def test_the_project_s_file_decides(tmp_path: Path) -> None:
    assert isinstance(queue_of(tmp_path, HEAVY, "pbs"), Pbs)
    (tmp_path / "my_qadapter_gpu.yaml").write_text("_fw_q_type: PBS\nwalltime: '2:00:00'\nqueue: gpus\n")
    found = queue_of(tmp_path, GPU, None)
    assert isinstance(found, Pbs)
    assert dict(found.adapter) == {"walltime": "2:00:00", "queue": "gpus"}
    with pytest.raises(ConfigurationError, match="is for PBS"):
        queue_of(tmp_path, GPU, "slurm")
    (tmp_path / "my_qadapter.yaml").write_text(
        "_fw_q_type: SLURM\npartition: gpus\nqos: null\nlogdir: /tmp\n"
    )
    with pytest.raises(ConfigurationError, match="partition would be left out"):
        queue_of(tmp_path, HEAVY, None)
    (tmp_path / "my_qadapter.yaml").write_text(
        "_fw_q_type: SLURM\n_fw_template_file: /nowhere/template.txt\n"
    )
    with pytest.raises(ConfigurationError, match=r"template\.txt: cannot be read"):
        queue_of(tmp_path, HEAVY, None)
    (tmp_path / "my_qadapter.yaml").write_text("- not\n- keywords: [\n")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        queue_of(tmp_path, HEAVY, None)


@pytest.mark.parametrize(
    ("queue", "processors", "line"),
    [
        (Slurm({"cpus_per_task": 1}), 4, "#SBATCH --cpus-per-task=4"),
        (Slurm({"ntasks_per_node": 2, "cpus_per_task": 1}), 5, "#SBATCH --cpus-per-task=3"),
        (Slurm({"ntasks_per_node": 32, "cpus_per_task": 1}), 8, "#SBATCH --cpus-per-task=1"),
        (Slurm({"cpus_per_task": 8}), 1, "#SBATCH --cpus-per-task=8"),
        (Pbs({"nnodes": 1, "ppnode": 1}), 4, "#PBS -l nodes=1:ppn=4"),
        (Pbs({"nnodes": 2, "ppnode": 1}), 8, "#PBS -l nodes=2:ppn=8"),
    ],
)
def test_a_job_has_as_many_processors_as_it_uses(
    queue: BatchQueue,
    processors: int,
    line: str,
    tmp_path: Path,
    cluster: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster.use(monkeypatch)
    queue.submit(tmp_path, "mtl-0123456789", processors)
    assert line in (tmp_path / "job.sh").read_text().splitlines()
