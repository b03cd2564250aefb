"""Servers that a test may kill: the embedded one, and replica sets of three."""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from mtl_flows.store.mongod import EmbeddedServer, free_port, mongod_binary

IMPATIENT = "serverSelectionTimeoutMS=500"
"""Option of an address: say soon that nobody answers."""
OBSERVANT = "heartbeatFrequencyMS=500&connectTimeoutMS=500"
"""Options of an address: notice soon that what is sent does not arrive."""


def kill(server: EmbeddedServer) -> None:
    """End an embedded server as a power cut would."""
    os.kill(server.status().pid, signal.SIGKILL)
    while server.status().running:
        time.sleep(0.01)


def fault(
    strike: Callable[[], object], mend: Callable[[], object], seconds: float, within_s: float
) -> threading.Thread:
    """Let something go wrong at a random moment within a time, and be right again some seconds later."""

    def happen() -> None:
        time.sleep(random.uniform(0.0, within_s))
        strike()
        time.sleep(seconds)
        mend()

    thread = threading.Thread(target=happen)
    thread.start()
    return thread


class ReplicaSet:
    """Servers that hold the same data, of which one is the primary.

    `oplog_MB` is how much a member may lag behind.
    """

    def __init__(self, folder: Path, members: int = 3, *, oplog_MB: int = 64) -> None:
        self.ports = [free_port() for _ in range(members)]
        self._folder = folder
        self._oplog_MB = oplog_MB
        self._binary = mongod_binary()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def uri(self) -> str:
        """Address of all of them, without a database."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"mongodb://{hosts}/?replicaSet=rs&{IMPATIENT}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start them, and end them afterwards."""
        try:
            for port in self.ports:
                self.start(port)
            members = [{"_id": i, "host": f"127.0.0.1:{port}"} for i, port in enumerate(self.ports)]
            settings = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
            with self._directly(self.ports[0]) as client:
                client.admin.command(
                    "replSetInitiate", {"_id": "rs", "members": members, "settings": settings}
                )
            self.primary()
            yield
        finally:
            for process in self._processes.values():
                process.kill()
                process.wait()

    def start(self, port: int) -> None:
        """Start the member at a port."""
        data = self._folder / str(port)
        data.mkdir(parents=True, exist_ok=True)
        command = [str(self._binary), "--dbpath", str(data), "--port", str(port), "--replSet", "rs"]
        command += [
            "--bind_ip",
            "127.0.0.1",
            "--nounixsocket",
            "--logpath",
            str(data / "log"),
            "--oplogSize",
            str(self._oplog_MB),
        ]
        command += [
            "--wiredTigerCacheSizeGB",
            "0.25",
            "--setParameter",
            "diagnosticDataCollectionEnabled=false",
        ]
        self._processes[port] = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with self._directly(port) as client:
            client.admin.command("ping")

    def primary(self, timeout_s: float = 60.0) -> int:
        """Port of the primary, once there is one."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for port in self.ports:
                if self._processes[port].poll() is None:
                    with suppress(PyMongoError), self._directly(port, timeout_ms=500) as client:
                        if client.admin.command("hello")["isWritablePrimary"]:
                            return port
            time.sleep(0.1)
        raise TimeoutError("no member became primary")

    def kill_primary(self) -> int:
        """End the primary as a power cut would; gives its port."""
        port = self.primary()
        self._processes[port].kill()
        self._processes[port].wait()
        return port

    def step_down(self) -> None:
        """Have the primary give way to another."""
        with suppress(PyMongoError), self._directly(self.primary()) as client:
            client.admin.command("replSetStepDown", 10, force=True)

    def _directly(self, port: int, timeout_ms: int = 30000) -> MongoClient[dict[str, Any]]:
        return MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=timeout_ms)
