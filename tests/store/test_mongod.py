"""The embedded server: shared, stopped by the last, robust against whatever is killed."""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from pymongo import MongoClient

from mtl_flows.errors import ConfigurationError, DatabaseUnavailableError
from mtl_flows.store import mongod
from mtl_flows.store.mongod import EmbeddedServer, ServerStatus, mongod_binary

pytestmark = pytest.mark.mongo


@pytest.fixture
def server(tmp_path: Path):
    server = EmbeddedServer(tmp_path / "mtl")
    yield server
    server.stop()


def write(status: ServerStatus, value: int) -> None:
    with MongoClient(status.uri, journal=True) as client:
        client.test.numbers.insert_one({"_id": value})


def read(status: ServerStatus) -> list[int]:
    with MongoClient(status.uri) as client:
        return sorted(d["_id"] for d in client.test.numbers.find())


def wait_until_dead(server: EmbeddedServer) -> None:
    deadline = time.monotonic() + 20
    while server.status().running:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_last_lease_stops_the_server_and_data_and_port_stay(server: EmbeddedServer) -> None:
    with server.lease() as first:
        with server.lease() as second:
            assert second == first
        assert server.status() == first
        write(first, 1)
    assert not server.status().running
    with server.lease() as again:
        assert again.port == first.port
        assert read(again) == [1]


def test_started_to_stay(server: EmbeddedServer) -> None:
    started = server.start()
    assert started.persistent
    with server.lease() as leased:
        assert leased == started
    assert server.status() == started
    assert server.start() == started
    assert server.stop()
    assert not server.status().running
    assert not server.stop()


def test_lease_becomes_permanent(server: EmbeddedServer) -> None:
    with server.lease() as leased:
        assert server.start().pid == leased.pid
    assert server.status().running


def test_stop_before_any_start(tmp_path: Path) -> None:
    assert not EmbeddedServer(tmp_path / "none").stop()
    assert not EmbeddedServer(tmp_path / "none").status().running
    assert not (tmp_path / "none").exists()


def test_killed_server_comes_back_with_its_data(server: EmbeddedServer) -> None:
    with server.lease() as status:
        write(status, 7)
        os.kill(status.pid, signal.SIGKILL)
        wait_until_dead(server)
        with server.lease() as revived:
            assert revived.pid != status.pid
            assert read(revived) == [7]


def test_server_whose_starter_was_stopped_is_found(server: EmbeddedServer) -> None:
    with server.lease() as status:
        (server.folder / "mongod.json").unlink()
        assert server.status() == status
        (server.folder / "mongod.json").write_text("{half a")
        with server.lease() as again:
            assert (again.pid, again.port) == (status.pid, status.port)


def test_number_of_another_process_is_not_taken_for_the_server(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    other = EmbeddedServer(tmp_path / "other")
    with other.lease() as foreign:
        server.folder.mkdir()
        for pid in (os.getpid(), foreign.pid):
            state = {"pid": pid, "port": foreign.port, "persistent": True}
            (server.folder / "mongod.json").write_text(json.dumps(state))
            assert not server.status().running
        with server.lease() as own:
            assert own.pid != foreign.pid
            assert own.port != foreign.port


def test_port_taken_by_another_program(server: EmbeddedServer) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        server.folder.mkdir()
        (server.folder / "port").write_text(str(squatter.getsockname()[1]))
        with server.lease() as status:
            assert status.port != squatter.getsockname()[1]


def test_port_taken_at_the_last_moment(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        ports = iter([squatter.getsockname()[1], mongod.free_port()])
        monkeypatch.setattr(mongod, "free_port", lambda: next(ports))
        monkeypatch.setattr(mongod, "is_free", lambda port: False)
        with server.lease() as status:
            write(status, 1)


def _hold(folder: Path, number: int) -> None:
    """Hold a lease until a file appears. (Locks shared with a process that is killed may never open again.)"""
    with EmbeddedServer(folder).lease() as status:
        (folder.parent / f"ready-{number}").write_text(str(status.pid))
        while not (folder.parent / "done").exists():
            time.sleep(0.02)


def test_processes_share_one_server_and_a_killed_one_leaves_nothing_locked(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    context = multiprocessing.get_context("spawn")
    holders = [context.Process(target=_hold, args=(server.folder, i)) for i in range(3)]
    for holder in holders:
        holder.start()
    ready = [tmp_path / f"ready-{i}" for i in range(3)]
    deadline = time.monotonic() + 60
    while not all(file.exists() and file.read_text() for file in ready):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert len({file.read_text() for file in ready}) == 1
    holders[0].kill()
    holders[0].join()
    assert server.status().running
    (tmp_path / "done").touch()
    for holder in holders[1:]:
        holder.join(60)
        assert holder.exitcode == 0
    assert not server.status().running


def test_error_inside_a_lease_stops_the_server_too(server: EmbeddedServer) -> None:
    with pytest.raises(RuntimeError, match="mine"), server.lease():
        raise RuntimeError("mine")
    assert not server.status().running


def test_server_that_cannot_start_points_to_its_log(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (server.folder / "db" / "mongod.lock").mkdir(parents=True)
    with (
        pytest.raises(DatabaseUnavailableError, match=r"did not start \(exit code \d+\)") as caught,
        server.lease(),
    ):
        pass
    assert str(server.log_file) in str(caught.value)


def test_server_that_takes_forever(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*args: object, **options: object) -> None:
        raise subprocess.TimeoutExpired("mongod", 60)

    monkeypatch.setattr(mongod, "mongod_binary", lambda: Path("mongod"))
    monkeypatch.setattr(mongod.subprocess, "run", hang)
    with pytest.raises(DatabaseUnavailableError, match="did not start"):
        server.start()


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigurationError, match="Not a directory") as caught:
        EmbeddedServer(tmp_path / "file" / "mtl").start()
    assert "MTL_MONGO_URI" in caught.value.remedy


@pytest.mark.parametrize("found", [None, ModuleNotFoundError("fiftyone")])
def test_not_installed(monkeypatch: pytest.MonkeyPatch, found: Exception | None) -> None:
    def find_spec(name: str) -> None:
        if found is not None:
            raise found

    monkeypatch.setattr(mongod, "find_spec", find_spec)
    with pytest.raises(ConfigurationError, match="no embedded mongod is installed") as caught:
        mongod_binary()
    assert "mtl-flows[embedded]" in caught.value.remedy


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "arm64"), ("Linux", "aarch64")])
def test_machines_without_one_are_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: str, machine: str
) -> None:
    monkeypatch.setattr(mongod, "find_spec", lambda name: None)
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(ConfigurationError, match=f"there is none for {system} {machine}") as caught:
        EmbeddedServer(tmp_path / "db").start()
    assert "docker run" in caught.value.remedy
    assert "pip install" not in caught.value.remedy


def test_binary_of_another_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    binary = tmp_path / "bin" / "mongod"
    binary.write_text("not for this machine")
    binary.chmod(0o755)
    spec = type("Spec", (), {"submodule_search_locations": [str(tmp_path)]})
    monkeypatch.setattr(mongod, "find_spec", lambda name: spec)
    with pytest.raises(ConfigurationError, match="does not run on this machine"):
        mongod_binary()
