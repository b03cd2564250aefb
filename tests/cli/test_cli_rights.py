"""Users with fewer rights than they need, and addresses that cannot be honoured: one line that says why."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cli_answers import Answer, Mtl
from jobflow import Flow, job
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from samples import fill_screened, structure_document

from mtl_flows.launch.submit import submit
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.mongod import free_port, mongod_binary

ROLES = {"reader": "read", "writer": "readWrite"}


@pytest.fixture(scope="module")
def guarded_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a server that asks who one is, and holds a small store."""
    folder, port = tmp_path_factory.mktemp("guarded"), free_port()
    command = [str(mongod_binary()), "--auth", "--dbpath", str(folder), "--port", str(port), "--nounixsocket"]
    command += ["--bind_ip", "127.0.0.1", "--wiredTigerCacheSizeGB", "0.25", "--logpath", str(folder / "log")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            with MongoClient[dict[str, Any]]("127.0.0.1", port, serverSelectionTimeoutMS=60000) as client:
                client.admin.command("createUser", "root", pwd="secret", roles=["root"])
            with MongoClient[dict[str, Any]](f"mongodb://root:secret@127.0.0.1:{port}/") as client:
                for user, role in ROLES.items():
                    client["mtl"].command("createUser", user, pwd="secret", roles=[role])
            address = _address("writer", port)
            with MTLStore.connect(address) as store:
                fill_screened(store)
            yield port
        finally:
            server.kill()


def _address(user: str, port: int) -> Connection:
    return Connection.parse(f"mongodb://{user}:secret@127.0.0.1:{port}/mtl?authSource=mtl", "mtl")


@pytest.fixture
def as_user(mtl_here: Mtl, guarded_port: int) -> Callable[..., Answer]:
    """Run a command as one of the users."""
    return lambda user, *command: mtl_here(*command, MTL_MONGO_URI=_address(user, guarded_port).uri)


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("query", "--all"),
        ("explain", structure_document("li3n").material_id),
        ("query", "--all", "--json"),
        ("db", "status"),
        ("job", "list"),
        ("release", "list"),
        ("rejection", "list"),
        ("screening", "show"),
        ("campaign", "list"),
        ("whatif", "--r", "4.5"),
        ("plot", "funnel", "-o", "funnel.png"),
        ("query", "--all", "--csv", "-o", "rows.csv"),
        ("backup", "all.backup"),
        ("prune",),
    ],
    ids=lambda command: command[0],
)
def test_who_may_only_read_can_ask(as_user: Callable[..., Answer], command: tuple[str, ...]) -> None:
    answer = as_user("reader", *command)
    assert (answer.code, "error" in answer.err) == (0, False), answer.err


@pytest.mark.parametrize(
    "command",
    [
        ("label", structure_document("li3n").material_id, "--known"),
        ("query", "--all", "--full"),
    ],
    ids=lambda command: command[0],
)
def test_who_may_only_read_is_told_which_right_lacks(
    as_user: Callable[..., Answer], command: tuple[str, ...]
) -> None:
    answer = as_user("reader", *command)
    assert (answer.code, answer.err.count("\n")) == (4, 1), answer.err
    assert "the user lacks a right" in answer.err
    assert "readWrite" in answer.err


def test_reading_makes_nothing(mtl_here: Mtl, guarded_port: int) -> None:
    with MongoClient[dict[str, Any]](f"mongodb://root:secret@127.0.0.1:{guarded_port}/") as client:
        client.drop_database("empty")
        with suppress(PyMongoError):
            client["empty"].command("createUser", "reader", pwd="secret", roles=["read"])
        uri = f"mongodb://reader:secret@127.0.0.1:{guarded_port}/empty?authSource=empty"
        assert mtl_here("query", "--all", MTL_MONGO_URI=uri).code == 0
        assert client["empty"].list_collection_names() == []


@job
def nothing() -> None:
    """A job."""


def test_a_worker_that_may_not_write_says_so(as_user: Callable[..., Answer], guarded_port: int) -> None:
    submit(Flow([nothing()]), _address("writer", guarded_port), name=f"nothing {time.monotonic()}")
    answer = as_user("reader", "worker")
    assert answer.code == 4
    assert "lacks a right" in answer.err
    assert "secret" not in answer.err


def test_doctor_warns_of_what_an_ordinary_user_may_not_ask(as_user: Callable[..., Answer]) -> None:
    answer = as_user("writer", "doctor", "--json")
    found = {check["check"]: check for check in _checks(answer)}
    assert {name for name, check in found.items() if check["status"] == "fail"} == set()
    assert "clusterMonitor" in found["storage engine"]["remedy"]
    assert found["server disk"]["status"] == "warn"
    assert found["job store"]["status"] == "pass"
    reader = {check["check"]: check for check in _checks(as_user("reader", "doctor", "--json"))}
    assert (reader["job store"]["status"], "readWrite" in reader["job store"]["remedy"]) == ("warn", True)


def _checks(answer: Answer) -> list[dict[str, str]]:
    checks: list[dict[str, str]] = json.loads(answer.out)
    return checks


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("w=0", "unacknowledged"),
        ("readPreference=secondary", "readPreference"),
        ("readPreference=nearest", "readPreference"),
        ("tls=true&tlsCAFile=/nowhere/ca.pem", "/nowhere/ca.pem"),
        ("tls=true&tlsCertificateKeyFile=/nowhere/key.pem", "/nowhere/key.pem"),
        ("authMechanism=NONSENSE", "connection string"),
        ("readConcernLevel=local&retryWrites=false&w=1&journal=true&maxPoolSize=1&appName=mine", ""),
    ],
)
def test_every_option_works_or_is_refused_with_its_reason(
    mtl_here: Mtl, mongo_uri: str, project: Path, options: str, said: str
) -> None:
    answer = mtl_here("status", MTL_MONGO_URI=f"{mongo_uri}mtl_test_options?{options}")
    assert answer.code == (4 if said else 0), answer.err
    assert said in answer.err
