"""A node that is wanted back while it computes a portion of a batch."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from carried_work import Batch
from samples import fill

from mtl_flows.stages.work import Limits
from mtl_flows.store.database import MTLStore


def children(pid: str) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return []


def test_the_portion_in_hand_is_finished_though_all_its_processes_are_told_to_end(
    store: MTLStore, tmp_path: Path
) -> None:
    folder = Batch(store, tmp_path / "carried").asked(fill(store, "licl"), limits=Limits(workers=1))
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "mtl_flows", "work", str(folder.path)]
    with subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        while process.poll() is None and not any(map(children, children(str(process.pid)))):
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGTERM)
        told, _ = process.communicate()
    assert (len(folder.keys), folder.ended) == (1, "done"), told
    assert "broken off" not in told
