"""Fixtures of the flows: a database whose FireWorks indexes are built once, and workers in a folder of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from mtl_flows.launch.events import WorkSummary
from mtl_flows.launch.worker import work
from mtl_flows.store.connection import Connection

Work = Callable[..., WorkSummary]


@pytest.fixture(scope="session")
def _flow_address(mongo_uri: str) -> Iterator[Connection]:
    address = Connection.parse(mongo_uri, f"mtl_test_{uuid4().hex[:12]}")
    yield address
    with address.client() as client:
        client.drop_database(address.database)


@pytest.fixture
def address(_flow_address: Connection) -> Iterator[Connection]:
    """That database, emptied after each test."""
    yield _flow_address
    with _flow_address.client() as client:
        database = client[_flow_address.database]
        for name in database.list_collection_names():
            database[name].delete_many({})


@pytest.fixture
def run(address: Connection, tmp_path: Path) -> Work:
    """Run jobs until none is left."""
    return lambda **options: work(address, launch_dir=tmp_path / "launches", **options)
