"""What stands in the way is said in one line with a remedy, never with a password or a traceback."""

import os
import shlex
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import pytest
import typer
from cli_answers import Mtl, environment

from mtl_flows import __version__
from mtl_flows.cli.app import app, exit_code
from mtl_flows.cli.console import as_typed
from mtl_flows.errors import (
    ClusteringError,
    ConfigurationError,
    DatabaseUnavailableError,
    InputError,
    MTLError,
    NotFoundError,
    OccupancyError,
)

SECRET = "s3cret"


def test_no_server_answers(mtl_here: Mtl) -> None:
    uri = f"mongodb://me:{SECRET}@127.0.0.1:1/x?serverSelectionTimeoutMS=100"
    answer = mtl_here("status", MTL_MONGO_URI=uri)
    assert answer.code == 3, answer
    assert "error (database_unavailable) mongodb://127.0.0.1:1/x: no MongoDB server answers" in answer.err
    assert "start it, or unset MTL_MONGO_URI" in answer.err
    assert SECRET not in str(answer)
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    "uri",
    [
        f"http://me:{SECRET}@host/x",
        f"mongodb://me:{SECRET}@x@host/x",
        f"mongodb://me:{SECRET}@host:port/x",
        SECRET,
    ],
)
def test_what_is_no_connection_string(mtl_here: Mtl, uri: str) -> None:
    for command in (("status",), ("query",), ("init",), ("worker",), ("run", ".")):
        answer = mtl_here(*command, MTL_MONGO_URI=uri)
        assert answer.code == 4, answer
        assert "MTL_MONGO_URI: not a usable MongoDB connection string" in answer.err
        assert "mongodb://user:password@host" in answer.err
        assert SECRET not in str(answer)


def test_a_traceback_on_request_holds_no_password_either(
    mtl_here: Mtl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTL_TRACEBACK", "")  # put back what the option sets
    with pytest.raises(ConfigurationError) as caught:
        mtl_here("--traceback", "db", "status", MTL_MONGO_URI=f"http://me:{SECRET}@host/x")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_wrong_settings_file_is_named(mtl_here: Mtl, project: Path) -> None:
    (project / "mtl.yaml").write_text(f"mongo_url: mongodb://me:{SECRET}@host/x\n")
    answer = mtl_here("status")
    assert answer.code == 4
    assert f"{project}/mtl.yaml: mongo_url" in answer.err
    assert SECRET not in str(answer)


def test_a_missing_project_folder(mtl_here: Mtl, project: Path) -> None:
    answer = mtl_here("-C", project / "nowhere", "status")
    assert (answer.code, "no such folder" in answer.err) == (4, True)


def test_exit_codes_follow_the_family_of_the_error() -> None:
    assert [
        exit_code(kind("x"))
        for kind in (
            InputError,
            OccupancyError,
            DatabaseUnavailableError,
            ConfigurationError,
            NotFoundError,
            ClusteringError,
            MTLError,
        )
    ] == [1, 1, 3, 4, 5, 6, 6]


@pytest.mark.parametrize(
    "arguments", [("query", "--help"), ("--version",), ("examples", "--help")], ids=" ".join
)
def test_a_reader_that_has_seen_enough_is_no_failure(project: Path, arguments: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-m", "mtl_flows", *arguments],
        cwd=project,
        env=environment(),
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_what_cannot_be_written_or_read_is_said_in_a_line(mtl_here: Mtl, project: Path) -> None:
    (project / "file").write_text("")
    for command in (
        ("examples", project / "file"),
        ("examples", project / "file" / "below"),
        ("window", "Li3PO4", "--entries", "none.json"),
    ):
        answer = mtl_here(*command)
        assert answer.code in (4, 6), answer
        assert answer.err.startswith("error (")
        assert "Traceback" not in answer.err


def test_help_and_version(mtl_here: Mtl) -> None:
    assert mtl_here("--version").out.strip() == __version__
    overview = mtl_here("--help")
    assert overview.code == 0
    for command in (
        "run",
        "describe",
        "ingest",
        "screen",
        "launch",
        "worker",
        "status",
        "query",
        "explain",
        "db",
    ):
        assert command in overview.out
        assert mtl_here(command, "--help").code == 0
    assert "130" in " ".join(overview.out.split())


def test_ctrl_c_ends_a_waiting_worker(server: str, project: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "mtl_flows", "worker", "--wait"],
        cwd=project,
        env=environment(MTL_MONGO_URI=server),
        stderr=subprocess.PIPE,
        text=True,
    )
    log = project / ".mtl" / "launches" / "worker.log"
    deadline = time.monotonic() + 60
    while not log.exists():
        assert time.monotonic() < deadline
        assert worker.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    os.kill(worker.pid, signal.SIGINT)
    _, err = worker.communicate(timeout=60)
    assert worker.returncode == 130, err
    assert "Traceback" not in err


def test_suggested_commands_can_be_typed_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["mtl"])
    folder = tmp_path / "Jürgen's project – Li⁺"
    context = typer.Context(typer.main.get_command(app), obj=folder)
    assert shlex.split(as_typed(context))[-2:] == ["-C", str(folder)]
