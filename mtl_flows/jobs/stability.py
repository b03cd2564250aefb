"""The electrochemical window of a relaxed approximant, on a hull relaxed with the same potential."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from jobflow import job
from pymatgen.core import Structure

from mtl_flows.errors import StabilityError
from mtl_flows.jobs.context import job_id, worker_store
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.jobs.md.engines import VASP, get_engine
from mtl_flows.jobs.md.maker import EngineRelaxMaker
from mtl_flows.jobs.md.plan import DynamicsParameters
from mtl_flows.schemas.base import StageParameters
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
    reference_phases,
)
from mtl_flows.store.database import MTLStore
from mtl_flows.store.stability import StoredEntries

ALGORITHM_VERSION = 1

MAX_COMPETING_SITES = 24
"""Ordered crystals of the store with at most so many sites compete; larger ones would cost more than they tell."""


def stability_id(structure_id: str, ordering: int, parameters: DynamicsParameters) -> str:
    """Id of the window of one approximant."""
    return f"{parameters.relaxation_id(structure_id, ordering)}:{_stage(parameters).hash}"


def run_stability(
    store: MTLStore, structure_id: str, ordering: int, parameters: DynamicsParameters
) -> StabilityDocument:
    """Compute and write the window of one approximant.

    Every competing phase, the packaged ones and small ordered crystals of the store, is relaxed with the engine
    that relaxed the material; each is relaxed once and kept in the store. Without an end member the window is
    unknown, never zero.
    """
    relaxed = store.relaxations.get(parameters.relaxation_id(structure_id, ordering))
    composition = relaxed.to_structure().composition
    engine = relaxed.engine
    label = f"{engine['name']} {engine['version']} {engine['weights_sha256'][:12]}".strip()
    energy_scale = get_engine(parameters.engine).energy_scale
    provider: EntryProvider = PotentialEntryProvider(
        sources=[reference_phases, partial(_stored_phases, store)],
        relax=_Relaxer(parameters),
        label=label,
        energy_scale=energy_scale,
        cache=StoredEntries(store.entries),
    )
    if parameters.engine == VASP:
        # Relaxing a hull of phases by VASP is a campaign of its own, not part of one material's workflow.
        nothing = EntrySet.build([], kind="potential", label=label, energy_scale=energy_scale)
        provider = FixedEntryProvider(nothing)
    entries = provider.entries(chemical_system(composition, parameters.mobile_ion))
    result = electrochemical_window(
        composition,
        entries,
        relaxed.energy_eV_per_atom,
        StabilityParameters(mobile_ion=parameters.mobile_ion),
    )
    document = StabilityDocument.from_result(
        stability_id(structure_id, ordering, parameters),
        relaxed,
        result,
        _stage(parameters),
        n_competing_phases=len(entries.entries),
        skipped=entries.skipped,
        job=job_id(),
    )
    store.stability.put([document])
    return document


def _stage(parameters: DynamicsParameters) -> StageParameters:
    return StageParameters(
        stage="stability",
        algorithm_version=ALGORITHM_VERSION,
        mobile_ion=parameters.mobile_ion,
        values={
            **StabilityParameters(mobile_ion=parameters.mobile_ion).as_dict(),
            "max_competing_sites": MAX_COMPETING_SITES,
        },
    )


def _stored_phases(store: MTLStore, system: Iterable[str]) -> list[CompetingPhase]:
    """Ordered crystals of the store made of these elements only, binaries and elements left to the packaged ones."""
    query = {
        "elements": {"$not": {"$elemMatch": {"$nin": sorted(system)}}},
        "flags.ordered": True,
        "n_sites": {"$lte": MAX_COMPETING_SITES},
    }
    return [
        CompetingPhase(
            document.material_id, document.to_structure().get_primitive_structure(), document.file.name
        )
        for document in store.structures.current(query)
        if len(document.elements) > 2
    ]


@dataclass(frozen=True)
class _Relaxer:
    """Relaxation by atomate2's Maker, called in this process."""

    parameters: DynamicsParameters

    def __call__(self, structure: Structure, *, keep_cell: bool) -> tuple[Structure, float]:
        p = self.parameters
        maker = EngineRelaxMaker.for_engine(
            p.engine, relax_cell=not keep_cell, fmax_eV_per_A=p.relax_fmax_eV_per_A, steps=p.relax_steps
        )
        result = maker.run_ase(structure)
        if not result.converged:
            raise StabilityError(
                f"not relaxed after {p.relax_steps} steps", subject=structure.composition.reduced_formula
            )
        return result.final_mol_or_struct, float(result.trajectory.frame_properties[-1]["energy"])


@dataclass
class StabilityMaker(RecordMaker):
    """Job that computes the electrochemical window of one approximant."""

    name: str = "electrochemical window"
    parameters: DynamicsParameters = field(default_factory=DynamicsParameters)

    @job
    def make(self, structure_id: str, ordering: int, after: list[Any]) -> dict[str, Any]:
        """Compute the window once the jobs in `after` have ended; nothing if it is there."""
        with worker_store() as store:
            key = stability_id(structure_id, ordering, self.parameters)
            if not store.relaxations.existing([self.parameters.relaxation_id(structure_id, ordering)]):
                return {"status": "unknown", "reason": "there is no relaxed structure"}
            if store.stability.existing([key]):
                document = store.stability.get(key)
            else:
                document = run_stability(store, structure_id, ordering, self.parameters)
        return {"status": document.status, "low_V": document.low_V, "high_V": document.high_V}
