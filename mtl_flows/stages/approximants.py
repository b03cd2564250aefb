"""Ordered approximants of a crystal, as documents."""

from dataclasses import replace

from pymatgen.core import Structure

from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.crystals import crystal_id
from mtl_flows.schemas.dynamics import OrderingDocument
from mtl_flows.science.charges import with_charges
from mtl_flows.science.ordering import order_structure
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.ordering import parent_id
from mtl_flows.stages.subjects import Subject


def order(
    parent: Subject, crystal: Structure, ordering: int, parameters: DynamicsParameters, job: str = ""
) -> OrderingDocument:
    """Make an approximant of a crystal, with the charges that its file gives.

    Raises
    ------
    OrderingError
        If there is no charge-balanced, sensible approximant.
    """
    stage = parameters.ordering_stage()
    wanted = replace(parameters.ordering, n_orderings=1, seed=parameters.ordering.seed + ordering)
    charged = with_charges(crystal, parent.site_charges, parent.oxidation_states)
    (made,) = order_structure(charged, parameters.mobile_ion, wanted)
    elements = [site.specie.symbol for site in made.structure]
    return OrderingDocument(
        id=parameters.ordering_id(parent_id(parent), ordering),
        crystal_id=parent.crystal_id,
        parent_id=parent_id(parent),
        material_id=parent.material_id,
        parameters_hash=stage.hash,
        provenance=Provenance.record(stage, {"parent": parent_id(parent)}, job),
        approximant_id=crystal_id(made.structure),
        # Two seeds that give one cell are two runs of it. Where nothing is disordered the seed does nothing.
        replica=ordering if made.was_ordered else made.seed,
        ordering=ordering,
        seed=made.seed,
        supercell=[list(row) for row in made.supercell],
        n_atoms=len(made.structure),
        n_mobile=elements.count(parameters.mobile_ion),
        charge_e=made.charge_e,
        ewald_energy_eV=made.ewald_energy_eV,
        composition_error=made.composition_error,
        oxidation_states=made.oxidation_states,
        was_ordered=made.was_ordered,
        only_one="the crystal is ordered" if made.was_ordered else "",
        structure=made.structure.as_dict(),
    )
