"""A project on a login node, whose carrier is started for every look, and nodes that the test plays."""

from pathlib import Path
from typing import Any

from fake_cluster import FakeCluster
from samples import HERE, contents, fill, parent, sample, without
from toy_engines import dynamics

from mtl_flows.carried.folder import CalculationFolder
from mtl_flows.carried.node import compute
from mtl_flows.carried.root import CarrierRoot
from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.flows.screening import ScreeningFlowMaker
from mtl_flows.launch.carrier import CarryOrder
from mtl_flows.launch.carry import carry
from mtl_flows.launch.categories import heavy
from mtl_flows.launch.events import RocketEvent, WorkSummary
from mtl_flows.launch.names import CATEGORIES
from mtl_flows.launch.queues import BatchQueue, Slurm
from mtl_flows.launch.submit import submit
from mtl_flows.launch.worker import work
from mtl_flows.science.dynamics import DynamicsBudget
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

# Two chunks of two blocks each.
P = dynamics(
    temperatures_K=(1200.0,),
    relax_steps=20,
    heat_ps=0.1,
    production_ps=1.2,
    chunk_ps=0.6,
    budget=DynamicsBudget(max_production_ps=1.2),
    frame_interval_fs=2.0,
)

DIFFERS = {"owner", "file_id", "revision"}
"""What tells who computed something."""


class Site:
    """A project on a login node, and the nodes that the test plays."""

    def __init__(self, address: Connection, folder: Path, cluster: FakeCluster) -> None:
        self.address, self.folder, self.cluster = address, folder, cluster
        self.root = CarrierRoot(folder / "carried")
        self.events: list[RocketEvent] = []
        self.said: list[str] = []
        self.queue: type[BatchQueue] = Slurm
        self.most, self.grace_s = 20, 0.0

    def hand_in(self, store: MTLStore, *, window: bool = False) -> str:
        fill(store, "licl")
        flow = DynamicsFlowMaker(parameters=P, window=window).make(parent("licl"), "licl")
        submit(heavy(flow), self.address, name="licl")
        return P.trajectory_id(sample("licl", P), 1200.0)

    def undisturbed(self, store: MTLStore) -> dict[str, Any]:
        """What one worker here leaves of what was handed in, but for who computed it; nothing of it stays."""
        assert work(self.address, launch_dir=self.folder / "calm").failures == ()
        left: dict[str, Any] = without(contents(store), DIFFERS)
        for name in store.database.list_collection_names():
            store.database[name].delete_many({})
        return left

    def screen(self, store: MTLStore, *slugs: str, **options: Any) -> None:
        """Hand in a screening of these crystals."""
        maker = ScreeningFlowMaker(limits=HERE, **options)
        submit(maker.make(fill(store, *slugs)), self.address, name="screening")

    def round(self, **options: Any) -> WorkSummary:
        """A carrier that is started, looks once, and ends."""
        order = CarryOrder(
            dict.fromkeys(CATEGORIES, self.queue({"walltime": "1:00:00"})), self.most, grace_s=self.grace_s
        )
        return carry(
            self.address,
            self.root.path,
            order,
            launch_dir=self.folder / "launches",
            on_event=self.events.append,
            say=lambda word, line: self.said.append(f"{word} {line}"),
            once=True,
            **options,
        )

    @property
    def waiting(self) -> list[CalculationFolder]:
        """Folders in the queue."""
        return [self.root.folder(queued.calculation) for queued in self.root.queued()]

    def compute(self) -> None:
        """Let the nodes do what is in the queue."""
        for folder in self.waiting:
            compute(folder, self.said.append)
        self.cluster.kill_nodes()

    def until_in_queue(self, job: str) -> CalculationFolder:
        """Go on until a job waits in the queue; gives its folder."""
        while not any(q.waiting[0].name.startswith(job) for q in self.root.queued()):
            self.compute()
            self.round()
        (folder,) = self.waiting
        return folder

    def finish(self) -> None:
        """Go on until nothing is left."""
        self.round()
        while self.waiting:
            self.compute()
            self.round()
