"""Many workers on many jobs: nothing twice, nothing lost, no slower at the end; and questions beside writers.

    make load LOAD="light --jobs 20000"
    make load LOAD="simulations --materials 50"
    make load LOAD="queries --rows 100000"

(`PYTHONPATH=tests:tests/faults python benchmarks/load.py light`.) Processes of `mtl worker` take jobs of a real
launchpad: first one of them alone takes a few, then all together take the rest. That is done on an embedded server and
on a replica set of three. Afterwards every Firework has to be COMPLETED by one launch, every output to be there once,
and every document of the store has to be what one process alone writes, but for when it was written and by whom.
The exit code is 1 if anything is otherwise. Times of checkouts are given for tenths of the run, so for shorter and
shorter queues, with what the server examines for one.

light
    The lightest jobs there are: the chemical rules on one structure, in the process of the job. Jobs above the number
    of structures are the same structures under other parameters, with documents of their own. With --behind so many
    more wait in the queue and stay there: what a checkout costs when it is long is seen without working it off.
simulations
    Order, relax, heat, four temperatures in chunks, fit, window and row of rock salts under the tests' quick potential.
queries
    See `load_queries.py`.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice, product
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from fireworks import FWorker
from generated import generate, write_archive
from jobflow import Flow
from load_queries import ask_beside_writers
from once import not_once
from pymatgen.core import Lattice, Structure
from servers import ReplicaSet
from toy_engines import dynamics
from undertaking import RELEASED, computed, differences

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.chemistry import ChemistryMaker
from mtl_flows.jobs.ingest import ingest
from mtl_flows.launch.categories import heavy
from mtl_flows.launch.names import CATEGORIES, LIGHT
from mtl_flows.launch.submit import Submission, submit_all
from mtl_flows.launch.worker import work
from mtl_flows.science.chemistry import ChemistryParameters
from mtl_flows.science.dynamics import DynamicsBudget
from mtl_flows.stages import CHEMISTRY, ScreeningParameters
from mtl_flows.stages.ordering import parent_id
from mtl_flows.stages.work import Limits
from mtl_flows.store.collection import batched
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.mongod import EmbeddedServer

HERE = Limits(workers=0)
TOGETHER = 10
"""Jobs of one workflow, of the light ones."""
CUBE_A = 5.1283
"""Edge of the rock salts: that of LiCl, where the quick potential has its minima."""
OTHERS = (
    "F Cl Br I Na K Rb Cs Be Mg Ca Sr Ba Sc Y La Ti Zr Hf V Nb Ta Cr Mo W Mn Re Fe Ru Os Co Rh Ir Ni Pd Pt Cu Ag Au Zn "
    "Cd Hg Al Ga In Tl Si Ge Sn Pb P As Sb Bi S Se Te"
)
"""What stands beside lithium in them."""
SIMULATED = dynamics(
    relax_steps=20,
    heat_ps=0.1,
    temperatures_K=(800.0, 1000.0, 1200.0, 1400.0),
    production_ps=1.2,
    chunk_ps=0.6,
    budget=DynamicsBudget(max_production_ps=1.2),
)


class Load(ABC):
    """Work, and what one process alone makes of it."""

    kind: str
    behind = 0
    """Jobs that wait behind all others and stay there."""
    together = 1
    """Jobs of one workflow, where some stay."""

    @abstractmethod
    def write(self, archive: Path) -> Path:
        """Write the structures into an archive."""

    @abstractmethod
    def hand_in(self, store: MTLStore, address: Connection) -> None:
        """Hand in the jobs."""

    @abstractmethod
    def alone(self, store: MTLStore, address: Connection, folder: Path) -> None:
        """Do it in this process, after structures were taken in."""

    def take_in(self, store: MTLStore, archive: Path) -> None:
        """Ingest the structures."""
        ingest(store, [archive], release="made", date=RELEASED, workers=0)


class Light(Load):
    """The chemical rules on one structure each."""

    kind = "light"

    def __init__(self, n_jobs: int, n_structures: int, together: int = TOGETHER, behind: int = 0) -> None:
        self.n_jobs, self.n_structures = n_jobs, min(n_jobs, n_structures)
        self.together, self.behind = together, behind

    def write(self, archive: Path) -> Path:
        """Write generated structures."""
        return write_archive(archive, generate(self.n_structures))

    def hand_in(self, store: MTLStore, address: Connection) -> None:
        """Hand in workflows of a few jobs each."""

        def made() -> Iterator[Submission]:
            for number, share in enumerate(
                batched(self._pieces(store, self.n_jobs + self.behind), self.together)
            ):
                jobs = [ChemistryMaker(parameters=p, limits=HERE).make([key]) for p, key in share]
                flow = Flow(jobs)
                yield Submission(f"light {number}", lambda flow=flow: flow)

        submit_all(made(), address)

    def alone(self, store: MTLStore, address: Connection, folder: Path) -> None:
        """Apply the rules without any workflow."""
        by_parameters: dict[ScreeningParameters, list[str]] = {}
        for p, key in self._pieces(store, self.n_jobs):
            by_parameters.setdefault(p, []).append(key)
        for p, keys in by_parameters.items():
            run_stages(store, keys, p, stages=(CHEMISTRY,), limits=HERE)

    def _pieces(self, store: MTLStore, n: int) -> Iterator[tuple[ScreeningParameters, str]]:
        ids = store.structures.current_ids()
        largest = ChemistryParameters().max_atoms
        rules = [
            ScreeningParameters(chemistry=ChemistryParameters(max_atoms=largest + number))
            for number in range(-(-n // len(ids)))
        ]
        return islice(product(rules, ids), n)


class Simulations(Load):
    """The dynamics of rock salts; four simulations each, and the heating before them."""

    kind = "any"

    def __init__(self, n_materials: int) -> None:
        self.n_materials = min(n_materials, len(OTHERS.split()))

    def write(self, archive: Path) -> Path:
        """Write rock salts."""
        with zipfile.ZipFile(archive, "w") as files:
            for element in OTHERS.split()[: self.n_materials]:
                sites = ["Li", element], [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]
                salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(CUBE_A), *sites)
                files.writestr(f"Li{element}.json", json.dumps(salt.as_dict()))
        return archive

    def hand_in(self, store: MTLStore, address: Connection) -> None:
        """Hand in one workflow for each."""
        maker = DynamicsFlowMaker(parameters=SIMULATED)

        def made() -> Iterator[Submission]:
            for subject in store.structures.subjects(store.structures.current_ids()):
                flow = heavy(maker.make(parent_id(subject), subject.material_id, ordered=True))
                name = maker.name_of(subject.material_id)
                yield Submission(name, lambda flow=flow: flow)

        submit_all(made(), address)

    def alone(self, store: MTLStore, address: Connection, folder: Path) -> None:
        """Let one worker do it."""
        self.hand_in(store, address)
        work(address, launch_dir=folder)


@contextmanager
def embedded(folder: Path) -> Iterator[Connection]:
    """Start the embedded server."""
    with EmbeddedServer(folder).lease() as server:
        yield Connection.parse(server.uri, "mtl")


@contextmanager
def replicas(folder: Path) -> Iterator[Connection]:
    """Start a replica set of three."""
    members = ReplicaSet(folder, oplog_MB=1024)
    with members.running():
        yield Connection.parse(members.uri, "mtl")


SERVERS: dict[str, Callable[[Path], AbstractContextManager[Connection]]] = {
    "embedded": embedded,
    "replicas": replicas,
}


def expected_of(load: Load, archive: Path, folder: Path) -> dict[str, Any]:
    """What one process alone writes."""
    began, busy = time.monotonic(), time.process_time()
    with embedded(folder / "calm") as address, MTLStore.connect(address) as store:
        load.take_in(store, archive)
        load.alone(store, address, folder / "calm launches")
        found = computed(store)
    spent = f"{time.monotonic() - began:.0f} s, processor {time.process_time() - busy:.0f} s"
    print(f"one process alone, undisturbed: {spent}", flush=True)
    return found


def crew(address: Connection, folder: Path, kind: str, n: int, each: int = 0) -> list[Path]:
    """Let so many workers do what there is, or so many jobs each; gives the files with their checkouts."""
    folder.mkdir()
    program = [sys.executable, str(Path(__file__).with_name("timed_worker.py"))]
    command = ["worker", "--kind", kind, "--max-jobs", str(each)]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "MTL_MONGO_URI": address.uri}
    files, started = [folder / f"checkouts {number}" for number in range(n)], []
    for number, file in enumerate(files):
        with (folder / f"told {number}").open("w") as told:
            started.append(
                subprocess.Popen(
                    [*program, str(file), *command],
                    cwd=folder,
                    env={"OMP_NUM_THREADS": "1", **os.environ, **environment},
                    stdout=told,
                    stderr=told,
                )
            )
    codes = [process.wait() for process in started]
    if any(codes):
        print(f"workers ended with {codes}: see {folder}")
    return files


@contextmanager
def metered(address: Connection, what: str) -> Iterator[None]:
    """Print jobs, time, and processor time of workers and of the server that takes the writes."""

    def read() -> tuple[int, float, float, float]:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        with address.client() as client:
            usage = client.admin.command("serverStatus")["extra_info"]
            done = client[address.database]["launches"].count_documents({"state": "COMPLETED"})
        server_s = (usage["user_time_us"] + usage["system_time_us"]) / 1e6
        return done, time.monotonic(), children.ru_utime + children.ru_stime, server_s

    before = read()
    yield
    done, wall_s, workers_s, server_s = (now - then for now, then in zip(read(), before, strict=True))
    print(
        f"{what}: {done} jobs in {wall_s:.0f} s, {done / wall_s:.1f} a second; processor time a job: "
        f"workers {1000 * workers_s / max(1, done):.0f} ms, server {1000 * server_s / max(1, done):.0f} ms",
        flush=True,
    )


def tell_what_a_checkout_examines(address: Connection) -> None:
    """Print what the server looks at to find the next job of a worker, by the kinds that it takes."""
    with address.client() as client:
        fireworks = client[address.database]["fireworks"]
        waiting = fireworks.count_documents({"state": "READY"})
        for categories in (CATEGORIES, (LIGHT,)):
            asked = {**FWorker(category=list(categories)).query, "state": "READY"}
            plan = fireworks.find(asked).sort([("spec._priority", -1), ("created_on", 1)]).limit(1).explain()
            seen = plan["executionStats"]
            print(
                f"{waiting} jobs are ready; to find one of {', '.join(categories)}: "
                f"{seen['totalKeysExamined']} keys, {seen['totalDocsExamined']} documents",
                flush=True,
            )


def tell_checkouts(files: Sequence[Path]) -> None:
    """Print what checkouts took, in tenths of the run."""
    lines = [line.split() for file in files if file.exists() for line in file.read_text().splitlines()]
    taken = sorted(tuple(map(float, line)) for line in lines)
    size = -(-len(taken) // 10)
    medians = []
    print(f"{len(taken)} checkouts in tenths of the run, ms: median, p95; median of processor time")
    for tenth in batched(taken, max(2, size)):
        clock, busy = ([1000 * line[k] for line in tenth] for k in (1, 2))
        medians.append((median(clock), median(busy)))
        p95 = quantiles(clock, n=20)[-1] if len(clock) > 1 else clock[0]
        print(f"  {medians[-1][0]:6.0f} {p95:6.0f} {medians[-1][1]:6.1f}")
    if len(medians) > 1:
        ratios = (last / first for last, first in zip(medians[-1], medians[0], strict=True))
        print("  last over first: {:.2f}, of processor time {:.2f}".format(*ratios), flush=True)


def run(load: Load, address: Connection, archive: Path, folder: Path, n: int, first: int) -> None:
    """Hand in, let one worker take the `first` jobs, then `n` workers the rest; tells what that took."""
    with MTLStore.connect(address) as store:
        load.take_in(store, archive)
        began = time.monotonic()
        load.hand_in(store, address)
        print(
            f"{store.database['fireworks'].count_documents({})} jobs handed in: {time.monotonic() - began:.1f} s"
        )
    tell_what_a_checkout_examines(address)
    if first:
        with metered(address, "one worker"):
            crew(address, folder / "one", load.kind, 1, first)
    each = (load.n_jobs - first) // n if load.behind else 0
    with metered(address, f"{n} workers"):
        files = crew(address, folder / "all", load.kind, n, each)
    tell_checkouts(files)


def faults(address: Connection, load: Load, expected: dict[str, Any]) -> list[str]:
    """What is not as it should be."""
    whole, begun = divmod(load.behind, load.together)
    staying = {
        f"{load.behind} Fireworks READY",
        f"{whole} workflows READY",
        f"{bool(begun):d} workflows RUNNING",
    }
    with MTLStore.connect(address) as store:
        found = [*not_once(store.database), *differences(store, expected)]
    return [told for told in found if not (load.behind and told in staying)]


def main() -> None:
    """Load what is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    loads = parser.add_subparsers(dest="load", required=True)
    light, simulations, queries = (loads.add_parser(name) for name in ("light", "simulations", "queries"))
    light.add_argument("--jobs", type=int, default=20_000)
    light.add_argument("--structures", type=int, default=500)
    light.add_argument("--together", type=int, default=TOGETHER, help="jobs of one workflow")
    light.add_argument("--behind", type=int, default=0, help="jobs that wait behind these and stay there")
    simulations.add_argument("--materials", type=int, default=50)
    for one in (light, simulations):
        one.add_argument("--workers", type=int, default=8)
        one.add_argument("--first", type=int, default=0, help="jobs that one worker takes alone before")
        one.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS))
    queries.add_argument("--rows", type=int, default=100_000)
    queries.add_argument("--writers", type=int, default=2)
    queries.add_argument("--repeat", type=int, default=40)
    queries.add_argument("--folder", type=Path, help="keep the table there, and use what is there")
    parser.add_argument("--nice", type=int, default=0, help="leave other programs of this machine so much")
    arguments = parser.parse_args()
    os.nice(arguments.nice)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if arguments.load == "queries":
            a = arguments
            ask_beside_writers(a.folder or folder, n_rows=a.rows, n_writers=a.writers, repeat=a.repeat)
            return
        load: Load
        if arguments.load == "light":
            load = Light(arguments.jobs, arguments.structures, arguments.together, arguments.behind)
        else:
            load = Simulations(arguments.materials)
        archive = load.write(folder / "made.zip")
        expected = expected_of(load, archive, folder)
        wrong = []
        for name in arguments.servers:
            print(f"\n{name}", flush=True)
            (folder / name).mkdir()
            with SERVERS[name](folder / name / "server") as address:
                run(load, address, archive, folder / name, arguments.workers, arguments.first)
                found = faults(address, load, expected)
                n_documents = sum(map(len, expected.values()))
                print(
                    f"{len(found)} faults; {n_documents} documents compared",
                    *found[:20],
                    sep="\n  ",
                    flush=True,
                )
                wrong += found
    raise SystemExit(int(bool(wrong)))


if __name__ == "__main__":
    main()
