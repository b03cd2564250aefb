"""The store: every domain collection of one database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from pymongo import MongoClient

from mtl_flows.settings import Settings
from mtl_flows.store.campaigns import CampaignCollection
from mtl_flows.store.candidates import CandidateCollection
from mtl_flows.store.clustering import AssignmentCollection, ClusteringCollection
from mtl_flows.store.collection import DocumentCollection
from mtl_flows.store.connection import Connection, connection
from mtl_flows.store.dynamics import (
    OrderingCollection,
    RelaxationCollection,
    TrajectoryCollection,
    TransportCollection,
)
from mtl_flows.store.frames import FrameFiles
from mtl_flows.store.ingest import FileCollection, RejectionCollection, ReleaseCollection
from mtl_flows.store.labels import LabelCollection
from mtl_flows.store.screening import ScreeningCollection
from mtl_flows.store.stability import EntryCollection, StabilityCollection, VerdictCollection
from mtl_flows.store.stages import BarcodeCollection, ChemistryCollection, TopologyCollection
from mtl_flows.store.structures import StructureCollection


class MTLStore:
    """Typed access to everything the framework keeps.

    Use `open` (settings of the working directory) or `connect` (an address); both are context managers.

    Attributes
    ----------
    releases, files, structures, rejections, labels
        What was ingested, what was refused, and what is known by measurement.
    barcodes, topology, chemistry
        One document per structure and set of parameters.
    clusterings, assignments
        Runs of the clustering and where each structure stands in them.
    orderings, relaxations, dynamics, transport
        Approximants, simulations and Arrhenius fits.
    stability, entries
        Electrochemical windows, and the energies of competing phases they rest on.
    screenings
        The parameters that everything is screened under.
    verdicts
        Every criterion with its number, interval and origin, by material and thresholds.
    campaigns
        Budgets of core-hours, and what was decided with them.
    candidates
        What people query.
    frames
        Frames of molecular dynamics, float32, one file per chunk.
    """

    def __init__(self, client: MongoClient[dict[str, Any]], database: str) -> None:
        self.client = client
        self.database = client[database]
        self.releases = ReleaseCollection(self.database)
        self.files = FileCollection(self.database)
        self.structures = StructureCollection(self.database)
        self.rejections = RejectionCollection(self.database)
        self.labels = LabelCollection(self.database)
        self.barcodes = BarcodeCollection(self.database)
        self.topology = TopologyCollection(self.database)
        self.clusterings = ClusteringCollection(self.database)
        self.assignments = AssignmentCollection(self.database)
        self.chemistry = ChemistryCollection(self.database)
        self.orderings = OrderingCollection(self.database)
        self.relaxations = RelaxationCollection(self.database)
        self.dynamics = TrajectoryCollection(self.database)
        self.transport = TransportCollection(self.database)
        self.stability = StabilityCollection(self.database)
        self.entries = EntryCollection(self.database)
        self.screenings = ScreeningCollection(self.database)
        self.verdicts = VerdictCollection(self.database)
        self.campaigns = CampaignCollection(self.database)
        self.candidates = CandidateCollection(self.database)
        self.frames = FrameFiles(self.database)

    @property
    def collections(self) -> tuple[DocumentCollection[Any], ...]:
        """Every domain collection, in the order of the stages."""
        return tuple(member for member in vars(self).values() if isinstance(member, DocumentCollection))

    def ensure_indexes(self) -> None:
        """Create the indexes that are missing."""
        for collection in self.collections:
            collection.ensure_indexes()

    @classmethod
    @contextmanager
    def connect(cls, address: Connection) -> Iterator[Self]:
        """Open the store at `address`; indexes are in place when it is handed out."""
        with address.client() as client:
            store = cls(client, address.database)
            store.ensure_indexes()
            yield store

    @classmethod
    @contextmanager
    def open(cls, settings: Settings | None = None) -> Iterator[Self]:
        """Open the configured store, starting the embedded server if none is configured."""
        with connection(settings or Settings.load()) as address, cls.connect(address) as store:
            yield store
