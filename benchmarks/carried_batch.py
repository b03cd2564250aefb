"""What it costs to have a batch of a screening computed by `mtl work`, beside computing it in place.

    python benchmarks/carried_batch.py FOLDER... [--structures 100] [--rounds 2]

Files of structures are read into an embedded MongoDB server in a temporary folder. Their topology and barriers are
computed in place, in one process; then they are asked of a folder, answered by `mtl work` in a process of its own, and
brought back; in turn, so that what else the machine does falls on both. What is printed: the
size of the folder's question and answers, how many documents differ in more than when and by whom they were made,
seconds and their ratio.
"""

import argparse
import logging
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from mtl_flows.carried.question import CalculatedElsewhere
from mtl_flows.carried.root import CarrierRoot
from mtl_flows.carried.supply import CarrierSupply
from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.context import computed_by
from mtl_flows.jobs.ingest import ingest
from mtl_flows.settings import Settings
from mtl_flows.stages import BARCODES, BARRIER, TOPOLOGY, ScreeningParameters
from mtl_flows.stages.work import Limits
from mtl_flows.store.database import MTLStore

STAGES = (BARCODES, TOPOLOGY, BARRIER)
LIMITS = Limits(workers=1)
P = ScreeningParameters()


def emptied(store: MTLStore) -> None:
    """Forget what the stages gave."""
    for collection in (*map(store.results, STAGES), store.rejections):
        collection.raw.delete_many({})


def in_place(store: MTLStore, ids: list[str]) -> float:
    """Compute here; gives the seconds."""
    emptied(store)
    start = perf_counter()
    run_stages(store, ids, P, stages=STAGES, limits=LIMITS)
    return perf_counter() - start


def carried(store: MTLStore, ids: list[str], root: CarrierRoot) -> tuple[float, float, float]:
    """Compute elsewhere; gives the seconds to ask, to answer and to bring back."""
    emptied(store)
    start = perf_counter()
    with computed_by(CarrierSupply(root)):
        try:
            run_stages(store, ids, P, stages=STAGES, limits=LIMITS)
        except CalculatedElsewhere as away:
            folder = root.place(away.question)
        asked, size = perf_counter(), kilobytes(folder.path)
        command = [sys.executable, "-m", "mtl_flows", "work", str(folder.path)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        answered = perf_counter()
        answers = kilobytes(folder.path) - size
        run_stages(store, ids, P, stages=STAGES, limits=LIMITS)
    print(f"  folder: {size} kB asked, {answers} kB answered", flush=True)
    return asked - start, answered - asked, perf_counter() - answered


def contents(store: MTLStore) -> dict[str, dict[str, Any]]:
    """What the stages gave, but for when, by which job and in what time."""
    found: dict[str, dict[str, Any]] = {}
    for stage in STAGES:
        for document in store.results(stage).raw.find():
            for name in ("created_at", "job"):
                del document["provenance"][name]
            document.pop("timings_s", None)
            found[f"{stage.noun} {document['_id']}"] = document
    return found


def kilobytes(folder: Path) -> int:
    """Size of all files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) // 1024


def main() -> None:
    """Print seconds, ratios and sizes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--structures", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    with TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home", mongo_uri=None)
        with MTLStore.open(settings, begin=True) as store:
            ingest(store, arguments.folders, release="read", workers=0)
            ids = store.structures.current_ids()[: arguments.structures]
            print(f"{len(ids)} structures")
            for number in range(arguments.rounds):
                here, expected = in_place(store, ids), contents(store)
                ask, answer, bring = carried(store, ids, CarrierRoot(Path(folder) / f"carried-{number}"))
                given = contents(store)
                differing = sum(given.get(key) != document for key, document in expected.items())
                print(f"  {len(given)} documents, {differing} differ, {store.rejections.count()} refusals")
                print(
                    f"  {here:.1f} s in place; asked {ask:.1f} s, answered {answer:.1f} s, brought back {bring:.1f} s:"
                    f" {(ask + answer + bring) / here:.2f} times as long, of it {(ask + bring) / here:.3f} here",
                    flush=True,
                )


if __name__ == "__main__":
    main()
