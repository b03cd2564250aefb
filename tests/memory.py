"""Databases of tests in memory, where there is room: an index costs a sixth of what it does on a disk."""

import os
import shutil
from hashlib import sha256
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ROOM_B = 2 * 2**30
"""What the journals and documents of all tests find room in."""


def in_memory(folder: Path) -> Path:
    """Where the database of a folder goes: to memory under a name of that folder's own, or into the folder."""
    if not os.access(_MEMORY, os.W_OK) or shutil.disk_usage(_MEMORY).free < _ROOM_B:
        return folder
    return _MEMORY / f"mtl_test_{sha256(bytes(folder)).hexdigest()[:12]}"
