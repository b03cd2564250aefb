"""What an increment costs beside the screening of all: later releases of a source.

    python benchmarks/increment.py [--structures 50000] [--workers 1] [--copied]

Generated structures (see generated.py) are ingested and screened by the project's own commands, `mtl ingest` and
`mtl screen`, on an embedded mongod with real rockets: files, duplicates, topology with its homology, barriers,
chemistry, clusters under both protocols, the candidate table. Then the same commands run for 1 % of new structures,
for 5 % of the old ones with other metadata, for 1 % of duplicates (the cell of each a little larger), and once more
with nothing to do. The table gives seconds of the clock, seconds of CPU, their share of the first run, and how many
documents the stages wrote. On a busy machine the seconds of CPU are those to go by: of the command, of all processes
that it starts, and of the server meanwhile.

With `--copied` nothing is computed at first: the documents of forty screened crystals are copied under other ids until
there are so many. That takes minutes and has no cost to compare with, but the store is of the real size.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any, NamedTuple

import psutil
from generated import Generated, generate, write_cifs

from mtl_flows.settings import Settings
from mtl_flows.store.database import MTLStore

_PAUSE_S = 0.1
KNOWN_EVERY = 500
ORIGINALS = 40
COPIED = ("crystals", "structures", "barcodes", "topology", "chemistry", "barriers", "groups")
STAGES = ("barcodes", "topology", "barriers", "chemistry")


class Cost(NamedTuple):
    """Seconds of the clock, and of CPU."""

    clock_s: float
    cpu_s: float

    def plus(self, other: "Cost") -> "Cost":
        """Both, one after the other."""
        return Cost(self.clock_s + other.clock_s, self.cpu_s + other.cpu_s)


class _Meter:
    """CPU of a process and all below it, which have to be looked at while they live, and of the server."""

    def __init__(self, pid: int, server: psutil.Process | None) -> None:
        self._root, self._server = psutil.Process(pid), server
        self._before = _cpu_s(server) if server is not None else 0.0
        self._of: dict[int, float] = {}

    def read(self) -> None:
        """Look at them."""
        with suppress(psutil.NoSuchProcess):
            for process in (self._root, *self._root.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    self._of[process.pid] = _cpu_s(process)

    @property
    def cpu_s(self) -> float:
        """Seconds so far."""
        of_server = _cpu_s(self._server) - self._before if self._server is not None else 0.0
        return sum(self._of.values()) + of_server


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


class Project:
    """A project folder, and what its commands cost."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder, self.workers = folder, workers
        self.server: psutil.Process | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.mtl("init")
        self.mtl("db", "start")
        home = str(folder / ".mtl")
        self.server = next(
            p for p in psutil.process_iter() if "mongod" in p.name() and home in " ".join(p.cmdline())
        )

    def mtl(self, *arguments: str | Path) -> Cost:
        """Run a command; its words go to the project's log."""
        command = [sys.executable, "-m", "mtl_flows", "-C", self.folder, *arguments]
        start = perf_counter()
        with (self.folder / "log").open("a") as log:
            running = subprocess.Popen([str(a) for a in command], stdout=log, stderr=log)
            meter = _Meter(running.pid, self.server)
            while running.poll() is None:
                meter.read()
                sleep(_PAUSE_S)
        if running.returncode:
            raise SystemExit(f"{' '.join(map(str, arguments))} failed, see {self.folder / 'log'}")
        return Cost(perf_counter() - start, meter.cpu_s)

    def release(self, name: str, archive: Path) -> tuple[Cost, Cost]:
        """Ingest and screen a release."""
        ingested = self.mtl("ingest", archive, "--release", name, "--workers", str(self.workers))
        return ingested, self.screen()

    def screen(self) -> Cost:
        """Screen what is missing."""
        return self.mtl("screen", "--workers", str(self.workers))

    def documents(self) -> int:
        """Documents of the stages that are there."""
        with MTLStore.open(Settings(home=self.folder / ".mtl", mongo_uri=None)) as store:
            return sum(store.database[name].count_documents({}) for name in STAGES)

    def copy_until(self, n: int) -> None:
        """Copy what is stored of the crystals under other ids until there are `n` structures."""
        with MTLStore.open(Settings(home=self.folder / ".mtl", mongo_uri=None)) as store:
            present = store.structures.count()
            for name in COPIED:
                originals = list(store.database[name].find())
                copies = _copies(name, originals)
                wanted = len(originals) * (n - present) // present
                while batch := list(islice(copies, min(1000, wanted))):
                    store.database[name].insert_many(batch)
                    wanted -= len(batch)


def _copies(name: str, originals: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for number in count(1):
        for original in originals:
            text = f"c{number}-"
            copy = dict(original)
            if crystal := original.get("crystal_id", original["_id"] if name == "crystals" else ""):
                copy["_id"] = original["_id"].replace(crystal, text + crystal, 1)
                copy["crystal_id"] = text + crystal
            if name == "crystals":
                del copy["crystal_id"]
            if name in ("structures", "groups"):
                # A composition of its own: copies are no duplicates of each other.
                copy["composition_key"] = f"{text}{original['composition_key']}"
                copy["representative_id"] = text + original["representative_id"]
                copy["_id"] = text + original["_id"]
            if name == "structures":
                copy["material_id"] = text + original["material_id"]
                copy["names"] = [text + one for one in original["names"]]
            yield copy


def _duplicates(n: int, of: int) -> Iterator[Generated]:
    """So many of the first structures under other names, the cell a little larger."""
    for k, made in enumerate(generate(n)):
        yield replace(made, number=of + k, scale=made.scale * 1.002)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--structures", type=int, default=50_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--copied", action="store_true")
    arguments = parser.parse_args()
    n = arguments.structures
    computed = ORIGINALS if arguments.copied else n
    one_percent = max(1, n // 100)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        labels = folder / "labels.csv"
        known = [made.material_id for made in generate(computed) if made.number % KNOWN_EVERY == 0]
        labels.write_text("id,known_conductor\n" + "".join(f"{material},true\n" for material in known))
        project = Project(folder / "project", arguments.workers)
        try:
            project.mtl("label", labels)
            first = write_cifs(folder / "first.zip", generate(computed))
            if arguments.copied:
                project.release("first", first)
                project.copy_until(n)
                whole = project.screen()
                _say("the table of all", whole, None)
            else:
                ingested, screened = project.release("first", first)
                whole = ingested.plus(screened)
                for what, cost in (("ingest", ingested), ("screening", screened), ("both", whole)):
                    _say(f"{n} structures, {what}", cost, None)
            divisor = None if arguments.copied else whole
            _say("nothing to do", project.screen(), divisor)
            releases = {
                f"{one_percent} new": generate(one_percent, first=n),
                f"{min(computed, 5 * one_percent)} with other metadata": generate(
                    min(computed, 5 * one_percent)
                ),
                f"{min(computed, one_percent)} duplicates": _duplicates(min(computed, one_percent), 2 * n),
            }
            for number, (what, made) in enumerate(releases.items(), start=2):
                r_factor = 0.03 if "metadata" in what else None
                archive = write_cifs(folder / f"{number}.zip", made, r_factor)
                before = project.documents()
                ingested, screened = project.release(f"r{number}", archive)
                _say(f"{what}, ingest", ingested, divisor)
                _say(f"{what}, screening", screened, divisor)
                _say(f"{what}, both", ingested.plus(screened), divisor)
                print(f"  {project.documents() - before} documents of {', '.join(STAGES)}", flush=True)
            _say("nothing to do", project.screen(), divisor)
        finally:
            project.mtl("db", "stop")


def _say(what: str, cost: Cost, whole: Cost | None) -> None:
    share = ""
    if whole is not None:
        share = f" {100 * cost.clock_s / whole.clock_s:6.2f} % {100 * cost.cpu_s / whole.cpu_s:6.2f} % of the first run"
    print(f"{what:40} {cost.clock_s:8.1f} s {cost.cpu_s:8.1f} s of CPU{share}", flush=True)


if __name__ == "__main__":
    main()
