"""The packaged reference phases: complete for the elements of electrolytes, and true to independent facts."""

import warnings

import pytest
from pymatgen.core import Composition, Structure

from mtl_flows.science.compounds import build_structure
from mtl_flows.science.stability import (
    MP2020_GGA,
    PotentialEntryProvider,
    electrochemical_window,
    reference_compounds,
    reference_phases,
)

ELEMENTS = Composition(
    "H Li Be B C N O F Na Mg Al Si P S Cl K Ca Sc Ti Zn Ga Ge As Se Br Rb Sr Y Zr Nb Cd In Sn Sb Te I Cs Ba "
    "La Hf Ta W Pb Bi"
)
"""Elements that occur in common electrolytes."""

PARTNERS = Composition("H C N O F Al Si P S Cl Zn Ga Ge As Se Br Ag In Sb Te I Pb Bi")
"""Elements of common electrolytes that form a binary compound with lithium."""

# Crystal densities (g/cm³), CRC Handbook of Chemistry and Physics, 97th ed., section 4; not the source of any cell.
DENSITIES = {
    "al2o3": 3.99,
    "caf2": 3.18,
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
    assert elemental.issuperset(element.symbol for element in ELEMENTS)


@pytest.mark.parametrize("partner", [element.symbol for element in PARTNERS])
def test_lithium_binaries_are_present(partner):
    assert any(len(phase.structure.elements) == 2 for phase in reference_phases(("Li", partner)))


def test_every_phase_is_ordered_and_named_once():
    compounds = reference_compounds()
    assert all(compound.is_ordered for compound in compounds)
    assert len({compound.id for compound in compounds}) == len(compounds)


def test_densities_agree_with_the_handbook():
    for name, structure in structures_of(*DENSITIES).items():
        assert structure.density == pytest.approx(DENSITIES[name], rel=0.04), name


def test_every_phase_builds_without_collisions():
    phases = reference_phases(
        e.symbol for c in reference_compounds() for e in Composition(c.formula).elements
    )
    assert len(phases) == len(reference_compounds())
    for phase in phases:
        distances = phase.structure.distance_matrix
        assert distances[distances > 0].min(initial=9.0) > 0.7, phase.phase_id
        assert phase.source


def test_a_chemical_system_gets_its_phases_only():
    phases = reference_phases(("Li", "O", "P"))
    formulas = {phase.structure.reduced_formula for phase in phases}
    assert formulas == {"Li", "O2", "P", "Li2O", "Li2O2", "Li3P", "P2O5"}
    assert len({phase.phase_id for phase in phases}) == len(phases)


def test_molecular_crystals_keep_their_cell():
    kept = {p.structure.reduced_formula for p in reference_phases(("Cl", "Li", "O", "P")) if p.keep_cell}
    assert kept == {"Cl2", "O2", "P2O5"}


def test_phases_are_primitive_and_built_once():
    (first,) = [p for p in reference_phases(("Li", "Cl")) if p.phase_id == "reference-licl"]
    (again,) = [p for p in reference_phases(("Cl", "Li")) if p.phase_id == "reference-licl"]
    assert len(first.structure) == 2
    assert first is again


@pytest.fixture(scope="module")
def relax_with_chgnet():
    pytest.importorskip("chgnet")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noise of the imported packages
        from ase.filters import FrechetCellFilter
        from ase.optimize import FIRE
        from chgnet.model.dynamics import CHGNetCalculator
        from pymatgen.io.ase import AseAtomsAdaptor

        calculator = CHGNetCalculator(use_device="cpu")

    def relax(structure: Structure, *, keep_cell: bool) -> tuple[Structure, float]:
        atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
        atoms.calc = calculator
        target = atoms if keep_cell else FrechetCellFilter(atoms)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Converting a tensor")
            FIRE(target, logfile=None).run(fmax=0.05, steps=100)
        return AseAtomsAdaptor.get_structure(atoms), float(atoms.get_potential_energy())

    return relax


@pytest.mark.parametrize(
    ("formula", "low_V", "high_V"), [("LiCl", 0.0, 4.25), ("Li2S", 0.0, 2.01), ("Li2O", 0.0, 2.9)]
)
def test_chgnet_hull_of_reference_phases_gives_published_windows(relax_with_chgnet, formula, low_V, high_V):
    # Zhu, He and Mo, ACS Appl. Mater. Interfaces 7, 23685 (2015), doi:10.1021/acsami.5b07517, from PBE energies.
    provider = PotentialEntryProvider([reference_phases], relax_with_chgnet, "CHGNet 0.3.0", MP2020_GGA)
    composition = Composition(formula)
    entries = provider.entries([element.symbol for element in composition.elements])
    result = electrochemical_window(composition, entries, None)
    assert entries.skipped == {}
    assert (result.low_V, result.high_V) == pytest.approx((low_V, high_V), abs=0.25)
    assert result.open_edges == ()
