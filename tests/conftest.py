"""Fixtures that every room shares: a real mongod for the session, a fresh database for each test."""

import gc
import os
import shutil
from collections.abc import Generator, Iterator
from functools import cache
from multiprocessing import forkserver
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fake_cluster import FakeCluster
from memory import in_memory
from once_for_all import share
from pymatgen.symmetry.groups import SpaceGroup
from pymongo.database import Database

from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.mongod import EmbeddedServer
from mtl_flows.store.swap import LAYOUT

# To test against a server of your own; only databases named mtl_test_* are touched.
_TEST_URI = "MTL_TEST_MONGO_URI"
# FireWorks' thirty indexes, and those of the job store and of frames, take a second to build.
_WITH_INDEXES = {
    *("fireworks", "launches", "workflows", "offline_runs", "fw_id_assigner", "outputs"),
    *(f"{name}.{part}" for name in ("fw_gridfs", "outputs_blobs", "frames") for part in ("files", "chunks")),
}


_BY_FIXTURE = {"mongo_uri": pytest.mark.mongo, "browser": pytest.mark.browser}


def pytest_configure() -> None:
    """Keep what several tests need and would make again: space groups, and what processes import."""
    _keep_space_groups()
    _fork_from_all_that_is_needed()


def _fork_from_all_that_is_needed() -> None:
    """Let the one server that processes are forked from load what any test asks for, not the first alone."""
    preload = forkserver.set_forkserver_preload

    def with_others(modules: list[str]) -> None:
        preload(
            [
                *modules,
                "mtl_flows.jobs.ingest",
                "mtl_flows.jobs.batch",
                "mtl_flows.science.barrier.kernels",
                "gph",
            ]
        )

    forkserver.set_forkserver_preload = with_others


def _keep_space_groups() -> None:
    """Pymatgen forgets them, and that of rock salt takes half a second."""
    made, kept = SpaceGroup.__new__, dict[int, SpaceGroup]()

    def keep(cls: type[SpaceGroup], *arguments: Any, **options: Any) -> SpaceGroup:
        group = made(cls, *arguments, **options)
        return kept.setdefault(id(group), group)

    SpaceGroup.__new__ = keep  # type: ignore[method-assign]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage in what is imported, now or later: it stays, and looking takes a third of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the server or a browser, however indirectly, and what stands in the room of faults."""
    for item in items:
        for name, mark in _BY_FIXTURE.items():
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(mark)
        if item.path.parent.name == "faults":
            item.add_marker(pytest.mark.faults)


@pytest.fixture(scope="session")
def _folder_of_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the workers of pytest-xdist have in common; of one process its own."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(autouse=True, scope="session")
def _made_once(_folder_of_all: Path) -> None:
    """What takes long is made once for all of them."""
    share(_folder_of_all)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own deployment out of the tests."""
    for name in list(os.environ):
        if name.startswith("MTL_") and name != _TEST_URI:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def mongo_uri(_folder_of_all: Path) -> Iterator[str]:
    """Address of a real server; the workers of pytest-xdist share one."""
    if uri := os.environ.get(_TEST_URI):
        yield uri
        return
    home = in_memory(_folder_of_all / "mongod")
    embedded = EmbeddedServer(home)
    with embedded.lease() as server:
        yield server.uri
    if not embedded.status().running:  # nobody else uses it
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def _session_address(mongo_uri: str) -> Connection:
    """One database for the session: creating indexes takes longer than most tests."""
    return Connection.parse(mongo_uri, f"mtl_test_{uuid4().hex[:12]}")


@pytest.fixture(scope="session")
def _session_database(_session_address: Connection) -> Iterator[Database[dict[str, Any]]]:
    """The same for those who empty it: opening a client costs as much as emptying."""
    with _session_address.client() as client:
        yield client[_session_address.database]
        client.drop_database(_session_address.database)


@pytest.fixture
def address(
    _session_address: Connection, _session_database: Database[dict[str, Any]]
) -> Iterator[Connection]:
    """Address of a database without documents, emptied again afterwards; what has indexes keeps them."""
    yield _session_address
    database = _session_database
    names = database.list_collection_names()
    kept = _kept(database)
    for name in set(names) - kept:
        database.drop_collection(name)
    for name in _filled(database, sorted(kept & set(names))):
        database[name].delete_many({"_id": {"$ne": "indexes"}} if name == LAYOUT else {})


@cache
def _kept(database: Database[dict[str, Any]]) -> set[str]:
    """Collections that stay."""
    return {LAYOUT, *_WITH_INDEXES, *(c.name for c in MTLStore(database.client, database.name).collections)}


def _filled(database: Database[dict[str, Any]], names: list[str]) -> list[str]:
    """Which collections hold documents, by one question: most tests fill few."""
    if not names:
        return []
    one_of = [[{"$limit": 1}, {"$project": {"_id": 0, "name": {"$literal": name}}}] for name in names]
    others = [{"$unionWith": {"coll": n, "pipeline": p}} for n, p in zip(names[1:], one_of[1:], strict=True)]
    return [found["name"] for found in database[names[0]].aggregate([*one_of[0], *others])]


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
