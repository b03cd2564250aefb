"""The store: every domain collection of one database."""

import weakref
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Self, overload

from pymongo import MongoClient

from mtl_flows.errors import NotFoundError
from mtl_flows.settings import Settings
from mtl_flows.store.collection import DocumentCollection
from mtl_flows.store.connection import Connection, connection
from mtl_flows.store.ledger import IndexLedger
from mtl_flows.store.owner import Owner, Reader

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from mtl_flows.schemas.barrier import BarrierDocument, LandscapeDocument
    from mtl_flows.schemas.chemistry import ChemistryDocument
    from mtl_flows.schemas.dynamics import TrajectoryDocument
    from mtl_flows.science.topology import StructureBarcodes, TopologyParameters
    from mtl_flows.stages import CrystalStage, Stage
    from mtl_flows.store.campaigns import CampaignCollection
    from mtl_flows.store.candidates import CandidateCollection
    from mtl_flows.store.clustering import AssignmentCollection, ClusteringCollection
    from mtl_flows.store.crystals import CrystalCollection
    from mtl_flows.store.deliveries import DeliveryCollection
    from mtl_flows.store.dft_checks import DftCheckCollection
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
    from mtl_flows.store.potentials import PotentialCollection
    from mtl_flows.store.releases import ReleaseCollection
    from mtl_flows.store.screening import ScreeningCollection
    from mtl_flows.store.stability import EntryCollection, StabilityCollection, VerdictCollection
    from mtl_flows.store.stages import (
        BarcodeCollection,
        CrystalStageCollection,
        TopologyCollection,
    )
    from mtl_flows.store.structures import StructureCollection

_COLLECTIONS: Final = {
    "releases": ("releases", "ReleaseCollection"),
    "files": ("ingest", "FileCollection"),
    "deliveries": ("deliveries", "DeliveryCollection"),
    "crystals": ("crystals", "CrystalCollection"),
    "structures": ("structures", "StructureCollection"),
    "groups": ("groups", "GroupCollection"),
    "rejections": ("ingest", "RejectionCollection"),
    "labels": ("labels", "LabelCollection"),
    "barcodes": ("stages", "BarcodeCollection"),
    "topology": ("stages", "TopologyCollection"),
    "clusterings": ("clustering", "ClusteringCollection"),
    "assignments": ("clustering", "AssignmentCollection"),
    "orderings": ("dynamics", "OrderingCollection"),
    "potentials": ("potentials", "PotentialCollection"),
    "relaxations": ("dynamics", "RelaxationCollection"),
    "dynamics": ("dynamics", "TrajectoryCollection"),
    "transport": ("dynamics", "TransportCollection"),
    "dft_checks": ("dft_checks", "DftCheckCollection"),
    "stability": ("stability", "StabilityCollection"),
    "entries": ("stability", "EntryCollection"),
    "screenings": ("screening", "ScreeningCollection"),
    "verdicts": ("stability", "VerdictCollection"),
    "campaigns": ("campaigns", "CampaignCollection"),
    "candidates": ("candidates", "CandidateCollection"),
}
"""Domain collections with queries of their own, in the order of the stages: module and class."""
_OF_A_SCREENING: Final = {"clusterings", "candidates"}


class MTLStore:
    """Typed access to everything the framework keeps.

    `open` it (settings of the working directory) or `connect` (an address), in a ``with`` block or with `close`.

    Attributes
    ----------
    owner
        Who writes; every write is refused once this owner has lost its work to another worker.
    releases, files, deliveries, structures, rejections, labels
        What was ingested, what was refused, and what is known by measurement.
    crystals, groups
        What is computed on, each kept once, and which materials are the same.
    barcodes, topology, barriers, chemistry, landscapes
        One document per crystal (and what else the stage reads) and set of parameters.
    clusterings, assignments
        Runs of the clustering and where each structure stands in them.
    orderings, potentials, relaxations, dynamics, transport, dft_checks
        Approximants, what they are simulated by, simulations, Arrhenius fits and frames held against DFT.
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
    facts
        What was found out and holds as long as the store is open.

    Notes
    -----
    A collection is imported, made and given its indexes when it is first asked for: who only queries waits for nothing
    else.
    """

    releases: "ReleaseCollection"
    files: "FileCollection"
    deliveries: "DeliveryCollection"
    crystals: "CrystalCollection"
    structures: "StructureCollection"
    groups: "GroupCollection"
    rejections: "RejectionCollection"
    labels: "LabelCollection"
    barcodes: "BarcodeCollection"
    topology: "TopologyCollection"
    barriers: "CrystalStageCollection[BarrierDocument]"
    clusterings: "ClusteringCollection"
    assignments: "AssignmentCollection"
    chemistry: "CrystalStageCollection[ChemistryDocument]"
    landscapes: "CrystalStageCollection[LandscapeDocument]"
    orderings: "OrderingCollection"
    potentials: "PotentialCollection"
    relaxations: "RelaxationCollection"
    dynamics: "TrajectoryCollection"
    transport: "TransportCollection"
    dft_checks: "DftCheckCollection"
    stability: "StabilityCollection"
    entries: "EntryCollection"
    screenings: "ScreeningCollection"
    verdicts: "VerdictCollection"
    campaigns: "CampaignCollection"
    candidates: "CandidateCollection"
    frames: "FrameFiles"

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
        self._named_screening = screening
        self.facts: set[tuple[str, ...]] = set()
        self._ledger: IndexLedger | None = None  # sees to indexes, if any are wanted
        self._release: Callable[[], object] = _nothing_to_release

    def __getattr__(self, name: str) -> Any:
        if name == "frames":
            from mtl_flows.store.frames import FrameFiles

            self.frames = FrameFiles(self.database, self.owner)
            if self._ledger is not None:
                self._ledger.see_to(self.frames.pieces)
            return self.frames
        make = _class_of(name)
        if make is None:
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        scope = (self._named_screening,) if name in _OF_A_SCREENING else ()
        made: DocumentCollection[Any] = make(self.database, self.owner, *scope)
        if self._ledger is not None:
            self._ledger.see_to(made)
        setattr(self, name, made)
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"MTLStore({self.database.name!r})"

    def close(self) -> None:
        """Disconnect, and let the embedded server go; without effect on a store that another one made."""
        self._release()

    def under(self, screening: str) -> Self:
        """Return the same store with the candidates and current clusterings of another screening."""
        return self._shared(self.owner, screening)

    def written_by(self, owner: Owner | None) -> Self:
        """Return the same store for another writer."""
        return self._shared(owner, self._named_screening)

    def _shared(self, owner: Owner | None, screening: str) -> Self:
        store = type(self)(self.client, self.database.name, owner, screening)
        store._ledger, store.facts = self._ledger, self.facts
        return store

    @property
    def screening(self) -> str:
        """Name of the screening whose candidates and clusterings are meant: the one named, else the default."""
        return self.candidates.screening

    def structure(self, key: str) -> "Structure":
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

    def simulation(self, subject: str, ordering: int = 0, temperature_K: float = 0.0) -> "TrajectoryDocument":
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

    def simulations(self, subject: str) -> "list[TrajectoryDocument]":
        """Return the simulations of a material and of what its group began, by approximant and temperature.

        Raises
        ------
        NotFoundError
            If there is no such material.
        """
        sources = self.groups.sources([subject]).get(subject, [])
        if not sources:
            raise NotFoundError("no such material", subject=subject, remedy="see `mtl query`")
        orderings = self.orderings.samples(source.parent_id for source in sources)
        found = self.dynamics.of_samples(orderings, also={"trajectory_stage": "production"})
        distinct = {simulation.id: simulation for of_parent in found.values() for simulation in of_parent}
        return sorted(distinct.values(), key=lambda s: (s.ordering, s.temperature_K, s.id))

    def barcodes_of(
        self, key: str, parameters: "TopologyParameters | None" = None, *, mobile_ion: str = "Li"
    ) -> "StructureBarcodes":
        """Return the barcodes of a material or revision, as numpy arrays in Å.

        Parameters
        ----------
        key
            As `structure` takes it.
        parameters, mobile_ion
            What the barcodes were computed with; the defaults if not given.

        Raises
        ------
        NotFoundError
            If the material is unknown, or has no barcodes under these parameters.
        """
        from mtl_flows.science.topology import TopologyParameters
        from mtl_flows.stages import BARCODES

        revision = self._revision(key)
        stage = BARCODES.keyed(parameters or TopologyParameters(), mobile_ion)
        wanted = BARCODES.keys(self.structures.subjects([revision]), stage)
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
        revisions = self.structures.by_material(self.structures.material_named(key))
        return next((r.id for r in revisions if r.current), revisions[-1].id)

    @overload
    def results(self, stage: "CrystalStage[Any]") -> "CrystalStageCollection[Any]": ...
    @overload
    def results(self, stage: "Stage[Any]") -> DocumentCollection[Any]: ...
    def results(self, stage: "Stage[Any]") -> DocumentCollection[Any]:
        """Collection of a stage's documents."""
        return next(known for known in self.collections if known.model is stage.document)

    @property
    def collections(self) -> tuple[DocumentCollection[Any], ...]:
        """Every domain collection, in the order of the stages."""
        names = dict.fromkeys((*_COLLECTIONS, *_stages()))
        return tuple(getattr(self, name) for name in names)

    @property
    def held(self) -> frozenset[str]:
        """Names of all collections of the database, those of FireWorks included, as the store was opened."""
        return self._ledger.names if self._ledger else frozenset(self.database.list_collection_names())

    def ensure_indexes(self) -> None:
        """Create the indexes that are missing, and drop those that earlier versions left."""
        for collection in self.collections:
            collection.ensure_indexes()

    @classmethod
    def connect(cls, address: Connection, owner: Owner | None = None) -> Self:
        """Open the store at `address`; the indexes of a collection are in place when it is first used.

        For a `Reader` none is made: a user of the database with the role ``read`` suffices.

        Raises
        ------
        ConfigurationError
            If it was written by a version whose results belong to revisions instead of crystals, or is half migrated.
        """
        with ExitStack() as opened:
            return cls._connected(opened, address, owner)

    @classmethod
    def open(
        cls, settings: Settings | None = None, owner: Owner | None = None, *, begin: bool = False
    ) -> Self:
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
            As `connect`; and if no server is configured and there is no project here, unless one is begun.
        """
        with ExitStack() as opened:
            address = opened.enter_context(connection(settings or Settings.load(), begin=begin))
            return cls._connected(opened, address, owner)

    @classmethod
    def _connected(cls, opened: ExitStack, address: Connection, owner: Owner | None) -> Self:
        """Return a store that closes what was opened for it, at the latest when the program ends."""
        store = cls(opened.enter_context(address.client()), address.database, owner)
        only_reads = isinstance(store.owner, Reader)
        ledger = IndexLedger.of_checked(store.database, writes=not only_reads)
        store._ledger = None if only_reads else ledger
        store._release = weakref.finalize(store, opened.pop_all().close)
        return store


def _stages() -> "dict[str, CrystalStage[Any]]":
    """Stages by the names of their collections."""
    from mtl_flows import stages

    kept = (*stages.CRYSTAL_STAGES, *stages.PICTURE_STAGES)
    return {stage.collection or stage.noun: stage for stage in kept}


def _class_of(name: str) -> "Callable[..., DocumentCollection[Any]] | None":
    """Class of a collection: one of its own, else that of its stage; None if there is none of this name."""
    if name in _COLLECTIONS:
        module, kind = _COLLECTIONS[name]
        made: Callable[..., DocumentCollection[Any]] = getattr(
            import_module(f"mtl_flows.store.{module}"), kind
        )
        return made
    if name.startswith("_") or name not in (stages := _stages()):
        return None
    from mtl_flows.store.stages import collection_of

    return collection_of(stages[name])


def _nothing_to_release() -> None:
    """Close a store that shares the connection of another one."""
