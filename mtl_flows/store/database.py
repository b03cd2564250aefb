"""The store: every domain collection of one database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import gridfs
from pymongo import MongoClient

from mtl_flows.settings import Settings
from mtl_flows.store.collection import DocumentCollection
from mtl_flows.store.connection import Connection, connection
from mtl_flows.store.ingest import RejectionCollection, ReleaseCollection, StructureCollection


class MTLStore:
    """Typed access to everything the framework keeps.

    Use `open` (settings of the working directory) or `connect` (an address); both are context managers.

    Attributes
    ----------
    structures, rejections, releases
        What was ingested and what was refused.
    trajectories : gridfs.GridFS
        Frames of molecular dynamics, float32, one file per chunk.
    """

    def __init__(self, client: MongoClient[dict[str, Any]], database: str) -> None:
        self.client = client
        self.database = client[database]
        self.releases = ReleaseCollection(self.database)
        self.structures = StructureCollection(self.database)
        self.rejections = RejectionCollection(self.database)
        self.trajectories = gridfs.GridFS(self.database, "trajectories")

    @property
    def collections(self) -> tuple[DocumentCollection[Any], ...]:
        """Every domain collection, in the order of the stages."""
        return (self.releases, self.structures, self.rejections)

    def ensure_indexes(self) -> None:
        """Create the indexes that are missing."""
        for collection in self.collections:
            collection.ensure_indexes()

    @classmethod
    @contextmanager
    def connect(cls, address: Connection) -> Iterator[Self]:
        """Open the store at `address`; indexes are in place when it is handed out."""
        with address.client() as client:
            store = cls(client, address.database)
            store.ensure_indexes()
            yield store

    @classmethod
    @contextmanager
    def open(cls, settings: Settings | None = None) -> Iterator[Self]:
        """Open the configured store, starting the embedded server if none is configured."""
        with connection(settings or Settings.load()) as address, cls.connect(address) as store:
            yield store
