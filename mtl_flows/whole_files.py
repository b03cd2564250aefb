"""Files that are whole at any time, whatever ends the process that writes them."""

import os
from pathlib import Path

from mtl_flows.errors import unwritable


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is whole at any time: the old one, or the new one.

    Raises
    ------
    ConfigurationError
        If it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
