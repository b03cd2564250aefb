"""What FireWorks' collections cost at the size of a campaign: submission, status, recovery, commands to the server.

``python benchmarks/launchpad_scale.py --workflows 2000`` in an empty folder of its own, with an embedded server. The
workflows are those of the dynamics of ordered crystals, ten Fireworks each; nothing runs. Each figure stands beside
its ratio to writing the same documents with the driver alone, in the same run.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pymongo import MongoClient, monitoring

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.launch.categories import heavy
from mtl_flows.launch.overview import overview
from mtl_flows.launch.recover import recover
from mtl_flows.launch.submit import Submission, made_of, submit_all
from mtl_flows.schemas.base import content_hash
from mtl_flows.store.connection import Connection
from mtl_flows.store.mongod import EmbeddedServer


class Commands(monitoring.CommandListener):
    """Counts the commands of every client opened since."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Count one."""
        self.counts[event.command_name] += 1

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Take no notice."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Take no notice."""


@contextmanager
def measured(what: str, commands: Commands, unit_s: list[float]) -> Iterator[None]:
    """Print wall time, processor time of this process and commands of a block, and the first over the unit."""
    commands.counts.clear()
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    ratio = f", {wall / unit_s[0]:.2f} of the plain writes" if unit_s else ""
    print(f"{what}: {wall:.2f} s, processor {cpu:.2f} s, {sum(commands.counts.values())} commands{ratio}")
    if not unit_s:
        unit_s.append(wall)


def work(n: int) -> Iterator[Submission]:
    """Dynamics of so many crystals."""
    maker = DynamicsFlowMaker()
    made = made_of(maker)

    def making(material: str) -> Callable[[], object]:
        engine = maker.parameters.configured_engine()
        return lambda: heavy(maker.make(f"crystal of {material}", material, ordered=True), engine)

    for number in range(n):
        material = f"icsd-{number}"
        inputs = content_hash([made, material])
        yield Submission(maker.name_of(material), making(material), {"material": material}, inputs)  # type: ignore[arg-type]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workflows", type=int, default=2000)
    n = parser.parse_args().workflows
    commands, unit_s = Commands(), list[float]()
    monitoring.register(commands)
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(Path(folder) / "mongod").lease() as server,
    ):
        address = Connection.parse(server.uri, "mtl")
        submit_all(work(1), address)  # makes the indexes
        with MongoClient(address.uri) as client:
            template = client.mtl.fireworks.find_one({}, {"_id": 0}) or {}
            with measured(f"{10 * n} Fireworks by the driver alone, one at a time", commands, unit_s):
                for _ in range(10 * n):
                    client.mtl.plain.insert_one(dict(template))
            client.mtl.plain.drop()
        with measured(f"{n} workflows handed in", commands, unit_s):
            added = submit_all(work(n), address)
        print(f"  {sum(len(w.fw_ids) for w in added)} Fireworks, {Counter(w.outcome for w in added)}")
        with measured("the same again, all there", commands, unit_s):
            again = submit_all(work(n), address)
        print(f"  {Counter(w.outcome for w in again)}")
        what = "overview of jobs, as in mtl status"
        with measured(what, commands, unit_s), MongoClient(address.uri) as client:
            overview(client.mtl, limit=20)
        with measured("recover", commands, unit_s):
            print(f"  {recover(address)}")


if __name__ == "__main__":
    main()
