"""`mtl serve` over a hundred thousand rows: what a first page, every sort, filters and deep pages take at the server.

    python benchmarks/store_scale.py --structures 300 --rows 100000 --folder FOLDER
    python benchmarks/serve_scale.py --folder FOLDER

Everything is asked over HTTP of a server in this process, whose database is opened to be read. Every column is sorted
both ways, first page and a page from the middle; the filters are those of the page. Seconds are of the clock; beside
them the processor time of this process, which holds on a busy machine too.
"""

import argparse
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from threading import Thread
from time import perf_counter, process_time, sleep
from typing import Any
from urllib.parse import urlencode

from mtl_flows.pages.overview import COLUMNS
from mtl_flows.serve.guard import Pass
from mtl_flows.serve.server import application, server_of
from mtl_flows.settings import Settings
from mtl_flows.store.connection import connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.owner import Reader

FILTERS: tuple[dict[str, Any], ...] = (
    {"search": "li3"},
    {"search": "li s nobody"},
    {"elements": "Li,S", "without": "O"},
    {"passes": "passes_connectivity,is_representative"},
    {"fails": "passes_chemistry", "passes": "is_known_conductor"},
    {"at_least": "v3_over_d3:0.5", "at_most": "r_connected_A:4"},
    {"equal": "furthest_stage:chemistry", "sort": "-E_3D_eV"},
    {"at_most": ["rho_cycles_published:0.6", "r_connected_A:5"], "elements": "Cl", "sort": "n_sites"},
)
PARTS = ("overview", "figures", "ranking")


class Asker:
    """A connection that stays open, and what each question took."""

    def __init__(self, port: int) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=600)
        self.seconds: dict[str, list[tuple[float, float]]] = {}

    def ask(self, kind: str, path: str, **asked: Any) -> Any:
        """Ask, and note the seconds and the processor time until the answer is whole."""
        start, busy = perf_counter(), process_time()
        self.connection.request(
            "GET", f"{path}?{urlencode(asked, doseq=True)}", headers={"Host": "localhost"}
        )
        answer = self.connection.getresponse()
        body = answer.read()
        self.seconds.setdefault(kind, []).append((perf_counter() - start, process_time() - busy))
        if answer.status != 200:
            raise SystemExit(f"{path} {asked}: {answer.status} {body[:200]!r}")
        return json.loads(body) if answer.getheader("content-type") == "application/json" else body

    def print_all(self) -> None:
        """Print what each kind of question took."""
        print(f"{'n':>4} {'median':>8} {'p95':>8} {'longest':>8} {'busiest':>8}  question, ms")
        for kind, both in self.seconds.items():
            took = [1000 * clock for clock, _ in both]
            p95 = quantiles(took, n=20)[-1] if len(took) > 1 else took[0]
            busiest = max(1000 * busy for _, busy in both)
            print(f"{len(took):4d} {median(took):8.1f} {p95:8.1f} {max(took):8.1f} {busiest:8.1f}  {kind}")


@contextmanager
def serving(store: MTLStore) -> Iterator[Asker]:
    """Serve a store until the block ends."""
    start, busy = perf_counter(), process_time()
    with application(store, Pass(), every_s=1e9) as app:
        print(f"table read: {perf_counter() - start:.1f} s, {process_time() - busy:.1f} s of processor time")
        server = server_of(app, "127.0.0.1", 0)
        thread = Thread(target=server.run)
        thread.start()
        while not server.started:
            sleep(0.01)
        asker = Asker(server.servers[0].sockets[0].getsockname()[1])
        yield asker
        asker.connection.close()
        server.should_exit = True
        thread.join()


def ask_everything(asker: Asker) -> None:
    """Ask what a reader asks."""
    asker.ask("the page", "/")
    asker.ask("what it begins with", "/api/v1/screening")
    first = asker.ask("first rows, best first", "/api/v1/rows", limit=100)
    print(f"{first['total']} rows")
    for column in COLUMNS:
        for sign in ("", "-"):
            asked = {"sort": f"{sign}{column.field}", "limit": 100}
            page = asker.ask("a column sorted, first time", "/api/v1/rows", **asked)
            asker.ask("a column sorted, second page", "/api/v1/rows", **asked, after=page["after"])
    for asked in FILTERS:
        found = asker.ask("filter", "/api/v1/rows", limit=100, **asked)
        print(f"  {asked}: {found['total']}")
    after, pages = first["after"], 0
    while after and pages < 900:
        page = asker.ask(
            "one of 900 pages in turn", "/api/v1/rows", limit=100, after=after, columns="material_id"
        )
        after, pages = page["after"], pages + 1
    for part in PARTS:
        asker.ask(f"{part}, first time", f"/api/v1/parts/{part}")
        asker.ask(f"{part}, again", f"/api/v1/parts/{part}")
    asker.ask("a hundred thousand rows as CSV", "/api/v1/rows.csv")


def main() -> None:
    """Serve, and ask."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder
    with (
        connection(Settings(home=folder / "home", mongo_uri=None)) as address,
        MTLStore.connect(address, Reader.alone()) as store,
        serving(store) as asker,
    ):
        ask_everything(asker)
        asker.print_all()
    print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
