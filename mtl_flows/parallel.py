"""One function over many items, each within its own limits of time and memory.

Items fail alone: an exception, a time-out or a process that dies ends one item and leaves the others. Results come in
the order of the items, and only a few items are in flight, so memory does not grow with their number.
"""

import os
import pickle
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any, Generic, Self, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from mtl_flows.errors import LimitExceededError, MissingExtraError
from mtl_flows.extras import explained
from mtl_flows.machine import limit_data, processors

T = TypeVar("T")
R = TypeVar("R")

_IN_FLIGHT_PER_WORKER = 4
_THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True, slots=True)
class GuardedOutcome(Generic[R]):
    """What became of one item.

    Attributes
    ----------
    error
        What went wrong; None if nothing did.
    traceback
        Where it went wrong, as text; empty if nothing did.
    """

    result: R | None = None
    error: Exception | None = None
    traceback: str = ""

    @property
    def value(self) -> R:
        """The result.

        Raises
        ------
        Exception
            The error of the item, if it failed.
        """
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]


class GuardedPool:
    """Processes that are kept for several maps, and started by the first.

    Parameters
    ----------
    workers
        Processes; 0 calls functions in this one, without limits.
    timeout_s, memory_MB
        Seconds and megabytes of data that one item may take; no limit if None.
    preload
        Modules that functions import when they are called: loaded once, where they are installed, instead of by each
        process. What they raise beside `ImportError` ends all processes.
    outlives_sigterm
        Whether processes take no notice of SIGTERM, which a queue sends to all that belongs to a job: who started them
        ends them. Holds for all pools of this process if the first has it.
    """

    def __init__(
        self,
        workers: int,
        *,
        timeout_s: float | None = None,
        memory_MB: int | None = None,
        preload: Sequence[str] = (),
        outlives_sigterm: bool = False,
    ) -> None:
        self._workers, self._timeout_s, self._memory_MB = workers, timeout_s, memory_MB
        self._preload, self._outlives_sigterm = list(preload), outlives_sigterm
        self._pool: ProcessPool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[GuardedOutcome[R]]:
        """Apply `function` to every item and yield the outcomes in order.

        Parameters
        ----------
        function
            Defined at the top of a module, or a partial of such a one, so that it can travel to another process.
        items
            Consumed as the work goes on.

        Yields
        ------
        GuardedOutcome
            Its error is a `LimitExceededError` where a limit was exceeded or the process died.

        Raises
        ------
        MissingExtraError
            If the function needs a package that is not installed: that is no item's fault.
        """
        for outcome in self._outcomes(function, items):
            if isinstance(outcome.error, MissingExtraError):
                raise outcome.error
            yield outcome

    def _outcomes(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[GuardedOutcome[R]]:
        if self._workers == 0:
            yield from (_call(function, item) for item in items)
            return
        queue = iter(items)
        if not (first := list(islice(queue, 1))):
            return  # nothing is started for nothing
        pool = self._started(_module_of(function))
        queue = chain(first, queue)
        futures: deque[ProcessFuture] = deque()
        try:
            while True:
                for item in islice(queue, self._workers * _IN_FLIGHT_PER_WORKER - len(futures)):
                    futures.append(
                        pool.schedule(_call_packed, args=(function, item), timeout=self._timeout_s)
                    )
                if not futures:
                    return
                yield _collect(futures.popleft(), self._timeout_s)
        finally:
            for future in futures:
                future.cancel()

    def _started(self, module: str) -> ProcessPool:
        """Return the processes: copies of a server that has imported the function's module already."""
        if self._pool is None:
            context = _KillingContext()
            context.set_forkserver_preload([module, *self._preload])
            with _one_thread_each(), ignoring_interrupts(), ExitStack() as kept:
                if self._outlives_sigterm:
                    kept.enter_context(_blocking_sigterm())
                forkserver.ensure_running()
            self._pool = ProcessPool(
                max_workers=self._workers,
                context=context,
                initializer=_limit_memory,
                initargs=(self._memory_MB,),
            )
        return self._pool


def guarded_map(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    workers: int,
    timeout_s: float | None = None,
    memory_MB: int | None = None,
) -> Iterator[GuardedOutcome[R]]:
    """Apply `function` to every item in processes of its own; parameters are those of `GuardedPool`."""
    with GuardedPool(workers, timeout_s=timeout_s, memory_MB=memory_MB) as pool:
        yield from pool.map(function, items)


def available_threads() -> int:
    """Threads that this process is to use: ``OMP_NUM_THREADS`` as for linear algebra, else its processors."""
    chosen = os.environ.get(_THREADS, "")
    return int(chosen) if chosen.isdecimal() and int(chosen) > 0 else processors()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes started meanwhile run linear algebra on one thread, unless the user has chosen a number.

    The workers take the processors already; with more threads than processors each would wait for others.
    """
    if _THREADS in os.environ:
        yield
        return
    os.environ[_THREADS] = "1"
    try:
        yield
    finally:
        del os.environ[_THREADS]


@contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C, and let processes started meanwhile ignore it: it reaches all, and who started them ends them.

    Outside the main thread, where Python sets no handlers, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def _blocking_sigterm() -> Iterator[None]:
    """Let processes started meanwhile never get SIGTERM; one that comes meanwhile reaches this process afterwards."""
    resource_tracker.ensure_running()  # else it is started meanwhile, and unblocks what it has blocked for itself
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


class _KilledProcess(ForkServerProcess):
    """Ended by what no process can ignore."""

    def terminate(self) -> None:
        """End it."""
        self.kill()


class _KillingContext(ForkServerContext):
    Process = _KilledProcess


def _call(function: Callable[[T], R], item: T) -> GuardedOutcome[R]:
    try:
        return GuardedOutcome(result=function(item))
    except MemoryError:
        return _exceeded("ran out of memory", "allow more memory")
    except SystemExit as stop:
        return GuardedOutcome(
            error=RuntimeError(f"tried to exit with {stop.code!r}"), traceback=traceback.format_exc()
        )
    except ModuleNotFoundError as error:
        return GuardedOutcome(error=_portable(explained(error)), traceback=traceback.format_exc())
    except Exception as error:  # noqa: BLE001 - it becomes the outcome of this item alone
        return GuardedOutcome(error=_portable(error), traceback=traceback.format_exc())


def _call_packed(function: Callable[[T], R], item: T) -> bytes:
    """Pack the outcome before the pool does, which would lose the process over a result that cannot travel."""
    try:
        return pickle.dumps(_call(function, item))
    except Exception as error:  # noqa: BLE001 - whatever a result's own state may raise
        return pickle.dumps(GuardedOutcome(error=_portable(error), traceback=traceback.format_exc()))


def _portable(error: Exception) -> Exception:
    """Return the error, or if it would not survive the way to another process one that says the same."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - whatever an exception's own constructor or state may raise
        return RuntimeError(f"{type(error).__qualname__}: {error}")
    return error


def _collect(future: ProcessFuture, timeout_s: float | None) -> GuardedOutcome[Any]:
    try:
        outcome: GuardedOutcome[Any] = pickle.loads(future.result())
    except FutureTimeoutError:
        return _exceeded(f"took more than {timeout_s:g} s", "allow more time")
    except ProcessExpired as expired:
        return _exceeded(f"its process died (exit code {expired.exitcode})", "allow more memory")
    except Exception as error:  # noqa: BLE001 - a result that cannot be unpacked again
        return GuardedOutcome(error=error, traceback=traceback.format_exc())
    return outcome


def _exceeded(message: str, remedy: str) -> GuardedOutcome[Any]:
    return GuardedOutcome(error=LimitExceededError(message, remedy=remedy))


def _limit_memory(memory_MB: int | None) -> None:
    if memory_MB is not None:
        limit_data(memory_MB)


def _module_of(function: Callable[..., Any]) -> str:
    while isinstance(function, partial):
        function = function.func
    return function.__module__
