"""Lines of a text that an error is about."""

from collections.abc import Sequence
from typing import Final

_MOST: Final = 8
_LONGEST: Final = 120


def excerpt(text: str, words: Sequence[str], first_line: int = 1) -> tuple[str, ...]:
    """Lines that begin with one of `words`, numbered; at most eight of them.

    Parameters
    ----------
    words
        Tags in any case, and labels, which stand first in their row.
    first_line
        Number of the first line of `text` in its file.
    """
    wanted = {word.lower().replace(".", "_") for word in words if word}
    found: list[str] = []
    if not wanted:
        return ()
    for number, line in enumerate(text.splitlines(), start=first_line):
        begin = line.split(None, 1)[:1]
        if begin and begin[0].strip("'\"").lower().replace(".", "_") in wanted:
            found.append(f"{number}: {line.strip()[:_LONGEST]}")
            if len(found) == _MOST:
                break
    return tuple(found)
