"""Fixtures of the launch room."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo.database import Database

from mtl_flows.launch.events import WorkSummary
from mtl_flows.launch.worker import work
from mtl_flows.store.connection import Connection


@pytest.fixture(scope="session")
def launch_address(mongo_uri: str) -> Iterator[Connection]:
    """One database for all tests here: FireWorks' thirty indexes take a second to build."""
    address = Connection.parse(mongo_uri, f"mtl_test_{uuid4().hex[:12]}")
    yield address
    with address.client() as client:
        client.drop_database(address.database)


@pytest.fixture
def address(launch_address: Connection) -> Iterator[Connection]:
    """That database, emptied after each test."""
    yield launch_address
    with launch_address.client() as client:
        database = client[launch_address.database]
        for name in database.list_collection_names():
            database[name].delete_many({})


@pytest.fixture
def database(address: Connection) -> Iterator[Database[dict[str, Any]]]:
    with address.client() as client:
        yield client[address.database]


@pytest.fixture
def run(address: Connection, tmp_path: Path) -> Callable[..., WorkSummary]:
    """Work in a folder of the test's own."""
    return lambda **options: work(address, launch_dir=tmp_path / "launches", **options)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.txt"
