"""What one per cent of new structures costs beside the screening of all: the second release of a source.

    python benchmarks/increment.py [--structures 50000] [--percent 1] [--workers 1]

Generated structures (see generated.py) are ingested and screened by the project's own commands, `mtl ingest` and
`mtl screen`, on an embedded mongod with real rockets: files, duplicates, topology with its homology, chemistry,
clusters under both protocols, the candidate table. Then a second release brings so many new structures and the same
commands run again, and once more with nothing to do. The table gives seconds and the share of the first run.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from generated import generate, write_archive

KNOWN_EVERY = 500


class Project:
    """A project folder, and how long its commands take."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder, self.workers = folder, workers
        folder.mkdir(parents=True, exist_ok=True)
        self.mtl("init")
        self.mtl("db", "start")

    def mtl(self, *arguments: str | Path) -> float:
        """Run a command and return its seconds; its words go to the project's log."""
        command = [sys.executable, "-m", "mtl_flows", "-C", self.folder, *arguments]
        start = perf_counter()
        with (self.folder / "log").open("a") as log:
            subprocess.run([str(a) for a in command], check=True, stdout=log, stderr=log)
        return perf_counter() - start

    def release(self, name: str, archive: Path) -> tuple[float, float]:
        """Ingest and screen a release; the seconds of both."""
        ingested = self.mtl("ingest", archive, "--release", name, "--workers", str(self.workers))
        return ingested, self.screen()

    def screen(self) -> float:
        """Screen what is missing; the seconds."""
        return self.mtl("screen", "--workers", str(self.workers))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--structures", type=int, default=50_000)
    parser.add_argument("--percent", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    n = arguments.structures
    more = round(n * arguments.percent / 100)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        first = write_archive(folder / "first.zip", generate(n))
        second = write_archive(folder / "second.zip", generate(more, first=n))
        labels = folder / "labels.csv"
        known = (made.material_id for made in generate(n) if made.number % KNOWN_EVERY == 0)
        labels.write_text("id,known_conductor\n" + "".join(f"{material},true\n" for material in known))
        project = Project(folder / "project", arguments.workers)
        try:
            project.mtl("label", labels)
            full = project.release("first", first)
            print(f"{n} structures: ingest {full[0]:.1f} s, screening {full[1]:.1f} s", flush=True)
            added = project.release("second", second)
            idle = project.screen()
        finally:
            project.mtl("db", "stop")
    whole = sum(full)
    for what, seconds in (
        ("ingest", added[0]),
        ("screening", added[1]),
        ("both", sum(added)),
        ("nothing to do", idle),
    ):
        print(f"{more} more, {what:14} {seconds:8.1f} s {100 * seconds / whole:6.2f} % of the first run")


if __name__ == "__main__":
    main()
