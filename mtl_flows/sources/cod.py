"""The Crystallography Open Database: files by their numbers, from the web or from a copy on disk."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from mtl_flows.errors import SourceError, UnreadableStructureError
from mtl_flows.sources.release_folder import Origin, ReleaseFolder
from mtl_flows.sources.service import Service

ADDRESS: Final = "https://www.crystallography.net/cod"
LICENCE: Final = "CC0-1.0"
_NUMBER = re.compile(r"\d{7}")
_NOTED_EVERY = 20

Read = Callable[[str], bytes]


def fetch_cod(
    read: Read,
    numbers: Iterable[str],
    folder: Path,
    *,
    service: str,
    release: str,
    source: str = "cod",
    progress: Callable[[int, int | None], None] = lambda done, of: None,
) -> ReleaseFolder:
    """Write files of the COD into a release folder.

    Parameters
    ----------
    read
        Gives the file of a number: `from_web` or `from_mirror`.
    numbers
        Seven digits each.
    service
        What the manifest names as their origin.

    Raises
    ------
    SourceError
        If the web does not answer.
    ConfigurationError
        If the folder holds something else.
    """
    wanted = list(dict.fromkeys(number.strip() for number in numbers if number.strip()))
    made = ReleaseFolder.open(folder, Origin(source, release, service, {"ids": wanted}, LICENCE))
    for k, number in enumerate(wanted, start=1):
        if number in made:
            continue
        try:
            if not _NUMBER.fullmatch(number):
                raise UnreadableStructureError("no number of the COD, which has seven digits")
            made.add(number, ".cif", read(number))
        except UnreadableStructureError as error:
            made.leave_out(number, error.message)
        if k % _NOTED_EVERY == 0:
            made.reach()
        progress(k, len(wanted))
    if not made.manifest.complete:
        made.finish()
    return made


def from_web(service: Service, address: str = ADDRESS) -> Read:
    """Read from the database itself."""

    def read(number: str) -> bytes:
        try:
            return service.get(f"{address.rstrip('/')}/{number}.cif")
        except SourceError as error:
            if error.message.startswith("status 404"):
                raise UnreadableStructureError("the COD has no such entry") from None
            raise

    return read


def from_mirror(folder: Path) -> Read:
    """Read from a copy as rsync makes it (``cif/1/00/00/1000041.cif``), or from a folder with the files in it."""

    def read(number: str) -> bytes:
        ordered = Path(number[0], number[1:3], number[3:5], f"{number}.cif")
        for place in (folder / "cif" / ordered, folder / ordered, folder / ordered.name):
            if place.is_file():
                return place.read_bytes()
        raise UnreadableStructureError("the mirror has no such file")

    return read
