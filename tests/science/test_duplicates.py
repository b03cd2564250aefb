"""Which structures are the same: copies in other settings are found, other crystals are not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from mtl_flows.science.duplicates import composition_key, natural_order, representatives

RUTILE = Structure.from_spacegroup(
    "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.3053, 0.3053, 0]]
)
ANATASE = Structure.from_spacegroup(
    "I4_1/amd", Lattice.tetragonal(3.785, 9.514), ["Ti", "O"], [[0, 0.75, 0.125], [0, 0.25, 0.0816]]
)
ROCK_SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.03), ["Li", "F"], [[0, 0, 0], [0.5, 0.5, 0.5]])
CAESIUM_CHLORIDE = Structure.from_spacegroup(
    "Pm-3m", Lattice.cubic(2.53), ["Li", "F"], [[0, 0, 0], [0.5, 0.5, 0.5]]
)
ZINC_BLENDE = Structure.from_spacegroup(
    "F-43m", Lattice.cubic(4.3), ["Li", "F"], [[0, 0, 0], [0.25, 0.25, 0.25]]
)
LAYERED = Structure.from_spacegroup(
    "R-3m", Lattice.hexagonal(2.816, 14.05), ["Co", "Li", "O"], [[0, 0, 0], [0, 0, 0.5], [0, 0, 0.2395]]
)
SPINEL = Structure.from_spacegroup(
    "Fd-3m", Lattice.cubic(8.0), ["Li", "Co", "O"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.2617, 0.2617, 0.2617]]
)
DISORDERED = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(4.1), [{"Li": 0.5, "Fe": 0.5}, "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]
)
CRYSTALS = {
    "rutile": RUTILE,
    "anatase": ANATASE,
    "rock-salt": ROCK_SALT,
    "caesium-chloride": CAESIUM_CHLORIDE,
    "zinc-blende": ZINC_BLENDE,
    "layered": LAYERED,
    "spinel": SPINEL,
    "disordered": DISORDERED,
}


def copies(crystal: Structure, seed: int) -> dict[str, Structure]:
    """The same crystal as another author would give it."""
    rng = np.random.default_rng(seed)
    shifted, jiggled, strained, decorated = (crystal.copy() for _ in range(4))
    shifted.translate_sites(range(len(shifted)), rng.uniform(0, 1, 3))
    jiggled.perturb(0.02)
    strained.scale_lattice(crystal.volume * 1.03)
    decorated.add_oxidation_state_by_element({e.symbol: 1 for e in crystal.composition})
    turned = Structure(
        Lattice.from_parameters(*crystal.lattice.parameters).matrix[[2, 0, 1]],
        crystal.species_and_occu,
        crystal.frac_coords[:, [2, 0, 1]],
    )
    shuffled = Structure.from_sites([crystal[i] for i in rng.permutation(len(crystal))])
    return {
        "shifted": shifted,
        "jiggled": jiggled,
        "strained": strained,
        "decorated": decorated,
        "turned": turned,
        "shuffled": shuffled,
        "primitive": crystal.get_primitive_structure(),
        "supercell": crystal * (2, 1, 1),
    }


@pytest.fixture(scope="module")
def population() -> dict[str, Structure]:
    structures = {f"{name}-0": crystal for name, crystal in CRYSTALS.items()}
    for i, (name, crystal) in enumerate(CRYSTALS.items()):
        structures |= {f"{name}-{kind}": copy for kind, copy in copies(crystal, i).items()}
    return structures


def test_every_copy_is_found_and_nothing_else(population: dict[str, Structure]) -> None:
    expected = {key: f"{key.rpartition('-')[0]}-0" for key in population}
    assert representatives(population) == expected


def test_order_of_the_structures_does_not_matter(population: dict[str, Structure]) -> None:
    few = {key: population[key] for key in population if key.startswith(("rutile", "anatase"))}
    keys = list(few)
    expected = representatives(few)
    for seed in range(2):
        np.random.default_rng(seed).shuffle(keys)
        assert representatives({key: few[key] for key in keys}) == expected


def test_chains_are_one_group() -> None:
    """Each is like the next, the ends are not alike: still one group, whichever comes first."""
    chain = {f"x-{i}": ROCK_SALT.copy() for i in range(4)}
    for i, structure in enumerate(chain.values()):
        structure.scale_lattice(ROCK_SALT.volume * 1.12**i)
    assert set(representatives(chain).values()) == {"x-0"}
    assert representatives({"a": chain["x-0"], "b": chain["x-3"]}) == {"a": "a", "b": "b"}


def test_other_composition_is_another_material() -> None:
    richer = DISORDERED.copy()
    richer[0] = {"Li": 0.55, "Fe": 0.45}
    assert representatives({"a": DISORDERED, "b": richer}) == {"a": "a", "b": "b"}


def test_other_order_on_the_same_sites_is_another_material() -> None:
    swapped = LAYERED.copy()
    swapped.replace_species({"Li": "Co", "Co": "Li"})
    swapped.translate_sites([i for i, s in enumerate(swapped) if s.species_string == "O"], [0, 0, 0.02])
    assert representatives({"a": ROCK_SALT, "b": CAESIUM_CHLORIDE, "c": ZINC_BLENDE}) == {
        "a": "a",
        "b": "b",
        "c": "c",
    }


@settings(max_examples=30)
@given(st.permutations(["icsd-9", "icsd-10", "icsd-100", "icsd-99"]))
def test_smallest_number_represents(keys: list[str]) -> None:
    assert set(representatives(dict.fromkeys(keys, CAESIUM_CHLORIDE)).values()) == {"icsd-9"}


MIXED = {
    "rock-salt-2": ROCK_SALT,
    "rock-salt-10": ROCK_SALT * (1, 1, 2),
    "caesium-chloride": CAESIUM_CHLORIDE,
    "zinc-blende-1": ZINC_BLENDE,
    "zinc-blende-2": ZINC_BLENDE.get_primitive_structure(),
}


@settings(max_examples=20, deadline=None)
@given(st.permutations(list(MIXED)))
def test_the_order_of_arrival_does_not_matter(keys: list[str]) -> None:
    assert representatives({key: MIXED[key] for key in keys}) == {
        "rock-salt-2": "rock-salt-2",
        "rock-salt-10": "rock-salt-2",
        "caesium-chloride": "caesium-chloride",
        "zinc-blende-1": "zinc-blende-1",
        "zinc-blende-2": "zinc-blende-1",
    }


def test_natural_order() -> None:
    keys = ["icsd-1000", "icsd-999", "cod-5", "icsd-999-a", "7", "x"]
    assert sorted(keys, key=natural_order) == ["7", "cod-5", "icsd-999", "icsd-999-a", "icsd-1000", "x"]


def test_nothing_to_compare() -> None:
    assert representatives({}) == {}
    assert representatives({"a": ROCK_SALT}) == {"a": "a"}


def test_composition_key() -> None:
    assert composition_key(ROCK_SALT) == composition_key(ROCK_SALT * (2, 1, 1)) == "F0.500 Li0.500"
    assert composition_key(DISORDERED) == "Fe0.250 Li0.250 O0.500"
