"""What took long to gather, kept for as long as it is true."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """The newest few results by what they were made of; who asks for one that is being made waits for it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._made: dict[tuple[str, ...], Future[T]] = {}
        self._lock = Lock()

    def get(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """Return what is kept under a key; make it if nothing is. A failure is not kept."""
        with self._lock:
            found = self._made.pop(key, None)
            mine = found is None
            future = found if found is not None else Future[T]()
            self._made[key] = future  # the newest is the last
            for oldest in list(self._made)[: -self._most]:
                del self._made[oldest]
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:
                with self._lock:
                    if self._made.get(key) is future:
                        del self._made[key]
                future.set_exception(error)
                raise
        return future.result()
