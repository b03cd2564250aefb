"""Checks of a whole configuration: what a worker would meet, tried before it is left alone with it."""

import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import yaml
from jobflow.core.store import JobStore
from maggma.stores import MemoryStore, MontyStore
from pymongo.errors import OperationFailure, PyMongoError

from mtl_flows.errors import MTLError
from mtl_flows.launch.launchpad import job_store
from mtl_flows.launch.names import HEARTBEAT_S
from mtl_flows.settings import SETTINGS_FILE, Settings, find_project_folder
from mtl_flows.store.connection import Connection, connection, told_by_server
from mtl_flows.store.database import MTLStore
from mtl_flows.store.patience import UNAUTHORIZED

Status = Literal["pass", "warn", "fail"]

BLOB_BYTES = 20 * 1024 * 1024
"""Larger than any document may be, so that only GridFS can hold it."""

_BLOB_STORE = "data"
_OLDEST_SERVER, _TESTED_SERVER = (5, 2), (6, 0)
_CLOCK_WARN_S = 2.0
_DISK_FAIL_BYTES, _DISK_WARN_BYTES = 1e9, 10e9
_RIGHTS = {
    "storage engine": "clusterMonitor (serverStatus)",
    "server disk": "clusterMonitor (dbStats of admin)",
}
"""What a user needs beside readWrite on the database for a check alone; nothing else asks that."""
_SECRET_WORDS = ("password:", "mongo_uri:", "api_key:")
_CONFIGURED_FILES = (SETTINGS_FILE, "my_launchpad.yaml", "jobflow.yaml", "FW_config.yaml", "my_qadapter.yaml")
_LIBRARIES = (
    "pymatgen",
    "jobflow",
    "fireworks",
    "maggma",
    "pymongo",
    "giotto-tda",
    "spglib",
    "ase",
    "chgnet",
)


@dataclass(frozen=True)
class CheckResult:
    """Outcome of one check.

    Attributes
    ----------
    check
        What was looked at.
    status
        ``pass``, ``warn`` (works, but look at it) or ``fail`` (results would be lost or wrong).
    found
        What was found; never holds credentials.
    remedy
        What to do; empty where all is well.
    """

    check: str
    status: Status
    found: str
    remedy: str = ""


def examine(settings: Settings, *, blob_bytes: int = BLOB_BYTES) -> Iterator[CheckResult]:
    """Check everything a worker depends on; a check that breaks is a failure and the others go on.

    Nothing stays behind: the object of the round trip is removed.

    Parameters
    ----------
    blob_bytes
        Size of the object that goes through the worker's job store and back.
    """
    project = find_project_folder()
    yield _libraries()
    yield from _files(project)
    yield _local_disk(project)
    try:
        with connection(settings) as address, address.client() as client:
            yield CheckResult("server", "pass", f"answers at {address}")
            store = MTLStore(client, address.database)
            checks: tuple[tuple[str, Callable[[], CheckResult]], ...] = (
                ("server version", lambda: _server_version(store)),
                ("storage engine", lambda: _storage_engine(store)),
                ("clock", lambda: _clock(store)),
                ("server disk", lambda: _server_disk(store)),
                ("indexes", lambda: _indexes(store)),
                ("schema versions", lambda: _schemas(store)),
                ("job store", lambda: _job_store(address, project, blob_bytes)),
                ("launchpad", lambda: _launchpad(address, project)),
            )
            for name, check in checks:
                yield _tried(name, check)
    except MTLError as error:
        yield CheckResult("server", "fail", error.message, error.remedy)


def _tried(name: str, check: Callable[[], CheckResult]) -> CheckResult:
    try:
        return check()
    except MTLError as error:
        return CheckResult(name, "fail", error.message, error.remedy)
    except PyMongoError as error:  # whose text may repeat the address
        if isinstance(error, OperationFailure) and error.code == UNAUTHORIZED:
            needed = _RIGHTS.get(
                name, "the role readWrite, which workers need; one who only reads does without"
            )
            return CheckResult(name, "warn", "the user may not ask that", f"grant {needed}, or do without")
        told = told_by_server(error)
        return CheckResult(name, "fail", told.message, told.remedy)
    except (yaml.YAMLError, OSError, ValueError, KeyError, TypeError) as error:  # likewise
        return CheckResult(
            name, "fail", f"unusable configuration: {type(error).__name__}", "mtl init --force"
        )


def _libraries() -> CheckResult:
    found, missing = {}, []
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            missing.append(name)
    told = ", ".join(f"{name} {number}" for name, number in found.items())
    if missing:
        return CheckResult(
            "libraries", "warn", f"missing: {', '.join(missing)}", "install mtl_flows with its extras"
        )
    return CheckResult("libraries", "pass", told)


def _files(project: Path) -> Iterator[CheckResult]:
    """Modes of the files that can hold credentials: the project's, and those the environment points to."""
    named = [os.environ.get(name, "") for name in ("JOBFLOW_CONFIG_FILE", "FW_CONFIG_FILE")]
    files = {*(project / name for name in _CONFIGURED_FILES), *(Path(name) for name in named if name)}
    present = sorted(file for file in files if file.is_file())
    for file in present:
        mode = stat.S_IMODE(file.stat().st_mode)
        text = file.read_text(encoding="utf-8", errors="replace")
        secret = any(
            word in line
            for line in text.splitlines()
            if not line.lstrip().startswith("#")
            for word in _SECRET_WORDS
        )
        if secret and mode & 0o077:
            remedy = f"chmod 600 {file.name}"
            yield CheckResult(
                f"mode of {file.name}", "fail", f"others may read its credentials ({mode:04o})", remedy
            )
        else:
            told = "for its owner alone" if not mode & 0o077 else "holds no credentials"
            yield CheckResult(f"mode of {file.name}", "pass", f"{told} ({mode:04o})")


def _local_disk(project: Path) -> CheckResult:
    return _disk("disk", shutil.disk_usage(project).free, "of the project folder")


def _disk(name: str, free_bytes: float, where: str) -> CheckResult:
    told = f"{free_bytes / 1e9:.1f} GB free on the disk {where}"
    if free_bytes < _DISK_FAIL_BYTES:
        return CheckResult(name, "fail", told, "make room before anything runs")
    if free_bytes < _DISK_WARN_BYTES:
        return CheckResult(
            name, "warn", told, "frames of molecular dynamics take about 1 GB for 100 materials"
        )
    return CheckResult(name, "pass", told)


def _server_disk(store: MTLStore) -> CheckResult:
    # A database that holds nothing yet has no size; that of the server's own always is there.
    stats = store.client.admin.command("dbStats")
    if not stats.get("fsTotalSize"):
        return CheckResult("server disk", "warn", "the server does not say", "ask who runs it")
    return _disk("server disk", stats["fsTotalSize"] - stats["fsUsedSize"], "of the server")


def _server_version(store: MTLStore) -> CheckResult:
    told = str(store.client.server_info()["version"])
    number = tuple(int(part) for part in told.split(".")[:2])
    if number < _OLDEST_SERVER:
        return CheckResult("server version", "fail", f"MongoDB {told}", "use MongoDB 6.0 or later")
    if number < _TESTED_SERVER:
        return CheckResult(
            "server version", "warn", f"MongoDB {told}", "tests run on 6.0; update when you can"
        )
    return CheckResult("server version", "pass", f"MongoDB {told}")


def _storage_engine(store: MTLStore) -> CheckResult:
    engine = store.client.admin.command("serverStatus")["storageEngine"]
    if not engine.get("persistent", True):
        return CheckResult(
            "storage engine",
            "fail",
            f"{engine['name']}: data end with the server",
            "use one that keeps its data",
        )
    return CheckResult("storage engine", "pass", f"{engine['name']}, acknowledged writes are journalled")


def _clock(store: MTLStore) -> CheckResult:
    before = datetime.now(UTC)
    server = store.client.admin.command("hello")["localTime"].replace(tzinfo=UTC)
    after = datetime.now(UTC)
    off_s = max(0.0, (before - server).total_seconds(), (server - after).total_seconds())
    told = f"{off_s:.1f} s apart from the server's"
    remedy = "synchronise the clocks (NTP): lost jobs are recognised by time"
    status: Status = "fail" if off_s >= HEARTBEAT_S else "warn" if off_s >= _CLOCK_WARN_S else "pass"
    return CheckResult("clock", status, told, "" if status == "pass" else remedy)


def _indexes(store: MTLStore) -> CheckResult:
    missing = []
    begun = set(store.database.list_collection_names())
    for collection in store.collections:
        if collection.name not in begun:
            continue  # made with its indexes when the store is first used
        there = collection.raw.index_information()
        missing += [
            f"{collection.name}.{index.document['name']}"
            for index in collection.indexes
            if index.document["name"] not in there
        ]
    if missing:
        told = f"{len(missing)} missing: {', '.join(missing[:3])}{' …' if len(missing) > 3 else ''}"
        return CheckResult("indexes", "fail", told, "mtl migrate")
    return CheckResult("indexes", "pass", "all there")


def _schemas(store: MTLStore) -> CheckResult:
    from mtl_flows.store.migrations import outdated, too_new

    newer, older = too_new(store), outdated(store)
    if newer:
        told = ", ".join(f"{n} in {name}" for name, n in newer.items())
        return CheckResult(
            "schema versions", "fail", f"written by a later mtl_flows: {told}", "update mtl_flows"
        )
    if older:
        told = ", ".join(f"{n} in {name}" for name, n in older.items())
        return CheckResult("schema versions", "warn", f"of an earlier layout: {told}", "mtl migrate")
    return CheckResult("schema versions", "pass", "all documents have the layout of this version")


def _job_store(address: Connection, project: Path, blob_bytes: int) -> CheckResult:
    """Send an object through the job store that a worker would open here, and back."""
    with _worker_job_store(address, project) as (store, origin):
        additional: Mapping[str, Any] = vars(store)["additional_stores"]
        stores: Mapping[str, Any] = {"docs_store": store.docs_store, **additional}
        in_memory = [name for name, part in stores.items() if _in_memory(part)]
        if in_memory:
            return CheckResult(
                "job store",
                "fail",
                f"{origin} keeps {', '.join(in_memory)} in memory: outputs end with the worker",
                "write a jobflow.yaml with mtl init and point JOBFLOW_CONFIG_FILE at it",
            )
        if _BLOB_STORE not in additional:
            return CheckResult(
                "job store",
                "fail",
                f"{origin} has no additional store {_BLOB_STORE!r}",
                "see launchpad/jobflow.yaml",
            )
        blob = secrets.token_hex(blob_bytes // 2)
        uuid = f"mtl-doctor-{uuid4()}"
        try:
            document = {"uuid": uuid, "index": 1, "output": {"blob": blob}}
            store.update(document, save={_BLOB_STORE: ["blob"]})
            returned = store.query_one({"uuid": uuid}, load=True)
            same = returned is not None and _digest(returned["output"]["blob"]) == _digest(blob)
        finally:
            store.remove_docs({"uuid": uuid})
    told = f"{blob_bytes / 2**20:g} MiB through {origin} and back"
    if not same:
        return CheckResult(
            "job store", "fail", f"{told}: something else came back", "check the additional store"
        )
    return CheckResult("job store", "pass", told)


def _digest(text: Any) -> str:
    return sha256(str(text).encode()).hexdigest()


def _in_memory(part: Any) -> bool:
    # JSONStore and MontyStore derive from MemoryStore and write files, the latter if it is told to.
    return type(part) is MemoryStore or (isinstance(part, MontyStore) and str(part.storage) == "memory")


@contextmanager
def _worker_job_store(address: Connection, project: Path) -> Iterator[tuple[JobStore, str]]:
    """The store that jobflow would take here: JOBFLOW_CONFIG_FILE, the project's file, or mtl worker's own."""
    named = os.environ.get("JOBFLOW_CONFIG_FILE", "")
    file = Path(named) if named else project / "jobflow.yaml"
    if file.is_file():
        content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        spec = content.get("JOB_STORE")
        store = JobStore.from_dict_spec(spec) if isinstance(spec, dict) else JobStore(MemoryStore())
        store.connect()
        origin = file.name
    else:
        store, origin = job_store(address), "the store of mtl worker"
    try:
        yield store, origin
    finally:
        store.close()  # type: ignore[no-untyped-call]


def _launchpad(address: Connection, project: Path) -> CheckResult:
    """Whether lpad and rlaunch would use the same database as mtl."""
    file = project / "my_launchpad.yaml"
    if not file.is_file():
        return CheckResult("launchpad", "pass", f"mtl worker uses database {address.database!r}")
    content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    if content.get("name") != address.database:
        return CheckResult(
            "launchpad",
            "fail",
            f"my_launchpad.yaml names database {content.get('name')!r}, mtl uses {address.database!r}",
            "mtl init --force",
        )
    located = project / "FW_config.yaml"
    if located.is_file():
        named = yaml.safe_load(located.read_text(encoding="utf-8")).get("LAUNCHPAD_LOC", "")
        if named and Path(named).parent != project:
            return CheckResult(
                "launchpad",
                "fail",
                f"copied or moved: FW_config.yaml names {Path(named).parent}",
                "mtl init --force; until then lpad and rlaunch use the other folder's server",
            )
    if not os.environ.get("JOBFLOW_CONFIG_FILE"):
        return CheckResult(
            "launchpad",
            "warn",
            "JOBFLOW_CONFIG_FILE is unset: under rlaunch jobflow would keep outputs in memory",
            "source environment.sh before rlaunch and qlaunch; mtl worker needs none",
        )
    return CheckResult("launchpad", "pass", f"my_launchpad.yaml names the same database {address.database!r}")
