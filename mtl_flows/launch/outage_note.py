"""A note in the folder of a job: its worker waits for the database, which cannot be told so.

A worker that ends while it stands, because its patience or its time in the queue was over, was not taken down by its
job.
"""

from contextlib import suppress
from pathlib import Path

_NOTE = "waits_for_database"


def note_outage(folder: Path, launch_id: int, away: bool) -> None:
    """Leave the note of a launch in its folder, or take it away; where the disk is full there is none."""
    with suppress(OSError):
        if away:
            (folder / _NOTE).write_text(f"{launch_id}\n", encoding="utf-8")
        else:
            (folder / _NOTE).unlink(missing_ok=True)


def is_noted(folder: Path, launch_id: int) -> bool:
    """Whether the note of a launch stands in its folder; no where that is not to be seen from here."""
    with suppress(OSError, ValueError):
        return int((folder / _NOTE).read_text(encoding="utf-8")) == launch_id
    return False
