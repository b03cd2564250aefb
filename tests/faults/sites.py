"""Servers and disks on which something goes wrong on command, each with what the workers see of it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guarded import guarded_mongod
from network import CUT, HOLD, PASS, SWALLOW, Network, network_to
from pymongo import MongoClient
from servers import IMPATIENT, kill

from mtl_flows.store.connection import Connection
from mtl_flows.store.mongod import EmbeddedServer

_FILES = 4000
USER, PASSWORD, DATABASE = "worker", "secret", "mtl"


@dataclass(frozen=True)
class Site:
    """Where workers work, and what happens there.

    Attributes
    ----------
    address
        Of the server, for those who look on.
    uri
        As workers are told; empty if they have an embedded server of their own in their folder.
    strike, mend
        Begin and end the fault.
    """

    address: Connection
    uri: str
    strike: Callable[[], None]
    mend: Callable[[], None]


MakeSite = Callable[[Path], Any]


@contextmanager
def killed(folder: Path) -> Iterator[Site]:
    """A server that is killed, and started again."""
    server = EmbeddedServer(folder / "server")
    address = Connection.parse(f"{server.start().uri}?{IMPATIENT}", DATABASE)
    try:
        yield Site(address, address.uri, lambda: kill(server), lambda: void(server.revive()))
    finally:
        server.stop()


def void(done: object) -> None:
    """Take no notice of what something gives."""


def interrupted(mode: str) -> MakeSite:
    """A server whose network is interrupted."""

    @contextmanager
    def make(folder: Path) -> Iterator[Site]:
        server = EmbeddedServer(folder / "server")
        status = server.start()
        address = Connection.parse(f"{status.uri}?{IMPATIENT}", DATABASE)
        try:
            with network_to(status.port) as network:
                uri = f"mongodb://127.0.0.1:{network.port}/{DATABASE}?{IMPATIENT}"
                yield Site(address, uri, lambda: network.order(mode), lambda: network.order(PASS))
        finally:
            server.stop()

    return make


cut, swallowed, held = (interrupted(mode) for mode in (CUT, SWALLOW, HOLD))


class Guard:
    """A server that asks its worker for a password, over a network that can be interrupted."""

    def __init__(self, port: int, network: Network) -> None:
        self.root = f"mongodb://root:{PASSWORD}@127.0.0.1:{port}/{DATABASE}?authSource=admin&{IMPATIENT}"
        who = f"{USER}:{PASSWORD}@127.0.0.1:{network.port}"
        self.uri = f"mongodb://{who}/{DATABASE}?authSource={DATABASE}&{IMPATIENT}"
        self._network = network
        self._tell("createUser", pwd=PASSWORD, roles=["readWrite"])

    def refuse(self, how: str) -> None:
        """Change the user's ``password`` and end its connections, drop the ``user``, or take away its ``role``."""
        if how == "password":
            self._tell("updateUser", pwd="another")
            self._network.order(CUT)
            self._network.order(PASS)
        elif how == "user":
            self._tell("dropUser")
        else:
            self._tell("revokeRolesFromUser", roles=["readWrite"])

    def admit(self, how: str) -> None:
        """Put right what was refused."""
        if how == "password":
            self._tell("updateUser", pwd=PASSWORD)
        elif how == "user":
            self._tell("createUser", pwd=PASSWORD, roles=["readWrite"])
        else:
            self._tell("grantRolesToUser", roles=["readWrite"])

    def _tell(self, command: str, **options: Any) -> None:
        with MongoClient[dict[str, Any]](self.root) as client:
            client[DATABASE].command(command, USER, **options)


@contextmanager
def guarded(folder: Path) -> Iterator[Guard]:
    """Start such a server."""
    folder.mkdir()
    with guarded_mongod(folder, "root", PASSWORD) as port, network_to(port) as network:
        yield Guard(port, network)


def refused(how: str) -> MakeSite:
    """A server that refuses its worker, as `Guard.refuse` says."""

    @contextmanager
    def make(folder: Path) -> Iterator[Site]:
        with guarded(folder / "server") as guard:
            address = Connection.parse(guard.root, DATABASE)
            yield Site(address, guard.uri, lambda: guard.refuse(how), lambda: guard.admit(how))

    return make


@contextmanager
def small_disk(folder: Path, size_MB: int) -> Iterator["SmallDisk"]:
    """A file system of its own in memory; needs `in_namespace`."""
    folder.mkdir(parents=True)
    options = f"size={size_MB}m,nr_inodes={_FILES}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "small", str(folder)], check=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class SmallDisk:
    """A file system that can be filled up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no room for a byte or a file."""
        self._ballast.mkdir()
        with suppress(OSError), (self._ballast / "bytes").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 16))
        with suppress(OSError), (self._ballast / "last bytes").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1))
        with suppress(OSError):
            for number in range(_FILES):
                (self._ballast / str(number)).touch()

    def clear(self) -> None:
        """Make room again."""
        for file in self._ballast.iterdir():
            file.unlink()
        self._ballast.rmdir()


@contextmanager
def full_disk(folder: Path) -> Iterator[Site]:
    """An embedded server whose disk is full, and which its workers start again."""
    with small_disk(folder / "at work" / ".mtl", size_MB=700) as disk:
        server = EmbeddedServer(disk.folder)
        address = Connection.parse(f"{server.start().uri}?{IMPATIENT}", DATABASE)
        try:
            yield Site(address, "", disk.fill, disk.clear)
        finally:
            server.stop()


@contextmanager
def full_launches(folder: Path) -> Iterator[Site]:
    """A disk on which jobs run that is full."""
    server = EmbeddedServer(folder / "server")
    address = Connection.parse(f"{server.start().uri}?{IMPATIENT}", DATABASE)
    try:
        with small_disk(folder / "at work" / ".mtl" / "launches", size_MB=16) as disk:
            yield Site(address, address.uri, disk.fill, disk.clear)
    finally:
        server.stop()


def in_namespace() -> None:
    """Start this program again where it may mount file systems, unless it may."""
    if os.environ.get("MTL_FAULTS_MOUNTS"):
        return
    command = ["unshare", "--map-root-user", "--mount", sys.executable, *sys.argv]
    os.execvpe(command[0], command, os.environ | {"MTL_FAULTS_MOUNTS": "1"})
