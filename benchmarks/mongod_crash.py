"""mongod killed with SIGKILL in every stage of an ingest and a screening: nothing acknowledged is lost.

    python benchmarks/mongod_crash.py [--structures 400] [--kills 10] [--seed 0]

A process ingests generated structures into an embedded mongod and screens them: topology, chemistry, clusters and the
candidate table. The driver's own monitoring writes down the ids of every write that the server acknowledged. A first
run is left alone, and says how many writes each stage has. Then each stage has its turn: shortly after a write of it
drawn at random, the server is killed; it is started again, every acknowledged document is looked for, and the process
is run again, to be hit in the next stage. After the last stage it begins with an empty database. The last run is left
alone, and what it ends with is compared with what the undisturbed run ended with. The exit code is 1 if an
acknowledged document is missing, the contents differ or a kill failed to come.
"""

import argparse
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any, NamedTuple

from generated import generate, write_archive
from pymongo import monitoring
from saboteur import Saboteur, sigkill

import mtl_flows.store.collection
from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.clustering import update_clustering
from mtl_flows.jobs.ingest import ingest
from mtl_flows.jobs.labels import state_labels
from mtl_flows.schemas.labels import LabelFacts
from mtl_flows.science.topology import PROTOCOLS
from mtl_flows.stages import BARCODES, CHEMISTRY, TOPOLOGY, ScreeningParameters
from mtl_flows.stages.work import Limits
from mtl_flows.store.collection import batched
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.labels import LabelKey
from mtl_flows.store.mongod import EmbeddedServer

KNOWN_EVERY = 20
BATCH = 25
STAGES = ("ingest", "topology", "chemistry", "clustering", "candidates")
MAX_DELAY_S = 0.005  # longer, and kills meant for a short stage fall into the next
# When and at what cost something was computed, and what follows from such times.
INCIDENTAL = {"created_at", "read_at", "ingests", "resolved_at", "at", "job", "timings_s", "inputs_hash"}


class Aim(NamedTuple):
    """Which server to kill, and when: `delay_s` seconds after the nth write of a stage has set out."""

    pid: int
    stage: str
    after_writes: int
    delay_s: float


def work(uri: str, archive: Path, n: int, log_file: Path, aim: Aim | None) -> None:
    """Ingest and screen; what is there already is left alone."""
    # Many small writes: more moments at which the server can be hit.
    mtl_flows.store.collection._WRITE_BATCH = BATCH
    stage = "start"
    with log_file.open("a") as log:

        def write(what: str, ids: list[Any]) -> None:
            log.write(json.dumps([what, ids]) + "\n")
            log.flush()

        saboteur = Saboteur(write)
        monitoring.register(saboteur)

        def begin(name: str) -> None:
            nonlocal stage
            stage = name
            write("stage", [name, saboteur.writes])
            if aim is not None and aim.stage == name:
                saboteur.aim(kill, aim.after_writes, aim.delay_s)

        def kill() -> None:
            assert aim is not None
            write("kill", [stage])
            sigkill(aim.pid)()

        p = ScreeningParameters()
        limits = Limits(workers=0)
        with MTLStore.connect(Connection.parse(uri, "mtl")) as store:
            begin("ingest")
            ingest(store, [archive], release="made", workers=0)
            known = (made.material_id for made in generate(n) if made.number % KNOWN_EVERY == 0)
            state_labels(
                store, {LabelKey(material, "Li"): LabelFacts(known_conductor=True) for material in known}
            )
            ids = store.structures.current_ids()
            begin("topology")
            for batch in batched(ids, BATCH):
                run_stages(store, batch, p, stages=(BARCODES, TOPOLOGY), limits=limits)
            begin("chemistry")
            for batch in batched(ids, BATCH):
                run_stages(store, batch, p, stages=(CHEMISTRY,), limits=limits)
            begin("clustering")
            for protocol in PROTOCOLS:
                update_clustering(store, protocol, p)
            begin("candidates")
            rebuild_candidates(store, p)
            begin("done")
        saboteur.wait()


class Round:
    """One server, and the runs against it."""

    def __init__(self, folder: Path, archive: Path, n: int) -> None:
        self.server = EmbeddedServer(folder / "home")
        self.log = folder / "acknowledged.jsonl"
        self.archive, self.n = archive, n
        folder.mkdir()
        self.log.touch()

    def run(self, aim: Aim | None = None) -> tuple[int, str]:
        """Run once; gives the exit code and what went to stderr."""
        status = self.server.start()
        command = ["--work", status.uri, str(self.archive), str(self.log), "--structures", str(self.n)]
        if aim is not None:
            command += ["--aim", *map(str, aim)]
        done = subprocess.run([sys.executable, __file__, *command], stderr=subprocess.PIPE)
        return done.returncode, done.stderr.decode()

    def kills(self) -> list[str]:
        """Stages that the kills so far fell into."""
        return [ids[0] for name, ids in self._lines() if name == "kill"]

    def writes(self) -> dict[str, int]:
        """How many writes each stage of the latest complete run had."""
        begun = [ids for name, ids in self._lines() if name == "stage"][-len(STAGES) - 1 :]
        return {one[0]: following[1] - one[1] for one, following in pairwise(begun)}

    def missing(self) -> tuple[int, int]:
        """How many acknowledged documents there are, and how many of them the server does not have."""
        acknowledged: dict[str, set[str]] = {}
        for name, ids in self._lines():
            if name not in ("stage", "kill"):
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

    def _lines(self) -> list[tuple[str, list[Any]]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def _stripped(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _stripped(value) for key, value in node.items() if key not in INCIDENTAL}
    return [_stripped(item) for item in node] if isinstance(node, list) else node


def main() -> None:
    """Run undisturbed, run with kills, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--structures", type=int, default=400)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", nargs=3, metavar=("URI", "ARCHIVE", "LOG"), help=argparse.SUPPRESS)
    parser.add_argument("--aim", nargs=4, metavar=("PID", "STAGE", "WRITES", "DELAY"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        uri, archive, log = arguments.work
        aim = None
        if arguments.aim:
            pid, stage, writes, delay_s = arguments.aim
            aim = Aim(int(pid), stage, int(writes), float(delay_s))
        work(uri, Path(archive), arguments.structures, Path(log), aim)
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
    begun = monotonic()
    code, told = calm.run()
    if code:
        raise SystemExit(f"the undisturbed run failed: {told}")
    writes = calm.writes()
    print(f"undisturbed: {monotonic() - begun:.1f} s, writes {writes}", flush=True)
    struck: Counter[str] = Counter()
    lost = failed = 0
    for number in range(kills):
        stage = STAGES[number % len(STAGES)]
        if number and stage == STAGES[0]:
            stormy.clear()
        pid = stormy.server.start().pid
        assert pid is not None
        already = len(stormy.kills())
        code, told = stormy.run(Aim(pid, stage, rng.randint(1, writes[stage]), rng.uniform(0.0, MAX_DELAY_S)))
        where = stormy.kills()[already:]
        if not where:
            failed += 1
            print(f"no kill during {stage}: {told or 'the run ended before'}", flush=True)
            continue
        while stormy.server.status().running:
            sleep(0.01)
        struck[where[0]] += 1
        acknowledged, missing = stormy.missing()
        lost += missing
        print(
            f"kill {struck.total()} during {where[0]}: {acknowledged} acknowledged, {missing} missing",
            flush=True,
        )
    code, told = stormy.run()
    if code:
        raise SystemExit(f"the last run failed: {told}")
    acknowledged, missing = stormy.missing()
    print(f"{struck.total()} kills, {dict(struck)}: {acknowledged} acknowledged, {lost + missing} missing")
    differ = list(differences(calm.contents(), stormy.contents()))
    print("\n".join(differ) if differ else "contents are those of the undisturbed run")
    return int(bool(lost + missing or differ or failed))


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
