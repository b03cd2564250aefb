"""Fixtures that every room shares: a real mongod for the session, a fresh database for each test."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fake_cluster import FakeCluster
from memory import in_memory
from pymatgen.symmetry.groups import SpaceGroup

from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.mongod import EmbeddedServer

# To test against a server of your own; only databases named mtl_test_* are touched.
_TEST_URI = "MTL_TEST_MONGO_URI"
# FireWorks' thirty indexes, and those of the job store, take a second to build.
_OF_FIREWORKS = {
    *("fireworks", "launches", "workflows", "offline_runs", "fw_id_assigner", "outputs"),
    *(f"{bucket}.{part}" for bucket in ("fw_gridfs", "outputs_blobs") for part in ("files", "chunks")),
}


_BY_FIXTURE = {"mongo_uri": pytest.mark.mongo, "browser": pytest.mark.browser}


def pytest_configure() -> None:
    """Keep the space groups that pymatgen makes: it forgets them, and that of rock salt takes half a second."""
    made, kept = SpaceGroup.__new__, dict[int, SpaceGroup]()

    def keep(cls: type[SpaceGroup], *arguments: Any, **options: Any) -> SpaceGroup:
        group = made(cls, *arguments, **options)
        return kept.setdefault(id(group), group)

    SpaceGroup.__new__ = keep  # type: ignore[method-assign]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the server or a browser, however indirectly, and what stands in the room of faults."""
    for item in items:
        for name, mark in _BY_FIXTURE.items():
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(mark)
        if item.path.parent.name == "faults":
            item.add_marker(pytest.mark.faults)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own deployment out of the tests."""
    for name in list(os.environ):
        if name.startswith("MTL_") and name != _TEST_URI:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real server; the workers of pytest-xdist share one."""
    if uri := os.environ.get(_TEST_URI):
        yield uri
        return
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    home = in_memory(folder / "mongod")
    embedded = EmbeddedServer(home)
    with embedded.lease() as server:
        yield server.uri
    if not embedded.status().running:  # nobody else uses it
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def _session_address(mongo_uri: str) -> Iterator[Connection]:
    """One database for the session: creating indexes takes longer than most tests."""
    address = Connection.parse(mongo_uri, f"mtl_test_{uuid4().hex[:12]}")
    yield address
    with address.client() as client:
        client.drop_database(address.database)


@pytest.fixture
def address(_session_address: Connection) -> Iterator[Connection]:
    """Address of a database without documents, emptied again afterwards; what has indexes of its own keeps them."""
    yield _session_address
    with _session_address.client() as client:
        database = client[_session_address.database]
        ours = {collection.name for collection in MTLStore(client, database.name).collections}
        for name in database.list_collection_names():
            if name in ours | _OF_FIREWORKS:
                database[name].delete_many({})
            else:
                database.drop_collection(name)


@pytest.fixture
def store(address: Connection) -> Iterator[MTLStore]:
    """An empty store with its indexes in place."""
    with MTLStore.connect(address) as store:
        yield store


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeCluster]:
    """A cluster of this machine, whose jobs do nothing until it is released; they end with the test."""
    made = FakeCluster(tmp_path_factory.mktemp("cluster"))
    made.hold()
    yield made
    made.kill_nodes()
