"""A cluster of this machine: the commands of Slurm and PBS, whose jobs are real processes without a network."""

import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

_SUBMIT = """#!/bin/bash
# sbatch --parsable SCRIPT, and qsub SCRIPT
script="${@: -1}"; command=$(basename "$0")
[ "$(head -c 2 "$script")" = "#!" ] || { echo "sbatch: error: This does not look like a batch script." >&2; exit 1; }
id=$(( $(cat "$SPOOL/last" 2>/dev/null || echo 100) + 1 )); echo $id > "$SPOOL/last"
sed -n 's/^#SBATCH --job-name=//p; s/^#PBS -N //p' "$script" > "$SPOOL/$id.name"
env > "$SPOOL/$id.env"
[ -e "$SPOOL/full" ] && { echo "sbatch: error: QOSMaxSubmitJobPerUserLimit" >&2; exit 1; }
output=$(sed -n 's/^#SBATCH --output=//p; s/^#PBS -o //p' "$script" | sed "s/%j/$id/")
errors=$(sed -n 's/^#SBATCH --error=//p; s/^#PBS -e //p' "$script" | sed "s/%j/$id/")
echo "$PWD/$errors" > "$SPOOL/$id.errors"
if [ -e "$SPOOL/hold" ]; then
    setsid sleep 600 > /dev/null 2>&1 < /dev/null &
elif [ "$command" = qsub ]; then  # whose jobs begin at home, with an environment of their own
    script="$PWD/$script" output="$PWD/$output" errors="$PWD/$errors" where="$PWD"; cd "$HOME"
    setsid $ISOLATED env -i HOME="$HOME" PATH=/usr/bin:/bin PBS_O_WORKDIR="$where" PBS_JOBID="$id.server" \
        bash "$script" > "$output" 2> "$errors" < /dev/null &
else
    SLURM_JOB_ID=$id setsid $ISOLATED bash "$script" > "$output" 2> "$errors" < /dev/null &
fi
echo $! > "$SPOOL/$id.new"; mv "$SPOOL/$id.new" "$SPOOL/$id.pid"
[ "$command" = qsub ] && echo "$id.server" || echo "$id"
"""
_LIST = """#!/bin/bash
# squeue --noheader --me --format=%i|%T|%r|%j, and qstat; qstat -x -f ID
command=$(basename "$0")
[ -e "$SPOOL/away" ] &&
    { echo "slurm_load_jobs error: Unable to contact slurm controller (connect failure)" >&2; exit 1; }
[ "$1" = -x ] && { echo "qstat: PBS is not configured to maintain job history" >&2; exit 0; }
[ "$command" = qstat ] && echo "Job id            Name             User              Time Use S Queue"
for file in "$SPOOL"/*.pid; do
    [ -e "$file" ] || continue
    id=$(basename "$file" .pid)
    state=$(sed -n 's/^State:\\t\\(.\\).*/\\1/p' "/proc/$(cat "$file")/status" 2>/dev/null)
    [ -n "$state" ] && [ "$state" != Z ] || continue
    name=$(cat "$SPOOL/$id.name") reason=None state=RUNNING letter=R
    [ -e "$SPOOL/$id.reason" ] && { reason=$(cat "$SPOOL/$id.reason") state=PENDING letter=Q; }
    [ -e "$SPOOL/$id.ending" ] && state=COMPLETING letter=E
    [ "$command" = qstat ] && echo "$id.server  $name  me  00:00:01 $letter workq" || echo "$id|$state|$reason|$name"
done
"""
_CANCEL = """#!/bin/bash
# scancel ID, and qdel ID: the job is told to end, and is ended if it does not
id=${1%%.*}; echo "$1" >> "$SPOOL/cancelled"; touch "$SPOOL/$id.ending"
echo "slurmstepd-node: error: *** JOB $id ON node CANCELLED AT 2026-11-29T13:55:11 ***" >> "$(cat "$SPOOL/$id.errors")"
group=$(cat "$SPOOL/$id.pid"); kill -TERM -- "-$group" 2> /dev/null || kill -TERM "$group"
setsid bash -c "for i in {1..300}; do kill -0 -- -$group || exit; sleep 0.1; done; kill -KILL -- -$group" \
    > /dev/null 2>&1 < /dev/null &
"""
_RECORD = """#!/bin/bash
# scontrol show job --oneliner ID, which Slurm forgets some minutes after the end
[ -e "$SPOOL/forgotten" ] && { echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1; }
how="NODE_FAIL Reason=NodeDown Dependency=(null) Requeue=0 ExitCode=0:0"
[ -e "$SPOOL/${@: -1}.ending" ] && how="CANCELLED Reason=None Dependency=(null) Requeue=1 ExitCode=0:15"
echo "JobId=${@: -1} JobName=mtl UserId=me(1000) JobState=$how RunTime=00:00:03"
"""
_COMMANDS = {
    **dict.fromkeys(("sbatch", "qsub"), _SUBMIT),
    **dict.fromkeys(("squeue", "qstat"), _LIST),
    **dict.fromkeys(("scancel", "qdel"), _CANCEL),
    "scontrol": _RECORD,
}


class FakeCluster:
    """Commands in a folder, and what they have been told."""

    def __init__(self, folder: Path) -> None:
        self.spool = folder / "spool"
        self._bin = folder / "bin"
        for made in (self.spool, self._bin):
            made.mkdir(parents=True)
        for name, text in _COMMANDS.items():
            command = self._bin / name
            command.write_text(text)
            command.chmod(command.stat().st_mode | stat.S_IXUSR)

    def wrap(self, name: str, text: str) -> None:
        """Let a command behave otherwise; what it was is called ``{command}`` in the text."""
        command = self._bin / name
        real = command.with_name(f"{name}.real")
        real.write_text(command.read_text().replace('$(basename "$0")', name))
        command.write_text(text.replace("{command}", f"bash {real}"))

    def variables(self) -> dict[str, str]:
        """Environment in which the commands are found, and their jobs find the tests' modules."""
        return {
            "PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}",
            "SPOOL": str(self.spool),
            "ISOLATED": "unshare --map-root-user --net" if networks_can_be_left() else "",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the commands be found for the length of a test."""
        for name, value in self.variables().items():
            monkeypatch.setenv(name, value)

    def hold(self) -> None:
        """Let jobs do nothing until they are ended: what they would compute is computed by the test."""
        (self.spool / "hold").touch()

    def release(self) -> None:
        """Let jobs do what they are given to do."""
        (self.spool / "hold").unlink()

    @property
    def submitted(self) -> int:
        """How many jobs were given to it."""
        return len(list(self.spool.glob("*.pid")))

    @property
    def cancelled(self) -> list[str]:
        """Ids of jobs that were cancelled."""
        file = self.spool / "cancelled"
        return file.read_text().split() if file.exists() else []

    def stall(self, queue_id: str, reason: str) -> None:
        """Let a job wait, and say why."""
        (self.spool / f"{queue_id}.reason").write_text(f"{reason}\n")

    def alive(self) -> list[int]:
        """Processes of jobs that run."""
        pids = [int(file.read_text()) for file in self.spool.glob("*.pid")]
        return [pid for pid in pids if _runs(pid)]

    def kill_nodes(self) -> int:
        """End every job as a power cut would; gives how many there were."""
        found = alive = self.alive()
        while alive:  # one that is just begun has no group yet
            for pid in alive:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            time.sleep(0.01)
            alive = self.alive()
        return len(found)

    def wait_for_end(self) -> None:
        """Wait until no job runs."""
        deadline = time.monotonic() + 60
        while self.alive():
            assert time.monotonic() < deadline
            time.sleep(0.01)


@cache
def networks_can_be_left() -> bool:
    """Whether a process can be put where there is no network."""
    left = subprocess.run(["unshare", "--map-root-user", "--net", "true"], check=False, capture_output=True)
    return left.returncode == 0


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
