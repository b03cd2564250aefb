"""A hundred thousand structures in the store: what ingest costs, and what the documented questions do.

    python benchmarks/store_scale.py [--structures 100000] [--rows 0] [--folder FOLDER] [--repeat 40]

Generated structures (see generated.py) are written as pymatgen JSON into one archive and ingested into an embedded
mongod. Their topology is that of the example they were made from, with every length strained; chemistry, clustering
and the candidate table are computed from it as always. Then the ten questions of docs/howto/querying.md are asked again
and again, in turn, with the default limit of `mtl query`: the table gives median and 95th percentile, what the server
examined, and the index it used. With `--folder` the database stays and is used again.

With `--rows` the rows of `--structures` (a few hundred will do) are copied, numbers scattered, until each of two
screenings has so many: the questions alone are timed then, which takes minutes.
"""

import argparse
import json
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from generated import fill_topology, generate, write_archive

from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.clustering import update_clustering
from mtl_flows.jobs.delivery import IngestSummary
from mtl_flows.jobs.ingest import ingest
from mtl_flows.jobs.labels import state_labels
from mtl_flows.report.whatif import what_if
from mtl_flows.schemas.labels import LabelFacts
from mtl_flows.science.topology import PROTOCOLS, Alternative, BarLimit, BarStatistic, PrescreenThresholds
from mtl_flows.settings import Settings
from mtl_flows.stages import CHEMISTRY, ScreeningParameters
from mtl_flows.stages.work import Limits
from mtl_flows.store import bins
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore
from mtl_flows.store.labels import LabelKey

PAGE = Path(__file__).parents[1] / "docs" / "howto" / "querying.md"
LIMIT = 50
KNOWN_EVERY = 1000


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print the seconds that the block took."""
    start = perf_counter()
    yield
    print(f"{what:42} {perf_counter() - start:9.1f} s", flush=True)


def fill(store: MTLStore, folder: Path, n: int, workers: int) -> None:
    """Ingest and screen `n` structures; what is there already is left alone."""
    archive = folder / f"structures-{n}.zip"
    if not archive.exists():
        with timed(f"write {n} files"):
            write_archive(archive, generate(n))

    def progress(so_far: IngestSummary, share: float) -> None:
        if so_far.files % 10_000 == 0:
            print(f"  {so_far.files} files read", flush=True)

    with timed("ingest, duplicates included"):
        print(f"  {ingest(store, [archive], release='made', workers=workers, progress=progress)}")
    p = ScreeningParameters()
    known = (made.material_id for made in generate(n) if made.number % KNOWN_EVERY == 0)
    state_labels(store, {LabelKey(material, "Li"): LabelFacts(known_conductor=True) for material in known})
    with timed("topology, strained from the examples'"):
        fill_topology(store, generate(n), p)
    with timed("chemistry"):
        for batch in batched(store.structures.current_ids(), 500):
            run_stages(store, batch, p, stages=(CHEMISTRY,), limits=Limits(workers=workers))
    for protocol in PROTOCOLS:
        with timed(f"clustering, {protocol}"):
            update_clustering(store, protocol, p)
    with timed("candidate table"):
        rebuild_candidates(store, p)


def scatter_rows(store: MTLStore, n: int, screenings: tuple[str, ...] = ("Li", "tight")) -> None:
    """Copy the rows of the screening under other names, their numbers scattered, until each of some has `n`."""
    rng = random.Random(0)
    originals = list(store.candidates.raw.find({"screening": "Li"}))
    scattered = ("r_connected_A", "d3_A", "v3_A", "v3_over_d3", "rho_cycles_published", "rho_cycles_text")
    for screening in screenings:
        copies = n - store.candidates.raw.count_documents({"screening": screening})
        numbers = iter(range(copies))
        while batch := list(islice(numbers, 2000)):
            rows = []
            for number in batch:
                row = dict(rng.choice(originals))
                factor = rng.lognormvariate(0.0, 0.15)
                row |= {name: row[name] * factor for name in scattered if row.get(name) is not None}
                if row.get("priority") is not None:
                    row["priority"] += rng.gauss(0.0, 1.0)
                material = f"{row['material_id']}-{number}"
                row |= {"_id": f"{screening}:{material}", "material_id": material, "screening": screening}
                rows.append(row | {bins.FIELD: bins.bins_of(row)})
            store.candidates.raw.insert_many(rows, ordered=False)


def plan(explained: Any) -> tuple[set[str], set[str]]:
    """Stages of a plan, and the indexes it uses."""
    stages, indexes = set(), set()
    nodes = [explained]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            stages.add(str(node.get("stage", "")))
            indexes.add(str(node.get("indexName", "")))
            nodes += node.values()
        elif isinstance(node, list):
            nodes += node
    return stages - {""}, indexes - {""}


def documented() -> dict[str, dict[str, Any]]:
    """Questions of docs/howto/querying.md as MongoDB reads them, by their titles."""
    page = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"### \d+\. (.*?)\n.*?db\.candidates\.find\((.*?)\)\.sort", page, re.DOTALL)
    return {title: json.loads(query) for title, query in found}


def ask(store: MTLStore, repeat: int) -> None:
    """Ask every question `repeat` times in a random order and print what it took."""
    questions = documented()
    times: dict[str, list[float]] = {title: [] for title in questions}
    rounds = [title for title in questions for _ in range(repeat)]
    random.Random(0).shuffle(rounds)

    def cursor(title: str) -> Any:
        return (
            store.candidates.raw.find(questions[title])
            .sort({"priority": -1, "v3_over_d3": -1, "_id": 1})
            .limit(LIMIT)
        )

    for title in rounds:
        start = perf_counter()
        list(cursor(title))
        times[title].append(1000 * (perf_counter() - start))
    print(f"{'median':>7} {'p95':>7} {'all':>7} {'found':>5} {'keys':>7} {'rows':>7}  question (index)")
    for title, query in questions.items():
        explained = cursor(title).explain()
        stages, indexes = plan(explained["queryPlanner"]["winningPlan"])
        if "COLLSCAN" in stages or "IXSCAN" not in stages:
            raise SystemExit(f"no index answers: {title}")
        statistics, measured = explained["executionStats"], times[title]
        print(
            f"{median(measured):7.1f} {quantiles(measured, n=20)[-1]:7.1f} {store.candidates.count(query):7d} "
            f"{statistics['nReturned']:5d} {statistics['totalKeysExamined']:7d} {statistics['totalDocsExamined']:7d}  "
            f"{title} ({', '.join(sorted(indexes))})"
        )
    everything = [t for measured in times.values() for t in measured]
    print(f"p95 of all {len(everything)}: {quantiles(everything, n=20)[-1]:.1f} ms")


def rescreen(store: MTLStore) -> None:
    """Time `mtl whatif` on everything."""
    limit = BarLimit(BarStatistic.parse("framework_h1_persistence_p90"), at_most=1.2)
    for what, alternative in (
        ("what if: r_connected < 4.5 Å", Alternative(thresholds=PrescreenThresholds(4.5, 0.6))),
        ("what if: the other protocol", Alternative("text")),
        ("what if: loops at 1.1 r_connected", Alternative(distance_factor=1.1)),
        ("what if: 90th percentile of persistence", Alternative(limits=(limit,))),
    ):
        with timed(what):
            found = what_if(store, ScreeningParameters(), alternative)
        print(f"  {found.before} -> {found.after}")


def main() -> None:
    """Fill the store and ask."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--structures", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=40)
    parser.add_argument("--queries-only", action="store_true", help="ask what --folder holds")
    arguments = parser.parse_args()
    with TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with MTLStore.open(Settings(home=folder / "home", mongo_uri=None), begin=True) as store:
            if not arguments.queries_only:
                fill(store, folder, arguments.structures, arguments.workers)
            if arguments.rows:
                with timed(f"rows until two screenings have {arguments.rows} each"):
                    scatter_rows(store, arguments.rows)
            ask(store, arguments.repeat)
            if not arguments.rows:
                rescreen(store)
            size: dict[str, Any] = store.database.command("dbStats")
            print(
                json.dumps(
                    {key: round(size[key] / 2**20) for key in ("dataSize", "storageSize", "indexSize")}
                )
            )


if __name__ == "__main__":
    main()
