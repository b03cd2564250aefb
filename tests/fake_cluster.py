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
script="${@: -1}"
id=$(( $(cat "$SPOOL/last" 2>/dev/null || echo 100) + 1 )); echo $id > "$SPOOL/last"
sed -n 's/^#SBATCH --job-name=//p; s/^#PBS -N //p' "$script" > "$SPOOL/$id.name"
env > "$SPOOL/$id.env"
[ -e "$SPOOL/full" ] && { echo "sbatch: error: QOSMaxSubmitJobPerUserLimit" >&2; exit 1; }
if [ -e "$SPOOL/hold" ]; then setsid sleep 600 > /dev/null 2>&1 < /dev/null &
else setsid $ISOLATED bash "$script" > "job-$id.out" 2>&1 < /dev/null & fi
echo $! > "$SPOOL/$id.new"; mv "$SPOOL/$id.new" "$SPOOL/$id.pid"
[ "$(basename "$0")" = qsub ] && echo "$id.server" || echo "$id"
"""
_LIST = """#!/bin/bash
[ -e "$SPOOL/away" ] && { echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1; }
[ "$(basename "$0")" = qstat ] && echo "Job id  Name  User  Time Use S Queue"
for file in "$SPOOL"/*.pid; do
    [ -e "$file" ] || continue
    id=$(basename "$file" .pid)
    state=$(sed -n 's/^State:\\t\\(.\\).*/\\1/p' "/proc/$(cat "$file")/status" 2>/dev/null)
    [ -n "$state" ] && [ "$state" != Z ] || continue
    name=$(cat "$SPOOL/$id.name")
    [ "$(basename "$0")" = qstat ] && echo "$id.server  $name  me  00:00:01 R workq" || echo "$id|RUNNING|$name"
done
"""
_CANCEL = """#!/bin/bash
# scancel ID, and qdel ID
kill -KILL -- "-$(cat "$SPOOL/${1%%.*}.pid")"
echo "$1" >> "$SPOOL/cancelled"
"""
_COMMANDS = {
    **dict.fromkeys(("sbatch", "qsub"), _SUBMIT),
    **dict.fromkeys(("squeue", "qstat"), _LIST),
    **dict.fromkeys(("scancel", "qdel"), _CANCEL),
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

    def alive(self) -> list[int]:
        """Processes of jobs that run."""
        pids = [int(file.read_text()) for file in self.spool.glob("*.pid")]
        return [pid for pid in pids if _runs(pid)]

    def kill_nodes(self) -> int:
        """End every job as a power cut would; gives how many there were."""
        found = self.alive()
        for pid in found:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        while self.alive():
            time.sleep(0.01)
        return len(found)


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
