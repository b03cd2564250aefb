"""Documents and frames as files of a folder: each whole or not there, whatever ends the process."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from mtl_flows.errors import ConfigurationError, DynamicsError
from mtl_flows.schemas.base import Document
from mtl_flows.schemas.dynamics import BlockRecord
from mtl_flows.whole_files import hold, write_whole

STATE = "state"
"""Folder of what a run goes on from, in the folder of the run."""

D = TypeVar("D", bound=Document)


class RunFiles:
    """What was computed so far, by the same keys as in a store."""

    def __init__(self, folder: Path) -> None:
        self._root = folder / STATE

    def find(self, model: type[D], key: str) -> D | None:
        """Return a document; None if there is none of this key.

        Raises
        ------
        ConfigurationError
            If its file was changed by hand, or by a later version.
        """
        path = self._path(model, key)
        if not path.exists():
            return None
        try:
            return model.model_validate_json(path.read_bytes())
        except ValueError as error:
            raise ConfigurationError(
                f"is not what was written there: {error}",
                subject=str(path),
                remedy="delete it, and what it held is computed again",
            ) from None

    def put(self, document: D) -> D:
        """Write a document in the place of what was there, and return it."""
        write_whole(self._path(type(document), document.id), document.model_dump_json(by_alias=True).encode())
        return document

    def write_block(self, simulation_id: str, first_step: int, data: bytes, n_frames: int) -> BlockRecord:
        """Write a block of frames under a name of its own; it counts once a document points to it."""
        file_id = f"{_name_of(simulation_id)}/{first_step:09d}-{uuid4().hex[:8]}.npz"
        write_whole(self._root / "frames" / file_id, data)
        digest = sha256(data).hexdigest()
        return BlockRecord(file_id=file_id, sha256=digest, n_frames=n_frames, n_bytes=len(data))

    def read_block(self, block: BlockRecord) -> bytes:
        """Read a block.

        Raises
        ------
        DynamicsError
            If it is missing or damaged.
        """
        path = self._root / "frames" / block.file_id
        data = path.read_bytes() if path.exists() else b""
        if sha256(data).hexdigest() != block.sha256:
            raise DynamicsError(
                "frames are missing or damaged",
                subject=str(path),
                remedy=f"restore the file, or delete {self._root} and simulate again",
            )
        return data

    def sweep(self, simulation_id: str, counting: Iterable[BlockRecord]) -> None:
        """Delete the blocks of a simulation that a process left before its document pointed to them."""
        kept = {Path(block.file_id).name for block in counting}
        for path in (self._root / "frames" / _name_of(simulation_id)).glob("*"):
            if path.name not in kept:
                path.unlink()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the folder for this process; the kernel gives it free however the process ends.

        Raises
        ------
        ConfigurationError
            If another process works in it, or it cannot be written.
        """
        with hold(self._root / "lock", self._root.parent):
            yield

    def _path(self, model: type[Document], key: str) -> Path:
        return self._root / model.__name__ / f"{_name_of(key)}.json"


def _name_of(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:24]
