"""What queueing systems say, and how their limits are read."""

from pathlib import Path

import pytest
from fake_cluster import FakeCluster

from mtl_flows.errors import ConfigurationError, QueueError
from mtl_flows.launch.names import GPU, HEAVY
from mtl_flows.launch.queues import Pbs, QueuedJob, Slurm, queue_of, seconds_of

SQUEUE = """#!/bin/bash
echo '17|PENDING|mtl-0123456789'
echo '18|RUNNING|mtl-1123456789'
echo '19|COMPLETING|mtl-2123456789'
echo '20_3|RUNNING|a name | with a bar'
"""
QSTAT = """#!/bin/bash
cat <<END
Job id            Name             User              Time Use S Queue
----------------  ---------------- ----------------  -------- - -----
17.server         mtl-0123456789   me                       0 Q workq
18.server         mtl-1123456789   me                00:01:02 R workq
19.server         mtl-2123456789   me                00:01:02 C workq
END
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
    expected = {"17": QueuedJob("mtl-0123456789", False), "18": QueuedJob("mtl-1123456789", True)}
    assert {key: job for key, job in Slurm({}).known().items() if key in ("17", "18", "19")} == expected
    assert Pbs({}).known() == expected
    command(tmp_path, "squeue", "#!/bin/bash\nsleep 0; exit 1\n")
    with pytest.raises(QueueError, match="squeue: ends with 1"):
        Slurm({}).known()


@pytest.mark.parametrize(
    ("walltime", "seconds"),
    [
        ("24:00:00", 86400),
        ("1-12:00:00", 129600),
        ("2-6", 194400),
        ("90", 5400),
        ("0:30", 1800),
        ("", 0),
        ("UNLIMITED", 0),
    ],
)
def test_limits_of_time(walltime: str, seconds: float) -> None:
    assert seconds_of(walltime) == seconds


def test_a_job_is_left_some_time_to_end() -> None:
    assert Slurm({"walltime": "24:00:00"}).limit_s == pytest.approx(0.98 * 86400)
    assert Slurm({"walltime": "10"}).limit_s == 540
    assert Slurm({"walltime": None}).limit_s == 0


def test_the_project_s_file_decides(tmp_path: Path) -> None:
    assert isinstance(queue_of(tmp_path, HEAVY, None), Slurm)
    assert isinstance(queue_of(tmp_path, HEAVY, "pbs"), Pbs)
    (tmp_path / "my_qadapter_gpu.yaml").write_text("_fw_q_type: PBS\nwalltime: '2:00:00'\nqueue: gpus\n")
    found = queue_of(tmp_path, GPU, None)
    assert isinstance(found, Pbs)
    assert dict(found.adapter) == {"walltime": "2:00:00", "queue": "gpus"}
    with pytest.raises(ConfigurationError, match="is for PBS"):
        queue_of(tmp_path, GPU, "slurm")
    (tmp_path / "my_qadapter.yaml").write_text("- not\n- keywords: [\n")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        queue_of(tmp_path, HEAVY, None)
