"""Frames of molecular dynamics in GridFS: blocks of float32 with checksums."""

from hashlib import sha256
from typing import Any

import gridfs
from gridfs.errors import CorruptGridFile, NoFile
from pymongo.database import Database

from mtl_flows.errors import DynamicsError
from mtl_flows.schemas.dynamics import BlockRecord


class FrameFiles:
    """Blocks of frames, named by simulation and first step.

    Writing a block again replaces it, so a chunk that is repeated after its worker was lost leaves nothing doubled.
    """

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._files = gridfs.GridFS(database, "frames")

    def write(self, simulation_id: str, first_step: int, data: bytes, n_frames: int) -> BlockRecord:
        """Store one block."""
        file_id = f"{simulation_id}:{first_step:09d}"
        self._files.delete(file_id)
        digest = sha256(data).hexdigest()
        self._files.put(data, _id=file_id, simulation=simulation_id, sha256=digest)
        return BlockRecord(file_id=file_id, sha256=digest, n_frames=n_frames, n_bytes=len(data))

    def read(self, block: BlockRecord) -> bytes:
        """Fetch one block.

        Raises
        ------
        DynamicsError
            If it is missing or damaged.
        """
        try:
            data = self._files.get(block.file_id).read()
        except NoFile:
            raise _lost(block, "missing") from None
        except CorruptGridFile:
            raise _lost(block, "damaged") from None
        if sha256(data).hexdigest() != block.sha256:
            raise _lost(block, "damaged")
        return bytes(data)


def _lost(block: BlockRecord, how: str) -> DynamicsError:
    return DynamicsError(f"frames are {how}", subject=block.file_id, remedy="restore them from a backup")
