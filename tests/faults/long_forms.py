"""The long forms of the faults: `make faults`, or `make faults FORMS="kills failovers"` for some of them.

Each form hands in the undertaking, lets workers in processes of their own do it while something goes wrong, and holds
the store against the one in which nothing did. Nobody gives a command meanwhile. One line of the table each.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sites
from fake_cluster import FakeCluster
from servers import IMPATIENT, ReplicaSet, kill
from suspension import fall_silent, old_server
from toy_engines import PAUSE
from undertaking import KINDS, computed, differences, hand_in, kind_of, take_in

from mtl_flows.carried.root import CarrierRoot
from mtl_flows.launch.recover import recover
from mtl_flows.launch.worker import work
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.mongod import EmbeddedServer
from mtl_flows.store.patience import Patience

_MOST_LOSSES = 1
WORKER = [sys.executable, "-m", "mtl_flows", "worker", "--kind", "any"]


@contextmanager
def workers(
    uri: str, folder: Path, n: int = 1, pause_s: float = 0.0
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Workers at work, whose words go to files; killed at the end if they are there still."""
    folder.mkdir(exist_ok=True)
    started = []
    for number in range(n):
        environment = {**os.environ, "MTL_MONGO_URI": uri, PAUSE: str(pause_s)}
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        with (folder / f"worker{number}").open("wb") as told:
            started.append(subprocess.Popen(WORKER, cwd=folder, env=environment, stdout=told, stderr=told))
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def undisturbed(folder: Path) -> dict[str, Any]:
    """What the store holds where nothing happens."""
    with EmbeddedServer(folder / "calm").lease() as server:
        address = Connection.parse(server.uri, "mtl")
        prepare(address, folder)
        work(address, launch_dir=folder / "calm launches")
        with MTLStore.connect(address) as store:
            return computed(store)


def prepare(address: Connection, folder: Path) -> None:
    """Files, structures and workflows."""
    with MTLStore.connect(address) as store:
        take_in(store, folder / "files")
        hand_in(store, address)


def ended(processes: list[subprocess.Popen[bytes]]) -> list[int]:
    """Exit codes of the workers, once they have ended by themselves."""
    return [process.wait(timeout=3600) for process in processes]


def outcome(address: Connection, expected: dict[str, Any], codes: list[int]) -> str:
    """What is to be said of workers that ended so."""
    with Patience().in_force(), MTLStore.connect(address) as store:
        found = list(differences(store, expected))
        lost = store.database["launches"].count_documents({"action.stored_data.mtl_lost": True})
    told = (
        f"workers ended with {', '.join(map(str, codes))}; {len(found)} differences; {lost} attempts counted"
    )
    return "\n    ".join([told, *found[:10]])


def running(store: MTLStore) -> str:
    """Kind of the job that runs now."""
    firework = store.database["fireworks"].find_one({"state": "RUNNING"}, {"name": 1})
    return kind_of(firework["name"]) if firework else ""


def struck(
    folder: Path,
    expected: dict[str, Any],
    make: sites.MakeSite,
    seconds: float,
    kinds: tuple[str, ...] = KINDS,
) -> str:
    """Let a fault last for a while during a job of each kind."""
    with make(folder) as site:
        prepare(site.address, folder)
        left, met = set(kinds), []
        with (
            Patience().in_force(),
            MTLStore.connect(site.address) as store,
            workers(site.uri, folder / "at work", pause_s=0.002) as (process,),
        ):
            while left and process.poll() is None:
                while (kind := running(store)) not in left and process.poll() is None:
                    time.sleep(0.01)
                if kind in left:
                    left.discard(kind)
                    met.append(kind)
                    time.sleep(random.uniform(0.0, 0.2))
                    site.strike()
                    time.sleep(seconds)
                    site.mend()
            told = outcome(site.address, expected, ended([process]))
        waits = (folder / "at work" / "worker0").read_text(errors="replace").count(" after ")
        missed = f"; not met: {', '.join(sorted(left))}" if left else ""
        return f"{len(met)} of {seconds:g} s{missed}; the worker waited {waits} times: {told}"


def kills(folder: Path, expected: dict[str, Any], n: int = 10) -> str:
    """Kill mongod again and again at random moments; it comes back at once."""
    server = EmbeddedServer(folder / "server")
    address = Connection.parse(f"{server.start().uri}?{IMPATIENT}", "mtl")
    try:
        prepare(address, folder)
        done = 0
        with workers(address.uri, folder / "at work", n=2, pause_s=0.01) as processes:
            while done < n and any(process.poll() is None for process in processes):
                time.sleep(random.uniform(1.0, 5.0))
                kill(server)
                server.revive()
                done += 1
            told = outcome(address, expected, ended(processes))
        return f"{done} kills: {told}"
    finally:
        server.stop()


def failovers(folder: Path, expected: dict[str, Any], every_s: float = 30.0) -> str:
    """Kill the primary of three, or have it step down, every half minute; the one killed comes back before the next."""
    members = ReplicaSet(folder / "members")
    with members.running():
        address = Connection.parse(members.uri, "mtl")
        prepare(address, folder)
        struck, over = 0, threading.Event()

        def strike() -> None:
            nonlocal struck
            while not over.wait(every_s / 2):
                port = 0
                if struck % 2:
                    members.step_down()
                else:
                    port = members.kill_primary()
                struck += 1
                over.wait(every_s / 2)
                if port:
                    members.start(port)

        striking = threading.Thread(target=strike)
        with workers(address.uri, folder / "at work", n=2, pause_s=0.03) as processes:
            striking.start()
            try:
                codes = ended(processes)
            finally:
                over.set()
                striking.join()
        return f"{struck} failovers, one in {every_s:g} s: {outcome(address, expected, codes)}"


def suspended(folder: Path, expected: dict[str, Any], n: int = 10) -> str:
    """Suspend a worker at random moments for longer than it may be silent; another takes its job; it comes back."""
    server = EmbeddedServer(folder / "server")
    address = Connection.parse(f"{server.start().uri}?{IMPATIENT}", "mtl")
    results = []
    try:
        for number in range(n):
            with address.client() as client:
                client.drop_database("mtl")
            prepare(address, folder)
            with workers(address.uri, folder / f"suspended {number}", pause_s=0.003) as (process,):
                kind = random.choice([k for k in KINDS if k in ("relax", "heat", "at", "Arrhenius fit")])
                with MTLStore.connect(address) as store:
                    while running(store) != kind and process.poll() is None:
                        time.sleep(0.005)
                    time.sleep(random.uniform(0.0, 0.5))
                    os.kill(process.pid, signal.SIGSTOP)
                    fall_silent(store)
                    with old_server():
                        recover(address)
                    work(address, launch_dir=folder / "other")
                    os.kill(process.pid, signal.SIGCONT)
                    code = process.wait(timeout=600)
                    recover(address)
                    found = list(differences(store, expected))
            results.append(f"{kind}: ended {code}, {len(found)} differences {found[:3] or ''}")
        return f"{n} suspensions: " + "; ".join(results)
    finally:
        server.stop()


def _carrier(
    folder: Path, cluster: FakeCluster, address: Connection, *options: str
) -> subprocess.Popen[bytes]:
    command = [*WORKER[:3], "carry", "--kind", "any", "--every", "0.5", "--grace", "2", *options]
    variables = cluster.variables() | {PAUSE: "0.01", "MTL_MONGO_URI": address.uri}
    with (folder / "told").open("ab") as told:
        return subprocess.Popen(command, cwd=folder, env=os.environ | variables, stdout=told, stderr=told)


def nodes(folder: Path, expected: dict[str, Any], n: int = 10) -> str:
    """Kill nodes that see no database at random moments, and each second time the carrier with them."""
    server = EmbeddedServer(folder / "server")
    address = Connection.parse(f"{server.start().uri}?{IMPATIENT}", "mtl")
    cluster, root = FakeCluster(folder / "cluster"), CarrierRoot(folder / "at work" / ".mtl" / "carried")
    (folder / "at work").mkdir()

    def carrier() -> subprocess.Popen[bytes]:
        return _carrier(folder / "at work", cluster, address)

    try:
        prepare(address, folder)
        struck, losses = 0, Counter[int]()
        process = carrier()
        while process.poll() is None:
            time.sleep(random.uniform(0.0, 1.0))
            if struck == n or not cluster.alive():
                continue
            with_carrier = struck % 2 == 1
            waiting = [(queued.waiting, root.folder(queued.calculation)) for queued in root.queued()]
            lost = {job.fw_id for jobs, job_folder in waiting if not job_folder.keys for job in jobs}
            with MTLStore.connect(address) as store:
                at_hand = store.database["fireworks"].find({"state": "RUNNING"}, {"fw_id": 1})
                lost |= {firework["fw_id"] for firework in at_hand} if with_carrier else set()
            if any(losses[fw_id] == _MOST_LOSSES for fw_id in lost):
                continue  # thrice with nothing done would be the job's own failure
            losses.update(lost)
            cluster.kill_nodes()
            struck += 1
            if with_carrier:
                process.kill()
                process.wait()
                process = carrier()
        return f"{struck} times: {outcome(address, expected, [process.wait()])}"
    finally:
        cluster.kill_nodes()
        server.stop()


_UNRELIABLE = """#!/bin/bash
echo "Welcome to Cluster 6: maintenance on 24.12."
luck=$((RANDOM % 6))
[ $luck = 0 ] && { echo "error: Unable to contact controller" >&2; exit 1; }
{command} "$@" || exit $?
[ $luck = 1 ] && { echo "error: Socket timed out on send/recv operation" >&2; exit 1; }
exit 0
"""


def queues(folder: Path, expected: dict[str, Any]) -> str:
    """Two carriers of one project, one job in the queue each, whose commands refuse or break off every third time."""
    server = EmbeddedServer(folder / "server")
    address = Connection.parse(f"{server.start().uri}?{IMPATIENT}", "mtl")
    cluster = FakeCluster(folder / "cluster")
    for command in ("sbatch", "squeue", "scancel"):
        cluster.wrap(command, _UNRELIABLE)
    (folder / "at work").mkdir()
    carriers: list[subprocess.Popen[bytes]] = []
    try:
        prepare(address, folder)
        carriers += [
            _carrier(folder / "at work", cluster, address, "--max", "1", "--folder", f"{name}'s folder")
            for name in ("one", "other")
        ]
        told = outcome(address, expected, ended(carriers))
        return f"{cluster.submitted} jobs in the queue: {told}"
    finally:
        for carrier in carriers:
            carrier.kill()
        cluster.kill_nodes()
        server.stop()


FORMS: dict[str, Callable[[Path, dict[str, Any]], str]] = {
    "away-5": partial(struck, make=sites.killed, seconds=5),
    "away-60": partial(struck, make=sites.killed, seconds=60),
    "away-600": partial(struck, make=sites.killed, seconds=600, kinds=("at",)),
    "cut-5": partial(struck, make=sites.cut, seconds=5),
    "swallowed-5": partial(struck, make=sites.swallowed, seconds=5),
    "swallowed-60": partial(struck, make=sites.swallowed, seconds=60),
    "held-60": partial(struck, make=sites.held, seconds=60, kinds=("at",)),
    "password-5": partial(struck, make=sites.refused("password"), seconds=5),
    "user-5": partial(struck, make=sites.refused("user"), seconds=5),
    "role-5": partial(struck, make=sites.refused("role"), seconds=5),
    "full-90": partial(
        struck, make=sites.full_disk, seconds=90, kinds=("screening batch", "at", "Arrhenius fit")
    ),
    "full-launches-5": partial(struck, make=sites.full_launches, seconds=5),
    "kills": kills,
    "failovers": failovers,
    "suspended": suspended,
    "nodes": nodes,
    "queues": queues,
}


def main() -> None:
    """Run the forms that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("forms", nargs="*", metavar="FORM", help=", ".join(FORMS))
    chosen = parser.parse_args().forms or list(FORMS)
    if any(name.startswith("full") for name in chosen):
        sites.in_namespace()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        expected = undisturbed(folder)
        for name in chosen:
            begun = time.monotonic()
            here = folder / name
            here.mkdir()
            told = FORMS[name](here, expected)
            sys.stdout.write(f"{name}, {time.monotonic() - begun:.0f} s: {told}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
