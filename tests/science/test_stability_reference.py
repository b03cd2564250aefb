"""The packaged reference phases: complete for the elements of electrolytes, and true to independent facts."""

import pytest
from pymatgen.core import Composition

from mtl_flows.science.compounds import build_structure
from mtl_flows.science.stability import reference_compounds, reference_phases

ELEMENTS = (
    "H Li Be B C N O F Na Mg Al Si P S Cl K Ca Sc Ti Zn Ga Ge As Se Br Rb Sr Y Zr Nb Cd In Sn Sb Te I Cs Ba La "
    "Hf Ta W Pb Bi"
).split()

LITHIUM_BINARIES = (
    "LiH Li2O Li2O2 Li2S Li2Se Li2Te LiF LiCl LiBr LiI Li3N Li3P Li3As Li3Sb Li3Bi Li2C2 LiC6 LiAl LiGa LiIn LiZn "
    "Li15Si4 Li15Ge4 Li3Pb LiPb LiAg"
).split()

# Crystal densities (g/cm³), CRC Handbook of Chemistry and Physics, 97th ed., section 4; not the source of any cell.
DENSITIES = {
    "al2o3": 3.99,
    "caf2": 3.18,
    "i2": 4.93,
    "la2o3": 6.51,
    "laf3": 5.9,
    "li2co3": 2.11,
    "li2o": 2.013,
    "li2s": 1.64,
    "li3n": 1.27,
    "libr": 3.464,
    "licl": 2.07,
    "lif": 2.640,
    "mg3n2": 2.712,
    "nacl": 2.17,
    "p-black": 2.69,
    "p2o5": 2.30,
    "p2s5": 2.03,
    "s-alpha": 2.07,
    "sb2s3": 4.562,
    "sio2-quartz": 2.648,
    "tio2": 4.23,
    "y2o3": 5.03,
    "zns": 4.04,
}


def structures_of(*ids: str):
    wanted = {compound.id: compound for compound in reference_compounds()}
    return {name: build_structure(wanted[name]) for name in ids}


def test_every_element_of_the_table_has_its_end_member():
    compositions = [Composition(compound.formula) for compound in reference_compounds()]
    occurring = {element.symbol for composition in compositions for element in composition.elements}
    elemental = {c.elements[0].symbol for c in compositions if len(c.elements) == 1}
    assert occurring == elemental
    assert elemental.issuperset(ELEMENTS)


def test_usual_lithium_binaries_are_present():
    formulas = {Composition(compound.formula).reduced_formula for compound in reference_compounds()}
    assert formulas.issuperset(Composition(formula).reduced_formula for formula in LITHIUM_BINARIES)


def test_every_phase_is_ordered_and_named_once():
    compounds = reference_compounds()
    assert all(compound.is_ordered for compound in compounds)
    assert len({compound.id for compound in compounds}) == len(compounds)


def test_densities_agree_with_the_handbook():
    for name, structure in structures_of(*DENSITIES).items():
        assert structure.density == pytest.approx(DENSITIES[name], rel=0.04), name


@pytest.mark.parametrize("system", [("Li", "O", "P"), ("Cl", "In", "Li", "S"), ("Li", "N")])
def test_a_chemical_system_gets_its_phases_only(system):
    phases = reference_phases(system)
    assert all(set(system).issuperset(e.symbol for e in phase.structure.elements) for phase in phases)
    assert {phase.structure.reduced_formula for phase in phases}.issuperset({"Li"})
    assert len({phase.phase_id for phase in phases}) == len(phases)
    for phase in phases:
        distances = phase.structure.distance_matrix
        assert distances[distances > 0].min(initial=9.0) > 0.7, phase.phase_id
        assert phase.source


def test_phases_are_primitive_and_built_once():
    (first,) = [p for p in reference_phases(("Li", "Cl")) if p.phase_id == "reference-licl"]
    (again,) = [p for p in reference_phases(("Cl", "Li")) if p.phase_id == "reference-licl"]
    assert len(first.structure) == 2
    assert first is again
