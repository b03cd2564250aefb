"""Questions as `mtl query` asks them, beside processes that rewrite rows of the table: ``load.py queries``.

Rows of a few hundred generated structures are copied, their numbers scattered, until there are so many. Each question
is asked again and again, in random order, with nobody writing, then beside the writers, which read rows, change the
numbers that the best come first by, and put them back as the store does, 500 at a time, as fast as they can. Two times
are taken: until the documents of the first 50 rows are there, and until all is there that `mtl query` tells of them
(names of rules, what came in since, how many there are in all).
"""

import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

from store_scale import fill, scatter_rows

from mtl_flows.store.candidate_filter import CandidateFilter, Range
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.freshness import freshness
from mtl_flows.store.mongod import EmbeddedServer

ORIGINALS = 300
LIMIT, COUNTED = 50, 1000
"""Rows that are shown, and how many are counted beyond them."""
SURVIVING = 0.01
"""Share of the rows that are let pass every gate."""
BATCH = 500
WARM_UPS = 3

Times = dict[str, tuple[list[float], list[float]]]


def questions(store: MTLStore) -> Mapping[str, CandidateFilter]:
    """What people ask."""
    formula = next(iter(store.candidates.select(CandidateFilter(), limit=1))).reduced_formula
    return {
        "everything": CandidateFilter(),
        "survivors": CandidateFilter(survivors=True),
        "survivors of either": CandidateFilter(survivors=True, protocol="any"),
        f"formula {formula}": CandidateFilter(formula=formula),
        "with P and S": CandidateFilter(elements=("P", "S")),
        "oxides without Na": CandidateFilter(elements=("O",), without=("Na",)),
        "r at most 4": CandidateFilter(ranges=(Range("r_connected", at_most=4.0),)),
        "survivors, r at most 4": CandidateFilter(
            survivors=True, ranges=(Range("r_connected", at_most=4.0),)
        ),
        "known conductors": CandidateFilter(is_known_conductor=True),
        "ranked": CandidateFilter(protocol="ranked"),
        "unique, of a release": CandidateFilter(is_representative=True, release="made"),
    }


def ask(store: MTLStore, asked: Mapping[str, CandidateFilter], repeat: int) -> Times:
    """Ask each question so many times, in random order; milliseconds until rows and until everything is there."""
    times: Times = {name: ([], []) for name in asked}
    rounds = [name for name in asked for _ in range(repeat)]
    random.Random(0).shuffle(rounds)
    for name in rounds:
        start = time.perf_counter()
        found = list(store.candidates.select(asked[name], limit=LIMIT))
        rows_ms = 1000 * (time.perf_counter() - start)
        store.candidates.rule_names()
        freshness(store.database, found, store.candidates.count())
        if len(found) == LIMIT:
            store.candidates.number_of(asked[name], at_most=LIMIT + COUNTED)
        times[name][0].append(rows_ms)
        times[name][1].append(1000 * (time.perf_counter() - start))
    return times


def tell(what: str, times: Times, calm: Times | None = None) -> None:
    """Print median and 95th percentile of each question, and of all."""
    print(f"\n{what}\n{'rows':>8} {'p95':>8} {'all':>8} {'p95':>8}  question, ms")
    everything = [[t for both in times.values() for t in both[k]] for k in (0, 1)]
    for name, both in {**times, "all of them": everything}.items():
        figures = [figure for taken in both for figure in (median(taken), quantiles(taken, n=20)[-1])]
        print("{:8.1f} {:8.1f} {:8.1f} {:8.1f}  {}".format(*figures, name))
    if calm:
        before = [[t for both in calm.values() for t in both[k]] for k in (0, 1)]
        ratios = [median(now) / median(then) for now, then in zip(everything, before, strict=True)]
        print("medians over those with nobody writing: {:.1f}, {:.1f}".format(*ratios), flush=True)


@contextmanager
def writing(address: Connection, n: int) -> Iterator[None]:
    """Let so many processes rewrite rows; tells how many they wrote."""
    command = [sys.executable, __file__, address.uri]
    processes = [
        subprocess.Popen([*command, str(number)], stdout=subprocess.PIPE, text=True) for number in range(n)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()  # the first batch is written
        began = time.monotonic()
        yield
        spent_s = time.monotonic() - began
    finally:
        for process in processes:
            process.terminate()
    written = sum(BATCH * len(process.communicate()[0].splitlines()) for process in processes)
    print(f"\n{written} rows rewritten in {spent_s:.0f} s, {written / spent_s:.0f} a second", flush=True)


def write(address: Connection, seed: int) -> None:
    """Rewrite rows for ever, a line for each batch."""
    rng = random.Random(seed)
    with MTLStore.connect(address) as store:
        materials = [row["material_id"] for row in store.candidates.fields(["material_id"])]
        while True:
            chosen = {"material_id": {"$in": rng.sample(materials, BATCH)}}
            rows = store.candidates.find(chosen)
            store.candidates.put(
                row.model_copy(update={"priority": row.priority and row.priority + rng.gauss(0.0, 0.3)})
                for row in rows
            )
            print(BATCH, flush=True)


def ask_beside_writers(folder: Path, *, n_rows: int, n_writers: int, repeat: int) -> None:
    """Fill a table, and ask with and without writers."""
    folder.mkdir(parents=True, exist_ok=True)
    with EmbeddedServer(folder / "mongod").lease() as server:
        address = Connection.parse(server.uri, "mtl")
        _ask_beside_writers(address, folder, n_rows=n_rows, n_writers=n_writers, repeat=repeat)


def _ask_beside_writers(
    address: Connection, folder: Path, *, n_rows: int, n_writers: int, repeat: int
) -> None:
    with MTLStore.connect(address) as store:
        if store.candidates.count() < n_rows:
            fill(store, folder, ORIGINALS, workers=1)
            scatter_rows(store, n_rows, ("Li",))
        survivors = {"$expr": {"$lt": [{"$rand": {}}, SURVIVING]}}
        if not store.candidates.number_of(CandidateFilter(survivors=True)):
            survive = {"is_representative": True, "survives_published": True}
            store.candidates.raw.update_many(survivors, {"$set": survive})
        asked = questions(store)
        ask(store, asked, WARM_UPS)  # the server tries plans for questions that are new to it
        calm = ask(store, asked, repeat)
        tell("nobody writes", calm)
        with writing(address, n_writers):
            ask(store, asked, WARM_UPS)
            beside = ask(store, asked, repeat)
        tell(f"{n_writers} processes write", beside, calm)
        tell("nobody writes, again", ask(store, asked, repeat), calm)


if __name__ == "__main__":
    write(Connection.parse(sys.argv[1], "mtl"), int(sys.argv[2]))
