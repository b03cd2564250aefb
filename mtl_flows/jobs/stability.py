"""The electrochemical window of a material, on the hull of its potential, of the Materials Project or of a file."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from jobflow import job
from pymatgen.core import Composition, Structure

from mtl_flows.errors import ConfigurationError, NotFoundError, StabilityError
from mtl_flows.jobs.context import engine_here, job_id, worker_store
from mtl_flows.jobs.entry_providers import EntrySource, kept_file, materials_project
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.jobs.potentials import identify
from mtl_flows.schemas.base import Provenance, StageParameters
from mtl_flows.schemas.dynamics import RelaxationDocument
from mtl_flows.schemas.stability import StabilityDocument
from mtl_flows.science.stability import (
    CompetingPhase,
    EntryProvider,
    EntrySet,
    FixedEntryProvider,
    PotentialEntryProvider,
    StabilityParameters,
    chemical_system,
    electrochemical_window,
    phases_hash,
    reference_phases,
    window_among_entries,
)
from mtl_flows.simulation.engine import RelaxationGoal
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.runs import STABILITY
from mtl_flows.store.database import MTLStore
from mtl_flows.store.stability import StoredEntries

MAX_COMPETING_SITES = 24
"""Ordered crystals of the store with at most so many sites compete; larger ones would cost more than they tell."""


def window_id(
    store: MTLStore, parent: str, ordering: int, parameters: DynamicsParameters, source: EntrySource
) -> str:
    """Id of a window: of a relaxed cell on the hull of a potential, of the crystal on any other hull."""
    stage = _stage(parameters, source)
    if source.provider == "potential":
        return f"{_relaxation_id(store, parent, ordering, parameters)}:{stage.hash}"
    return f"{parent.partition('.')[0]}:{stage.hash}"


def _relaxation_id(store: MTLStore, parent: str, ordering: int, parameters: DynamicsParameters) -> str:
    approximant = store.orderings.get(parameters.ordering_id(parent, ordering))
    return parameters.relaxation_id(approximant.approximant_id)


def run_stability(
    store: MTLStore,
    parent: str,
    ordering: int,
    parameters: DynamicsParameters,
    source: EntrySource | None = None,
) -> StabilityDocument:
    """Compute and write the window of one structure; what stands there already stays if it says the same.

    On the hull of a potential, the relaxed approximant competes with its own energy: the packaged phases and small
    ordered crystals of the store are relaxed with the engine that relaxed it, each once. On the hull of the
    Materials Project or of a file, energies of the potential have no place: the composition of the structure is
    judged, with the energy of the lowest entry of that composition, if there is one.

    Raises
    ------
    NotFoundError
        If there is no such structure, no relaxed approximant, or no such entries.
    ConfigurationError, StabilityError
        If the provider cannot answer.
    """
    source = source or EntrySource()
    if source.provider == "potential":
        relaxed = store.relaxations.get(_relaxation_id(store, parent, ordering, parameters))
        return _write(store, _on_hull_of_potential(store, relaxed, parameters))
    return _write(store, _on_given_hull(store, parent, parameters, source))


def windows_of_material(
    store: MTLStore, material_id: str, parameters: DynamicsParameters, source: EntrySource
) -> list[StabilityDocument]:
    """Compute and write the windows of a material, once for its group; one for each relaxed approximant.

    What was relaxed of the material itself counts first, then of the one that stands for its group, then of others.

    Raises
    ------
    NotFoundError
        If the material is unknown or, on the hull of a potential, nothing was relaxed with it.
    ConfigurationError, StabilityError
        If the provider cannot answer.
    """
    sources = store.groups.sources([material_id]).get(material_id, [])
    if not sources:
        raise NotFoundError("no such material", subject=material_id, remedy="see `mtl query`")
    if source.provider != "potential":
        standing = next((s for s in sources if s.kin == "head" and s.current), sources[0])
        return [run_stability(store, standing.parent_id, 0, parameters, source)]
    orderings = store.orderings.samples((s.parent_id for s in sources), parameters.mobile_ion)
    by_parent = store.relaxations.of_cells(orderings, parameters.engine)
    relaxed = next((by_parent[s.parent_id] for s in sources if s.parent_id in by_parent), [])
    if not relaxed:
        raise NotFoundError(
            f"was not relaxed with {parameters.engine} yet",
            subject=material_id,
            remedy="mtl launch it, or choose --provider materials_project or --entries FILE",
        )
    return [_write(store, _on_hull_of_potential(store, document, parameters)) for document in relaxed]


def is_on_older_hull(store: MTLStore, window: StabilityDocument) -> bool:
    """Whether other phases compete now than when a window was computed.

    Of a file, and of an answer that is kept, they are always the same; of windows of version 1 nobody knows.
    """
    if window.older_hull or window.provider != "potential" or not window.competing_phases:
        return window.older_hull
    ion = window.provenance.parameters.mobile_ion
    system = chemical_system(Composition(window.formula), ion)
    competing = [*reference_phases(system), *_stored_phases(store, system)]
    return phases_hash(competing) != window.competing_phases


def _write(store: MTLStore, document: StabilityDocument) -> StabilityDocument:
    """Write a window in the place of what stands there, which stays beside if other phases competed."""
    for before in store.stability.find({"_id": document.id}):
        if _content(before) == _content(document):
            return before
        if before.competing_phases not in ("", document.competing_phases):
            key = _beside(before.id, before.competing_phases)
            store.stability.put([before.model_copy(update={"id": key, "older_hull": True})])
    store.stability.put([document])
    # The phases of an older hull may have come back.
    store.stability.writable.delete_one({"_id": _beside(document.id, document.competing_phases)})
    return document


def _beside(key: str, competing_phases: str) -> str:
    return f"{key}:{competing_phases[:16]}"


def entry_provider(store: MTLStore, parameters: DynamicsParameters, source: EntrySource) -> EntryProvider:
    """Return the provider that a source names, with the store as its cache."""
    cache = StoredEntries(store.entries)
    match source.provider:
        case "materials_project":
            return materials_project(cache)
        case "file":
            return kept_file(cache, source)
        case "potential":
            return _potential(store, parameters)
    raise ConfigurationError(
        f"unknown provider {source.provider!r}", remedy="choose potential, materials_project or file"
    )


def _on_hull_of_potential(
    store: MTLStore, relaxed: RelaxationDocument, parameters: DynamicsParameters
) -> StabilityDocument:
    how = relaxed.provenance.parameters.values
    (potential,) = store.potentials.get_many([relaxed.potential_id])
    parameters = replace(
        parameters,
        weights=potential.distinguished_by,
        **{name: how[name] for name in ("relax_fmax_eV_per_A", "relax_steps")},
    )
    composition = relaxed.to_structure().composition
    provider = _potential(store, parameters)
    system = chemical_system(composition, parameters.mobile_ion)
    if isinstance(provider, PotentialEntryProvider) and isinstance(provider.relax, _Relaxer):
        provider.relax.foreseen = partial(provider.lacking, system)
    entries = provider.entries(system)
    result = electrochemical_window(
        composition,
        entries,
        relaxed.energy_eV_per_atom,
        StabilityParameters(mobile_ion=parameters.mobile_ion),
    )
    stage = _stage(parameters)
    return StabilityDocument.from_result(
        f"{relaxed.id}:{stage.hash}",
        replace(result, own_energy=f"relaxation {relaxed.id}"),
        material_id=relaxed.material_id,
        crystal_id=relaxed.crystal_id,
        parent_id=relaxed.parent_id,
        relaxation_id=relaxed.id,
        provenance=Provenance.record(
            stage, {"relaxation": relaxed.id, "entries": result.origin.content_hash}, job_id()
        ),
        ordering_id=relaxed.ordering_id,
        engine_name=relaxed.engine_name,
        competing_phases=phases_hash(provider.phases(system))
        if isinstance(provider, PotentialEntryProvider)
        else "",
    )


def _on_given_hull(
    store: MTLStore, parent: str, parameters: DynamicsParameters, source: EntrySource
) -> StabilityDocument:
    subject = store.structures.holding(parent)
    composition = store.crystals.get(subject.crystal_id).to_structure().composition.element_composition
    entries = entry_provider(store, parameters, source).entries(
        chemical_system(composition, parameters.mobile_ion)
    )
    result = window_among_entries(composition, entries, StabilityParameters(mobile_ion=parameters.mobile_ion))
    stage = _stage(parameters, source)
    return StabilityDocument.from_result(
        f"{subject.crystal_id}:{stage.hash}",
        result,
        crystal_id=subject.crystal_id,
        material_id=subject.material_id,
        provenance=Provenance.record(
            stage, {"crystal": subject.crystal_id, "entries": result.origin.content_hash}, job_id()
        ),
        competing_phases=result.origin.file_sha256 or result.origin.content_hash,
    )


def _potential(store: MTLStore, parameters: DynamicsParameters) -> EntryProvider:
    # Energies go with the potential and with how far they were relaxed.
    label = f"{parameters.engine} {parameters.relaxation_stage().hash}"
    computing = parameters.configured_engine()
    if not computing.relaxes_hulls:
        return FixedEntryProvider(
            EntrySet.build([], kind="potential", label=label, energy_scale=computing.energy_scale)
        )
    return PotentialEntryProvider(
        sources=[reference_phases, partial(_stored_phases, store)],
        relax=_Relaxer(store, parameters),
        label=label,
        energy_scale=computing.energy_scale,
        cache=StoredEntries(store.entries),
    )


def _content(document: StabilityDocument) -> dict[str, Any]:
    return document.model_dump(exclude={"provenance": {"created_at", "job"}})


def _stage(parameters: DynamicsParameters, source: EntrySource | None = None) -> StageParameters:
    values: dict[str, Any] = StabilityParameters(mobile_ion=parameters.mobile_ion).as_dict()
    if source is None or source.provider == "potential":
        values["max_competing_sites"] = MAX_COMPETING_SITES
    else:
        values |= {"provider": source.provider, "entries": source.key}
    return STABILITY.parameters(values, parameters.mobile_ion)


def _stored_phases(store: MTLStore, system: Iterable[str]) -> list[CompetingPhase]:
    """Ordered crystals of the store made of these elements only, binaries and elements left to the packaged ones."""
    query = {
        "elements": {"$not": {"$elemMatch": {"$nin": sorted(system)}}},
        "flags.ordered": True,
        "n_sites": {"$lte": MAX_COMPETING_SITES},
    }
    documents = [document for document in store.structures.current(query) if len(document.elements) > 2]
    crystals = store.crystals.structures(document.crystal_id for document in documents)
    return [
        CompetingPhase(
            document.material_id,
            crystals[document.crystal_id].get_primitive_structure(),
            document.file.name,
        )
        for document in documents
    ]


@dataclass
class _Relaxer:
    """Relaxation by the engine, within this job.

    Attributes
    ----------
    foreseen
        Gives the phases that are still to be relaxed; asked where the engine computes elsewhere.
    """

    store: MTLStore
    parameters: DynamicsParameters
    foreseen: Callable[[], list[CompetingPhase]] = list

    def __call__(self, structure: Structure, *, keep_cell: bool) -> tuple[Structure, float]:
        p = self.parameters
        identify(self.store, p)
        goal = self._goal(keep_cell)
        engine, result = engine_here(p, relaxing=self._relaxing), None
        while result is None or not result.complete:
            result = engine.relax(structure, goal, result)
        if not result.converged:
            raise StabilityError(
                f"not relaxed after {goal.max_steps} steps", subject=structure.composition.reduced_formula
            )
        return result.structure, result.energy_eV

    def _relaxing(self) -> list[tuple[Structure, RelaxationGoal]]:
        return [(phase.structure, self._goal(phase.keep_cell)) for phase in self.foreseen()]

    def _goal(self, keep_cell: bool) -> RelaxationGoal:
        return replace(self.parameters.relaxation_goal(), relax_cell=not keep_cell)


@dataclass
class StabilityMaker(RecordMaker):
    """Job that computes the electrochemical window of one approximant.

    Parameters
    ----------
    parameters
        What relaxed the approximant.
    source
        Where the energies come from.
    """

    name: str = "electrochemical window"
    parameters: DynamicsParameters = field(default_factory=DynamicsParameters)
    source: EntrySource = field(default_factory=EntrySource)

    @job
    def make(self, parent: str, ordering: int, after: list[Any]) -> dict[str, Any]:
        """Compute the window once the jobs in `after` have ended; nothing if it is there, on today's hull."""
        with worker_store() as store:
            p, source = self.parameters, self.source
            if source.provider == "potential" and not store.relaxations.existing(
                [_relaxation_id(store, parent, ordering, p)]
            ):
                return {"status": "unknown", "reason": "there is no relaxed structure"}
            key = window_id(store, parent, ordering, p, source)
            there = [w for w in store.stability.find({"_id": key}) if not is_on_older_hull(store, w)]
            document = there[0] if there else run_stability(store, parent, ordering, p, source)
        return {"status": document.status, "low_V": document.low_V, "high_V": document.high_V}
