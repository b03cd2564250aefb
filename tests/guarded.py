"""A mongod that asks for a password."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memory import in_memory
from pymongo import MongoClient
from pymongo.errors import ConnectionFailure

from mtl_flows.store.mongod import mongod_binary

_PATIENCE_S = 180.0


@contextmanager
def guarded_mongod(folder: Path, user: str, password: str) -> Iterator[int]:
    """Start a mongod in a folder, with one user who may do everything; give its port."""
    home = in_memory(folder)
    home.mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [
            *(mongod_binary(), "--auth", "--dbpath", home, "--logpath", home / "log"),
            *("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ],
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + _PATIENCE_S
    try:
        while True:
            try:
                with MongoClient("127.0.0.1", port, serverSelectionTimeoutMS=500) as client:
                    client.admin.command({"createUser": user, "pwd": password, "roles": ["root"]})
                break
            except ConnectionFailure:
                assert time.monotonic() < deadline
        yield port
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(home)
