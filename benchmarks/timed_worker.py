"""`mtl worker` that writes down what each checkout took: ``python benchmarks/timed_worker.py FILE worker --kind any``.

One line each: when it was over, seconds of the clock, seconds of this process's processor time.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from mtl_flows.cli import main
from mtl_flows.launch.worker_pad import WorkerLaunchPad


def timed(checkout: Callable[..., Any], file: IO[str]) -> Callable[..., Any]:
    """Time each call of `WorkerLaunchPad.checkout_fw` that takes a job."""

    def checkout_fw(*args: Any, **kwargs: Any) -> Any:
        began, busy = time.perf_counter(), time.thread_time()
        taken = checkout(*args, **kwargs)
        if taken[0] is not None:
            spent_s, busy_s = time.perf_counter() - began, time.thread_time() - busy
            file.write(f"{time.time():.6f} {spent_s:.6f} {busy_s:.6f}\n")
        return taken

    return checkout_fw


if __name__ == "__main__":
    with Path(sys.argv.pop(1)).open("a", buffering=1) as file:
        WorkerLaunchPad.checkout_fw = timed(WorkerLaunchPad.checkout_fw, file)  # type: ignore[method-assign]
        main()
