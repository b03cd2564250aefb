"""Loops that are compiled to machine code, once for a machine where its disk can be written."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of numbers and arrays at its first call; the code is kept for other processes.

    Modules that use it are imported where they are needed: loading the compiler takes longer than most commands. Other
    threads run while the compiled code does.
    """
    try:
        made: Callable[P, R] = numba.njit(cache=True, error_model="numpy", nogil=True)(function)
    except RuntimeError:  # no folder for the cache can be written
        made = numba.njit(error_model="numpy", nogil=True)(function)
    return made
