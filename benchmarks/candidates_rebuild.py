"""What an incremental rebuild of the candidate table costs beside a full one.

    python benchmarks/candidates_rebuild.py [--structures 5000]

Small example compounds are read into an embedded MongoDB server in a temporary folder, screened (topology, chemistry),
and their documents copied under other ids until there are so many structures. Then, on the same server: the table is
built, built again in full, brought up to date with nothing changed, and with one in a hundred structures changed.
"""

import argparse
import json
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from made_structures import parents, variants

from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.ingest import ingest
from mtl_flows.settings import Settings
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.work import Limits
from mtl_flows.store.database import MTLStore

ORIGINALS = 40
LARGEST = 30


def copies(store: MTLStore, name: str) -> Iterator[dict[str, Any]]:
    """Endless copies of the documents of a collection, each round of crystals and materials of its own."""
    originals = list(getattr(store, name).raw.find())
    for number in count(1):
        for original in originals:
            crystal = f"c{number}-{original['crystal_id']}"
            copy = {
                **original,
                "_id": original["_id"].replace(original["crystal_id"], crystal, 1),
                "crystal_id": crystal,
            }
            if name == "structures":
                material = f"{original['material_id']}c{number}"
                copy |= {
                    "_id": f"{material}.r1",
                    "material_id": material,
                    "representative_id": material,
                    "fingerprint": f"{original['fingerprint']}c{number}",
                }
            yield copy


def main() -> None:
    """Print seconds and ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--structures", type=int, default=5000)
    arguments = parser.parse_args()
    p = ScreeningParameters()
    with TemporaryDirectory() as folder:
        files = Path(folder) / "files"
        files.mkdir()
        for number, structure in enumerate(islice(variants(parents(LARGEST), "Se"), ORIGINALS)):
            (files / f"made-{number}.json").write_text(json.dumps(structure.as_dict()), encoding="utf-8")
        with MTLStore.open(Settings(home=Path(folder) / "home", mongo_uri=None), begin=True) as store:
            ingest(store, [files], release="made", workers=0)
            ids = store.structures.current_ids()
            limits = Limits(workers=0)
            run_stages(store, ids, p, limits=limits)
            more = arguments.structures - len(ids)
            for name in ("structures", "topology", "chemistry"):
                getattr(store, name).raw.insert_many(list(islice(copies(store, name), more)))
            times = {}

            def timed(what: str, **how: Any) -> None:
                start = perf_counter()
                changed = rebuild_candidates(store, p, **how)
                times[what] = perf_counter() - start
                print(f"{what:32} {times[what]:7.2f} s, {changed} rows changed", flush=True)

            timed("built")
            timed("full rebuild", full=True)
            timed("nothing changed")
            some = store.structures.current_ids()[::100]
            store.structures.raw.update_many({"_id": {"$in": some}}, {"$set": {"releases": ["made", "more"]}})
            timed("one in a hundred changed")
            for what in ("nothing changed", "one in a hundred changed"):
                print(f"{what}: {times[what] / times['full rebuild']:.1%} of a full rebuild")


if __name__ == "__main__":
    main()
