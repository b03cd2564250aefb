"""Calling spglib without its announcement.

spglib 2 warns, at every call, that version 3 will raise where it now returns None. Both are handled where it is called.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_spglib() -> Iterator[None]:
    """Silence that one warning while the block runs."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Set OLD_ERROR_HANDLING", category=DeprecationWarning)
        yield
