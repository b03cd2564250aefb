"""A relaxed approximant, as a document."""

from typing import Any, Final

import numpy as np
from pymatgen.core import Structure

from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.dynamics import OrderingDocument, RelaxationDocument
from mtl_flows.simulation.engine import Relaxation
from mtl_flows.stages.dynamics import DynamicsParameters

_LARGEST_DEPARTURE: Final = 0.1


def relaxation_document(
    approximant: OrderingDocument,
    crystal: Structure,
    parameters: DynamicsParameters,
    relaxed: Relaxation,
    fingerprint: dict[str, Any],
    job: str = "",
) -> RelaxationDocument:
    """Document a relaxed cell with its energy.

    Parameters
    ----------
    crystal
        That of the file, whose density the relaxed cell's is held against.
    fingerprint
        Of the engine that relaxed it.
    """
    p = parameters
    stage = p.relaxation_stage()
    structure = relaxed.structure
    max_force = float(np.linalg.norm(relaxed.forces_eV_per_A, axis=1).max())
    density_ratio = float(structure.density / crystal.density)
    return RelaxationDocument(
        id=p.relaxation_id(approximant.approximant_id),
        material_id=approximant.material_id,
        crystal_id=approximant.crystal_id,
        parent_id=approximant.parent_id,
        parameters_hash=stage.hash,
        provenance=Provenance.record(stage, {"ordering": approximant.id}, job),
        approximant_id=approximant.approximant_id,
        ordering_id=approximant.id,
        potential_id=p.potential_id,
        engine=fingerprint,
        engine_name=p.engine,
        converged=max_force <= p.relax_fmax_eV_per_A,
        n_steps=relaxed.n_steps,
        energy_eV=relaxed.energy_eV,
        energy_eV_per_atom=relaxed.energy_eV / len(structure),
        max_force_eV_per_A=max_force,
        volume_change=structure.volume / approximant.to_structure().volume - 1.0,
        density_ratio=density_ratio,
        density_off=abs(density_ratio - 1.0) > _LARGEST_DEPARTURE,
        calculations=relaxed.calculations,
        structure=structure.as_dict(),
    )
