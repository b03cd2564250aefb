"""What the store and FireWorks cost on top of the science when structures are screened.

    python benchmarks/screening_profile.py [--structures 5000] [--batch 500] [--rates]

Strained and substituted copies of the example compounds are read into an embedded MongoDB server in a temporary folder
and screened as `mtl screen` does it: one FireWorks workflow, its jobs run by a worker, here one in this process. Three
kinds of time add up to that on the clock: inside the scientific functions; in the jobs outside of them (reading
documents and making structures of them, writing documents, selecting what is clustered); and the rest, which is
FireWorks and jobflow. With --rates the same structures are screened without barriers first.
"""

import argparse
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

from made_structures import parents, variants

from mtl_flows.flows.screening import ScreeningFlowMaker
from mtl_flows.jobs.barrier import BarrierMaker
from mtl_flows.jobs.ingest import ingest
from mtl_flows.launch.names import LIGHT
from mtl_flows.launch.screening import plan_screening, submit_screening
from mtl_flows.launch.worker import work
from mtl_flows.settings import Settings
from mtl_flows.stages.work import Limits
from mtl_flows.store.connection import Connection, connection
from mtl_flows.store.database import MTLStore

JOBS = {
    "crystals": "mtl_flows.jobs.batch.run_stages",
    "clustering": "mtl_flows.jobs.clustering.update_clustering",
    "candidates": "mtl_flows.jobs.candidates.rebuild_candidates",
}
SCIENCE = {
    "crystals": ["mtl_flows.jobs.batch.build_document"],
    "clustering": [
        f"mtl_flows.jobs.clustering_run.{name}"
        for name in ("cluster", "assess_stability", "match_clusters", "nearest_known")
    ],
    "candidates": [],
}


class Stopwatches:
    """Seconds spent inside functions, by name; the functions are wrapped while the context lasts."""

    def __init__(self) -> None:
        self.seconds: Counter[tuple[str, str]] = Counter()
        self.stage = ""

    @contextmanager
    def on(self) -> Iterator[None]:
        """Wrap the functions of every stage."""
        with ExitStack() as stack:
            for stage, target in JOBS.items():
                stack.enter_context(self._watch(target, ("job", stage)))
                for inner in SCIENCE[stage]:
                    stack.enter_context(self._watch(inner, ("science", stage)))
            yield

    def _watch(self, target: str, key: tuple[str, str]) -> Any:
        module, _, name = target.rpartition(".")
        original: Callable[..., Any] = getattr(__import__(module, fromlist=[name]), name)

        def timed(*arguments: Any, **named: Any) -> Any:
            start = perf_counter()
            self.stage = key[1]
            try:
                return original(*arguments, **named)
            finally:
                self.seconds[key] += perf_counter() - start

        return patch(target, timed)


def main() -> None:
    """Print where the time goes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--structures", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=500, help="structures in one job")
    parser.add_argument("--largest", type=int, default=300, help="leave out parents with more sites")
    parser.add_argument("--rates", action="store_true", help="rate without and with barriers")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    with TemporaryDirectory() as folder:
        files = Path(folder) / "files"
        files.mkdir()
        made = islice(variants(parents(arguments.largest), "Se"), arguments.structures)
        for number, structure in enumerate(made):
            (files / f"made-{number}.json").write_text(json.dumps(structure.as_dict()), encoding="utf-8")
        settings = Settings(home=Path(folder) / "home", mongo_uri=None)
        with connection(settings, begin=True) as address, MTLStore.connect(address) as store:
            start = perf_counter()
            print(ingest(store, [files], release="made"), f"in {perf_counter() - start:.0f} s", flush=True)
            maker = ScreeningFlowMaker(limits=Limits(workers=0), batch_size=arguments.batch)
            if arguments.rates:
                rates(store, address, maker, Path(folder) / "launches")
                return
            watches = Stopwatches()
            start = perf_counter()
            submitted = submit_screening(address, plan_screening(store, maker), maker)
            with watches.on():
                summary = work(address, launch_dir=Path(folder) / "launches", categories=[LIGHT])
            total = perf_counter() - start
            print(
                f"{summary.completed} of {len(submitted.fw_ids)} jobs, {store.candidates.count()} candidates"
            )
    report(watches, total)


def rates(store: MTLStore, address: Connection, maker: ScreeningFlowMaker, folder: Path) -> None:
    """Screen without and with barriers, from the same ingested structures, and print both rates."""
    stages = [
        c
        for c in store.collections
        if c.name not in {"releases", "files", "crystals", "structures", "groups"}
    ]
    nothing = replace(BarrierMaker(), stages=())
    for name, barriers in (("without barriers", nothing), ("with barriers", BarrierMaker())):
        for collection in stages:
            collection.raw.delete_many({})
        with patch("mtl_flows.flows.screening.BarrierMaker", lambda b=barriers, **given: replace(b, **given)):
            flow = plan_screening(store, maker)
            wall, cpu = perf_counter(), process_time()
            submit_screening(address, flow, maker)
            work(address, launch_dir=folder / name, categories=[LIGHT])
        wall, cpu = perf_counter() - wall, process_time() - cpu
        n = len(flow.structure_ids)
        print(
            f"{name}: {n} structures in {wall:.0f} s ({n / wall:.2f} a second), {cpu:.0f} s of one core "
            f"({n / cpu:.2f} a second of it), {store.barriers.count()} barriers, {store.landscapes.count()} landscapes",
            flush=True,
        )


def report(watches: Stopwatches, total: float) -> None:
    """Print seconds and shares of the whole."""
    print(f"{'':24} {'seconds':>8} {'share':>7}")
    inside = science = 0.0
    for stage in JOBS:
        job, pure = watches.seconds["job", stage], watches.seconds["science", stage]
        inside, science = inside + job, science + pure
        print(f"{stage + ', science':24} {pure:8.1f} {pure / total:7.1%}")
        print(f"{stage + ', store':24} {job - pure:8.1f} {(job - pure) / total:7.1%}")
    print(f"{'FireWorks and jobflow':24} {total - inside:8.1f} {(total - inside) / total:7.1%}")
    print(f"{'all':24} {total:8.1f}")
    print(f"store, FireWorks and jobflow: {1 - science / total:.1%} of the time on the clock")


if __name__ == "__main__":
    main()
