"""Print how writes are acknowledged while work is handed in and done: `python write_concerns.py FOLDER URI...`."""

import json
import sys
from pathlib import Path
from typing import Any

from launch_jobs import big
from pymongo import monitoring

from mtl_flows.launch.submit import submit
from mtl_flows.launch.worker import work
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

WRITES = {"insert", "update", "delete", "findAndModify"}


class WriteConcerns(monitoring.CommandListener):
    """Notes the write concern that travels with each write, by collection."""

    def __init__(self) -> None:
        self.seen: dict[str, set[str]] = {}

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in WRITES:
            told: dict[str, Any] = event.command.get("writeConcern", {})
            collection = event.command[event.command_name]
            self.seen.setdefault(collection, set()).add(json.dumps(told, sort_keys=True))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


def told(address: Connection, folder: Path, listener: WriteConcerns) -> dict[str, list[str]]:
    """What is seen by collection while everything that writes does so once."""
    listener.seen.clear()
    submit(big(1000), address, name="big")
    work(address, launch_dir=folder)
    with MTLStore.connect(address) as store:
        store.frames.write("x:heat", 0, b"frames", 1)
        store.labels.raw.delete_one({"_id": "nobody"})
    return {name: sorted(concerns) for name, concerns in listener.seen.items()}


if __name__ == "__main__":
    listener = WriteConcerns()
    monitoring.register(listener)  # for every client of this process, whoever opens it
    folder, *uris = sys.argv[1:]
    print(json.dumps([told(Connection.parse(uri, "mtl"), Path(folder), listener) for uri in uris]))
