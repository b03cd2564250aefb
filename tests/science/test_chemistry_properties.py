"""What must not matter does not: order of sites, choice of cell, decoration. And nothing is fatal."""

import json

import numpy as np
import pytest
from chemistry_structures import (
    antiperovskite,
    garnet,
    half_heusler,
    hydrate,
    hydroxide,
    olivine,
    on_grid,
    peroxide,
    scattered,
    spinel,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, DummySpecies, Element, Lattice, Structure

from mtl_flows.science.chemistry import RULES, ChemistryReport, check_chemistry, check_composition

MATERIALS = {
    "olivine": (olivine(), {"Li": 1, "Fe": 2, "P": 5, "O": -2}),
    "antiperovskite": (antiperovskite(), {"Li": 1, "O": -2, "Cl": -1}),
    "spinel": (spinel(), {"Li": 1, "Mn": 3.5, "O": -2}),
    "peroxide": (peroxide(), {"Li": 1, "O": -1}),
    "hydroxide": (hydroxide(), {"Li": 1, "O": -2, "H": 1}),
    "half-Heusler": (half_heusler(), {"Li": 1, "Al": 3, "Si": -4}),
    "hydrate": (hydrate("LiCl", 1), {"Li": 1, "O": -2, "H": 1, "Cl": -1}),
    "disordered hydrate": (
        hydrate("LiCl", 1, hydrogen="D", hydrogen_positions=4),
        {"Li": 1, "O": -2, "H": 1, "Cl": -1},
    ),
    "candidate": (scattered("LiZnPS4"), {"Li": 1, "Zn": 2, "P": 5, "S": -2}),
    "abnormal": (scattered("LiZnO3"), {}),  # nothing right to decorate it with
    "shared site": (
        on_grid([{"Li": 0.5, "Na": 0.5}, {"Ga": 1}, *[{"Cl": 1}] * 4]),
        {"Li": 1, "Na": 1, "Ga": 3, "Cl": -1},
    ),
}


def verdicts(report: ChemistryReport) -> list[tuple[int, bool]]:
    return [(verdict.rule, verdict.passed) for verdict in report.rules]


@pytest.mark.parametrize("name", [name for name, (_, states) in MATERIALS.items() if states])
def test_decoration_does_not_matter(name: str) -> None:
    crystal, states = MATERIALS[name]
    decorated = crystal.copy().add_oxidation_state_by_element(states)
    assert verdicts(check_chemistry(decorated)) == verdicts(check_chemistry(crystal))


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(sorted(MATERIALS)),
    seed=st.integers(0, 2**16),
    cells=st.sampled_from([(1, 1, 1), (2, 1, 1), (1, 1, 2), (2, 2, 1)]),
    shift=st.floats(0, 1, exclude_max=True),
    decorate=st.booleans(),
)
def test_order_cell_origin_and_decoration_do_not_matter(
    name: str, seed: int, cells: tuple[int, int, int], shift: float, decorate: bool
) -> None:
    crystal, states = MATERIALS[name]
    other = crystal.copy() * cells
    other.translate_sites(list(range(len(other))), [shift, 0.3, -0.2])
    order = np.random.default_rng(seed).permutation(len(other))
    other = Structure.from_sites([other[int(index)] for index in order])
    if decorate and states:
        other.add_oxidation_state_by_element(states)
    assert verdicts(check_chemistry(other)) == verdicts(check_chemistry(crystal))


def test_a_supercell_of_a_garnet_stays_below_the_limit() -> None:
    crystal = garnet()
    doubled = crystal * (2, 2, 1)
    assert doubled.composition.num_atoms > 500
    assert verdicts(check_chemistry(doubled)) == verdicts(check_chemistry(crystal))


ELEMENTS = sorted(element.symbol for element in Element if element.Z <= 103)
AMOUNTS = st.integers(1, 24) | st.floats(0.01, 20).map(lambda x: round(x, 3))


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(ELEMENTS), AMOUNTS, min_size=1, max_size=7),
    st.sampled_from(["Li", "Na", "Mg", "Ag", "Cu", "F", "O"]),
)
def test_no_composition_is_fatal(amounts: dict[str, float], mobile_ion: str) -> None:
    report = check_composition(Composition(amounts), mobile_ion)
    assert len(report.rules) == sum(not rule.needs_structure for rule in RULES)
    assert json.loads(json.dumps(report.as_dict(), allow_nan=False)) == report.as_dict()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Li", "O", "H", "D", "P", "S", "C", "N", "B", "Fe", "Sn", "Te", "I", "He", "U"]),
            st.tuples(*[st.floats(0, 0.999)] * 3),
            st.floats(0.05, 1.0),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_no_structure_is_fatal(sites: list[tuple[str, tuple[float, float, float], float]]) -> None:
    crystal = Structure(
        Lattice.from_parameters(4.1, 5.3, 6.7, 80, 95, 105),
        [{symbol: occupancy} for symbol, _, occupancy in sites],
        [place for _, place, _ in sites],
    )
    report = check_chemistry(crystal)
    assert len(report.rules) == len(RULES)
    assert json.loads(json.dumps(report.as_dict(), allow_nan=False)) == report.as_dict()


def test_dummy_atoms_are_not_fatal() -> None:
    crystal = Structure(
        Lattice.cubic(6), ["Li", DummySpecies("X", 1), "O"], [[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0]]
    )
    report = check_chemistry(crystal)
    assert report.rules[3].confidence == "low"
    assert json.dumps(report.as_dict())
