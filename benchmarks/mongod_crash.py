"""mongod killed with SIGKILL at random moments of an ingest and a screening: nothing acknowledged is lost.

    python benchmarks/mongod_crash.py [--structures 400] [--kills 10] [--seed 0]

A process ingests generated structures into an embedded mongod and screens them: topology, chemistry, clusters and the
candidate table. The driver's own monitoring writes down the ids of every write that the server acknowledged. At a
random moment the server is killed. It is started again, every acknowledged document is looked for, and the process is
run again; if it ends before the kill, an empty database takes its place. The last run is left alone, and what it
ends with is compared with what a run ends with that nobody disturbed. The exit code is 1 if an acknowledged document
is missing or the contents differ.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import IO, Any

from generated import generate, write_archive
from pymongo import monitoring

from mtl_flows.jobs.batch import Limits
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.chemistry import run_chemistry
from mtl_flows.jobs.clustering import update_clustering
from mtl_flows.jobs.ingest import ingest
from mtl_flows.jobs.parameters import ScreeningParameters
from mtl_flows.jobs.topology import run_topology
from mtl_flows.schemas.labels import LabelDocument
from mtl_flows.science.topology import PROTOCOLS
from mtl_flows.store.collection import batched
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.mongod import EmbeddedServer

KNOWN_EVERY = 20
BATCH = 25
# When and at what cost something was computed, and what follows from such times.
INCIDENTAL = {"created_at", "updated_at", "read_at", "counts", "job", "timings_s", "inputs_hash"}


class Acknowledged(monitoring.CommandListener):
    """Writes down, one JSON line each, the ids of inserts and upserts that the server has acknowledged."""

    def __init__(self, log: IO[str]) -> None:
        self._log = log
        self._pending: dict[int, tuple[str, list[str]]] = {}

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Note what is asked for."""
        command = event.command
        if event.command_name == "insert":
            ids = [document["_id"] for document in command["documents"]]
        elif event.command_name == "update":
            written = [u["q"] for u in command["updates"] if u.get("upsert")]
            ids = [query["_id"] for query in written if isinstance(query.get("_id"), str)]
        else:
            return
        self._pending[event.request_id] = (command[event.command_name], ids)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Write down what was acknowledged."""
        collection, ids = self._pending.pop(event.request_id, ("", []))
        failed = {error["index"] for error in event.reply.get("writeErrors", ())}
        if kept := [key for i, key in enumerate(ids) if i not in failed]:
            print(json.dumps([collection, kept]), file=self._log, flush=True)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Forget what was not."""
        self._pending.pop(event.request_id, None)


def work(uri: str, archive: Path, n: int, log_file: Path) -> None:
    """Ingest and screen; what is there already is left alone."""
    with log_file.open("a") as log:
        monitoring.register(Acknowledged(log))

        def stage(name: str) -> None:
            print(json.dumps(["stage", [name]]), file=log, flush=True)

        p = ScreeningParameters()
        limits = Limits(workers=0)
        with MTLStore.connect(Connection.parse(uri, "mtl")) as store:
            stage("ingest")
            ingest(store, [archive], release="made", workers=0)
            store.labels.put(
                LabelDocument(id=made.material_id, known_conductor=True)
                for made in generate(n)
                if made.number % KNOWN_EVERY == 0
            )
            ids = store.structures.current_ids()
            stage("topology")
            for batch in batched(ids, BATCH):
                run_topology(store, batch, mobile_ion="Li", parameters=p.topology, limits=limits)
            stage("chemistry")
            for batch in batched(ids, BATCH):
                run_chemistry(store, batch, mobile_ion="Li", parameters=p.chemistry, limits=limits)
            stage("clustering")
            for protocol in PROTOCOLS:
                update_clustering(store, protocol, p)
            stage("candidates")
            rebuild_candidates(store, p)
            stage("done")


class Round:
    """One server, and the runs against it."""

    def __init__(self, folder: Path, archive: Path, n: int) -> None:
        self.server = EmbeddedServer(folder / "home")
        self.log = folder / "acknowledged.jsonl"
        self.archive, self.n = archive, n
        folder.mkdir()
        self.log.touch()

    def start(self) -> "subprocess.Popen[bytes]":
        """Begin a run, and return once it works."""
        status = self.server.start()
        size = self.log.stat().st_size
        arguments = ["--work", status.uri, str(self.archive), str(self.log), "--structures", str(self.n)]
        process = subprocess.Popen([sys.executable, __file__, *arguments], stderr=subprocess.PIPE)
        while self.log.stat().st_size == size and process.poll() is None:
            sleep(0.01)
        return process

    def stage(self) -> str:
        """What the latest run was doing."""
        return next(
            (ids[0] for name, ids in reversed(self._lines()) if name == "stage"), "before the first stage"
        )

    def missing(self) -> tuple[int, int]:
        """How many acknowledged documents there are, and how many of them the server does not have."""
        acknowledged: dict[str, set[str]] = {}
        for name, ids in self._lines():
            if name != "stage":
                acknowledged.setdefault(name, set()).update(ids)
        with Connection.parse(self.server.start().uri, "mtl").client() as client:
            lost = 0
            for name, keys in acknowledged.items():
                there = {d["_id"] for d in client["mtl"][name].find({"_id": {"$in": list(keys)}}, {"_id": 1})}
                lost += len(keys - there)
        return sum(map(len, acknowledged.values())), lost

    def clear(self) -> None:
        """Begin with nothing."""
        with Connection.parse(self.server.start().uri, "mtl").client() as client:
            client.drop_database("mtl")
        self.log.write_text("")

    def contents(self) -> dict[str, list[Any]]:
        """All documents but for when they were written."""
        with MTLStore.connect(Connection.parse(self.server.start().uri, "mtl")) as store:
            return {c.name: [_stripped(d) for d in c.raw.find(sort=[("_id", 1)])] for c in store.collections}

    def _lines(self) -> list[tuple[str, list[str]]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def _stripped(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _stripped(value) for key, value in node.items() if key not in INCIDENTAL}
    return [_stripped(item) for item in node] if isinstance(node, list) else node


def kill(server: EmbeddedServer) -> None:
    """SIGKILL, and wait until the process is gone."""
    os.kill(server.status().pid, signal.SIGKILL)
    while server.status().running:
        sleep(0.01)


def main() -> None:
    """Run undisturbed, run with kills, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--structures", type=int, default=400)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", nargs=3, metavar=("URI", "ARCHIVE", "LOG"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        uri, archive, log = arguments.work
        work(uri, Path(archive), arguments.structures, Path(log))
        return
    rng = random.Random(arguments.seed)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        archive = write_archive(folder / "made.zip", generate(arguments.structures))
        calm = Round(folder / "calm", archive, arguments.structures)
        stormy = Round(folder / "stormy", archive, arguments.structures)
        try:
            raise SystemExit(storm(calm, stormy, arguments.kills, rng))
        finally:
            calm.server.stop()
            stormy.server.stop()


def storm(calm: Round, stormy: Round, kills: int, rng: random.Random) -> int:
    """Kill so many times; 0 if nothing was lost and both rounds end with the same contents."""
    process = calm.start()
    begun = monotonic()
    if process.wait():
        raise SystemExit(f"the undisturbed run failed: {process.communicate()[1].decode()}")
    duration = monotonic() - begun
    print(f"undisturbed: {duration:.1f} s", flush=True)
    struck: Counter[str] = Counter()
    lost = 0
    while struck.total() < kills:
        process = stormy.start()
        # Each run does its part, so that the kills fall on every stage.
        sleep(rng.uniform(0.0, 2.0 * duration / (kills + 1)))
        if process.poll() is not None:
            lost += stormy.missing()[1]
            stormy.clear()
            continue
        kill(stormy.server)
        where = stormy.stage()
        process.communicate()
        struck[where] += 1
        acknowledged, missing = stormy.missing()
        lost += missing
        print(
            f"kill {struck.total()} during {where}: {acknowledged} acknowledged, {missing} missing",
            flush=True,
        )
    process = stormy.start()
    if process.wait():
        raise SystemExit(f"the last run failed: {process.communicate()[1].decode()}")
    acknowledged, missing = stormy.missing()
    print(f"{struck.total()} kills, {dict(struck)}: {acknowledged} acknowledged, {lost + missing} missing")
    differ = list(differences(calm.contents(), stormy.contents()))
    print("\n".join(differ) if differ else "contents are those of the undisturbed run")
    return int(bool(lost + missing or differ))


def differences(calm: dict[str, list[Any]], stormy: dict[str, list[Any]]) -> Iterator[str]:
    """What differs, one line for each document."""
    for name, documents in calm.items():
        one, other = ({d["_id"]: d for d in found} for found in (documents, stormy[name]))
        for key in sorted(one.keys() | other.keys()):
            if key not in one or key not in other:
                yield f"{name} {key}: only in the {'undisturbed' if key in one else 'disturbed'} run"
            elif one[key] != other[key]:
                fields = [f for f in one[key] | other[key] if one[key].get(f) != other[key].get(f)]
                yield f"{name} {key} differs: " + ", ".join(
                    f"{f} {str(one[key].get(f))[:80]} and {str(other[key].get(f))[:80]}" for f in fields
                )


if __name__ == "__main__":
    main()
