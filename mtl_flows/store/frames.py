"""Frames of molecular dynamics in GridFS: blocks of float32 with checksums."""

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any
from uuid import uuid4

import gridfs
from gridfs.errors import CorruptGridFile, NoFile
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError

from mtl_flows.errors import DynamicsError
from mtl_flows.schemas.base import Document, utc_now
from mtl_flows.schemas.dynamics import BlockRecord
from mtl_flows.store.collection import DocumentCollection, only_doubles
from mtl_flows.store.dynamics import TrajectoryCollection
from mtl_flows.store.owner import Owner

_PIECE_BYTES = gridfs.DEFAULT_CHUNK_SIZE


class FramePieces(DocumentCollection[Document]):
    """The pieces of blocks, as GridFS keeps them."""

    name = "frames.chunks"
    model = Document
    indexes = (IndexModel([("files_id", ASCENDING), ("n", ASCENDING)], unique=True),)


class FrameFiles:
    """Blocks of frames, each under a name that nobody else writes; the record of the simulation says which count.

    A block is noted before it is written, and the note goes once the record points to it. So whatever a lost worker
    leaves, in part or whole, is found among the notes and nowhere else.
    """

    def __init__(self, database: Database[dict[str, Any]], owner: Owner | None = None) -> None:
        self._database = database
        self._files = gridfs.GridFS(database, "frames")
        self._notes = database["frames.pending"]
        self._owner = owner or Owner.alone()
        self.pieces = FramePieces(database, self._owner)

    def write(
        self, simulation_id: str, first_step: int, data: bytes, n_frames: int, *, revision: int = 0
    ) -> BlockRecord:
        """Store one block of a simulation; it counts once the record moves on from `revision` and points to it.

        Raises
        ------
        OwnershipLostError
            If the writer's work was given to another worker.
        """
        digest = sha256(data).hexdigest()
        while True:
            self._owner.check()
            file_id = f"{simulation_id}:{first_step:09d}:{self._owner.token}:{uuid4().hex[:8]}"
            self._notes.insert_one(
                {
                    "_id": file_id,
                    "simulation": simulation_id,
                    "revision": revision,
                    "owner": self._owner.token,
                }
            )
            try:
                self._put(file_id, data, {"simulation": simulation_id, "sha256": digest})
                return BlockRecord(file_id=file_id, sha256=digest, n_frames=n_frames, n_bytes=len(data))
            except DuplicateKeyError:
                pass
            except BulkWriteError as error:
                only_doubles(error)
            # A piece was written twice, across an outage: under another name then, and this one is swept.

    def _put(self, file_id: str, data: bytes, metadata: dict[str, str]) -> None:
        """Write a file as GridFS keeps it; the driver would ask each time whether there are indexes."""
        pieces = [data[start : start + _PIECE_BYTES] for start in range(0, len(data), _PIECE_BYTES)]
        if pieces:
            self._database[FramePieces.name].insert_many(
                {"files_id": file_id, "n": n, "data": piece} for n, piece in enumerate(pieces)
            )
        described = {"length": len(data), "chunkSize": _PIECE_BYTES, "uploadDate": utc_now()}
        self._database["frames.files"].insert_one({"_id": file_id, **described, **metadata})

    def forsake(
        self, blocks: Iterable[BlockRecord], simulations: TrajectoryCollection, simulation_id: str
    ) -> None:
        """Delete those blocks of a writer whose work is lost that were swept while they were on their way.

        No note tells of them any more, and the record can move to none of them. Whatever has a note is swept later.
        """
        noted, standing = self.noted(), simulations.blocks(simulation_id)
        for block in blocks:
            if block.file_id not in noted | standing.file_ids:
                self._files.delete(block.file_id)

    def settle(self, blocks: Iterable[BlockRecord]) -> None:
        """Drop the notes of blocks that the record of their simulation points to."""
        self._notes.delete_many({"_id": {"$in": [block.file_id for block in blocks]}})

    def sweep(self, simulations: TrajectoryCollection, has_ended: Callable[[str], bool]) -> int:
        """Delete the blocks that no record can point to any more, and return how many.

        A block waits for one move of the record. It is lost if the record moved without it, or if its writer has
        ended; `has_ended` tells that of an owner's token, and may say no where it cannot know.
        """
        swept = 0
        for note in list(self._notes.find()):
            ended = has_ended(note["owner"])
            standing = simulations.blocks(note["simulation"])
            if ended and standing.revision == note["revision"]:
                # Its last write may be on its way still: let it find the record changed.
                simulations.disown(note["simulation"])
                standing = simulations.blocks(note["simulation"])
            if note["_id"] not in standing.file_ids:
                if not ended and standing.revision == note["revision"]:
                    continue
                self._files.delete(note["_id"])
                swept += 1
            self._notes.delete_one({"_id": note["_id"]})
        return swept

    def sizes(self) -> dict[str, int]:
        """Bytes of every block there is, by its name."""
        return {
            str(d["_id"]): int(d["length"]) for d in self._database["frames.files"].find({}, {"length": 1})
        }

    def noted(self) -> frozenset[str]:
        """Names of the blocks that are being written, or were left by a lost worker."""
        return frozenset(str(note["_id"]) for note in self._notes.find({}, {"_id": 1}))

    def remove(self, file_ids: Iterable[str]) -> None:
        """Delete blocks, those that are gone already among them."""
        for file_id in file_ids:
            self._owner.check()
            self._files.delete(file_id)

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
