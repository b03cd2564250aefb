"""The store: every domain collection of one database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self, overload

from pymatgen.core import Structure
from pymongo import MongoClient

from mtl_flows.errors import ConfigurationError, NotFoundError
from mtl_flows.schemas.dynamics import TrajectoryDocument
from mtl_flows.science.topology import StructureBarcodes, TopologyParameters
from mtl_flows.settings import Settings
from mtl_flows.stages import BARCODES, BARRIER, CHEMISTRY, CRYSTAL_STAGES, CrystalStage, Stage
from mtl_flows.store.campaigns import CampaignCollection
from mtl_flows.store.candidates import CandidateCollection
from mtl_flows.store.clustering import AssignmentCollection, ClusteringCollection
from mtl_flows.store.collection import DocumentCollection
from mtl_flows.store.connection import Connection, connection
from mtl_flows.store.crystals import CrystalCollection
from mtl_flows.store.deliveries import DeliveryCollection
from mtl_flows.store.dynamics import (
    OrderingCollection,
    RelaxationCollection,
    TrajectoryCollection,
    TransportCollection,
)
from mtl_flows.store.frames import FrameFiles
from mtl_flows.store.groups import GroupCollection
from mtl_flows.store.ingest import FileCollection, RejectionCollection
from mtl_flows.store.labels import LabelCollection
from mtl_flows.store.owner import Owner
from mtl_flows.store.potentials import PotentialCollection
from mtl_flows.store.releases import ReleaseCollection
from mtl_flows.store.screening import ScreeningCollection
from mtl_flows.store.stability import EntryCollection, StabilityCollection, VerdictCollection
from mtl_flows.store.stages import (
    BarcodeCollection,
    CrystalStageCollection,
    TopologyCollection,
    collection_of,
)
from mtl_flows.store.structures import StructureCollection
from mtl_flows.store.version_1 import mark


class MTLStore:
    """Typed access to everything the framework keeps.

    Use `open` (settings of the working directory) or `connect` (an address); both are context managers.

    Attributes
    ----------
    owner
        Who writes; every write is refused once this owner has lost its work to another worker.
    releases, files, deliveries, structures, rejections, labels
        What was ingested, what was refused, and what is known by measurement.
    crystals, groups
        What is computed on, each kept once, and which materials are the same.
    barcodes, topology, barriers, chemistry
        One document per crystal (and what else the stage reads) and set of parameters.
    clusterings, assignments
        Runs of the clustering and where each structure stands in them.
    orderings, potentials, relaxations, dynamics, transport
        Approximants, what they are simulated by, simulations and Arrhenius fits.
    stability, entries
        Electrochemical windows, and the energies of competing phases they rest on.
    screenings
        Names, ions and parameters that everything is screened under, side by side.
    verdicts
        Every criterion with its number, interval and origin, by material and thresholds.
    campaigns
        Budgets of core-hours, and what was decided with them.
    candidates
        What people query.
    frames
        Frames of molecular dynamics, float32, one file per chunk.
    """

    def __init__(
        self,
        client: MongoClient[dict[str, Any]],
        database: str,
        owner: Owner | None = None,
        screening: str = "",
    ) -> None:
        self.client = client
        self.database = client[database]
        self.owner = owner or Owner.alone()
        self.releases = ReleaseCollection(self.database, self.owner)
        self.files = FileCollection(self.database, self.owner)
        self.deliveries = DeliveryCollection(self.database, self.owner)
        self.crystals = CrystalCollection(self.database, self.owner)
        self.structures = StructureCollection(self.database, self.owner)
        self.groups = GroupCollection(self.database, self.owner)
        self.rejections = RejectionCollection(self.database, self.owner)
        self.labels = LabelCollection(self.database, self.owner)
        self.barcodes = BarcodeCollection(self.database, self.owner)
        self.topology = TopologyCollection(self.database, self.owner)
        self.barriers = collection_of(BARRIER)(self.database, self.owner)
        self.clusterings = ClusteringCollection(self.database, self.owner, screening)
        self.assignments = AssignmentCollection(self.database, self.owner)
        self.chemistry = collection_of(CHEMISTRY)(self.database, self.owner)
        self.orderings = OrderingCollection(self.database, self.owner)
        self.potentials = PotentialCollection(self.database, self.owner)
        self.relaxations = RelaxationCollection(self.database, self.owner)
        self.dynamics = TrajectoryCollection(self.database, self.owner)
        self.transport = TransportCollection(self.database, self.owner)
        self.stability = StabilityCollection(self.database, self.owner)
        self.entries = EntryCollection(self.database, self.owner)
        self.screenings = ScreeningCollection(self.database, self.owner)
        self.verdicts = VerdictCollection(self.database, self.owner)
        self.campaigns = CampaignCollection(self.database, self.owner)
        self.candidates = CandidateCollection(self.database, self.owner, screening)
        self.frames = FrameFiles(self.database, self.owner)
        has_its_own = {known.model for known in self.collections}
        for stage in CRYSTAL_STAGES:
            if stage.document not in has_its_own:
                setattr(self, stage.collection or stage.noun, collection_of(stage)(self.database, self.owner))

    def under(self, screening: str) -> Self:
        """Return the same store with the candidates and current clusterings of another screening."""
        return type(self)(self.client, self.database.name, self.owner, screening)

    @property
    def screening(self) -> str:
        """Name of the screening whose candidates and clusterings are meant: the one named, else the default."""
        return self.candidates.screening

    def structure(self, key: str) -> Structure:
        """Return a material's current structure, or that of a revision (``icsd-188887.r1``), for pymatgen.

        Raises
        ------
        NotFoundError
            If the material is unknown.
        """
        revision = self.structures.get(self._revision(key))
        structure = self.crystals.get(revision.crystal_id).to_structure()
        for site, label in zip(structure, revision.site_labels, strict=False):
            site.label = label
        return structure

    def simulation(self, subject: str, ordering: int = 0, temperature_K: float = 0.0) -> TrajectoryDocument:
        """Return one simulation with frames: by its id, or of a material or a duplicate of it.

        Parameters
        ----------
        subject
            Id of a simulation, or of a material.
        ordering
            Number of the approximant.
        temperature_K
            Of the simulation; the hottest if 0.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        sources = self.groups.sources([subject]).get(subject, [])
        parents = [source.parent_id for source in sources]
        orderings = sorted(self.orderings.samples(parents), key=lambda o: parents.index(o.parent_id))
        return self.dynamics.production(subject, orderings, ordering, temperature_K)

    def barcodes_of(
        self, key: str, parameters: TopologyParameters = TopologyParameters(), *, mobile_ion: str = "Li"
    ) -> StructureBarcodes:
        """Return the barcodes of a material or revision, as numpy arrays in Å.

        Parameters
        ----------
        key
            As `structure` takes it.
        parameters, mobile_ion
            What the barcodes were computed with.

        Raises
        ------
        NotFoundError
            If the material is unknown, or has no barcodes under these parameters.
        """
        revision = self._revision(key)
        wanted = BARCODES.keys(self.structures.subjects([revision]), BARCODES.keyed(parameters, mobile_ion))
        found = self.barcodes.unpacked(wanted)
        if revision not in found:
            raise NotFoundError(
                "no barcodes under these parameters", subject=revision, remedy="run mtl screen"
            )
        return found[revision]

    def _revision(self, key: str) -> str:
        """Id of a revision; of a material, its current one."""
        if self.structures.existing([key]):
            return key
        revisions = self.structures.by_material(key)
        return next((r.id for r in revisions if r.current), revisions[-1].id)

    @overload
    def results(self, stage: CrystalStage[Any]) -> CrystalStageCollection[Any]: ...
    @overload
    def results(self, stage: Stage[Any]) -> DocumentCollection[Any]: ...
    def results(self, stage: Stage[Any]) -> DocumentCollection[Any]:
        """Collection of a stage's documents."""
        return next(known for known in self.collections if known.model is stage.document)

    @property
    def collections(self) -> tuple[DocumentCollection[Any], ...]:
        """Every domain collection, in the order of the stages."""
        return tuple(member for member in vars(self).values() if isinstance(member, DocumentCollection))

    def ensure_indexes(self) -> None:
        """Create the indexes that are missing, and drop those that earlier versions left."""
        for collection in self.collections:
            collection.ensure_indexes()

    def _check_layout(self) -> None:
        if mark.is_of_version_1(self.database):
            raise ConfigurationError(
                "was written by a version whose results belong to revisions of materials, not to crystals",
                subject=f"database {self.database.name}",
                remedy="run mtl migrate; --dry-run says what it would do",
            )
        if mark.progress(self.database) not in ("", "done"):
            raise ConfigurationError(
                "its migration was interrupted",
                subject=f"database {self.database.name}",
                remedy="run mtl migrate",
            )

    @classmethod
    @contextmanager
    def connect(cls, address: Connection, owner: Owner | None = None) -> Iterator[Self]:
        """Open the store at `address`; indexes are in place when it is handed out.

        Raises
        ------
        ConfigurationError
            If it was written by a version whose results belong to revisions instead of crystals, or is half migrated.
        """
        with address.client() as client:
            store = cls(client, address.database, owner)
            store._check_layout()
            store.ensure_indexes()
            yield store

    @classmethod
    @contextmanager
    def open(
        cls, settings: Settings | None = None, owner: Owner | None = None, *, begin: bool = False
    ) -> Iterator[Self]:
        """Open the configured store, starting the embedded server if none is configured.

        Parameters
        ----------
        settings
            Those of the working directory if not given.
        begin
            Begin a project where there is none.

        Raises
        ------
        ConfigurationError
            If no server is configured and there is no project here, unless one is begun.
        """
        address = connection(settings or Settings.load(), begin=begin)
        with address as found, cls.connect(found, owner) as store:
            yield store
