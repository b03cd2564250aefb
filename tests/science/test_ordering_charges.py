"""Charges that the file writes reach the ordered cell: site by site, unless nothing neutral can be made of them."""

from typing import Any

import numpy as np
import pytest
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Lattice, Structure

from mtl_flows.science.charges import without_charges
from mtl_flows.science.ions import Ions
from mtl_flows.science.ordering import OrderingParameters, assign_oxidation_states, order_structure

SPINEL = Structure.from_spacegroup(
    "Fd-3m:2",
    Lattice.cubic(8.245),
    ["Li", "Mn", "O"],
    [[0.125, 0.125, 0.125], [0.5, 0.5, 0.5], [0.2633, 0.2633, 0.2633]],
).get_primitive_structure()
FEW = OrderingParameters(min_mobile_ions=1, min_plane_spacing_A=1.0)


def spinel(manganese: list[Any], lithium: float = 1.0) -> Structure:
    """Primitive cell of LiMn2O4 with these ions on its four manganese sites."""
    ions = iter(manganese)
    species: list[Any] = []
    for site in SPINEL:
        symbol = site.specie.symbol
        species.append({"Li+": lithium} if symbol == "Li" else "O2-" if symbol == "O" else next(ions))
    return Structure(SPINEL.lattice, species, SPINEL.frac_coords)


def energy_eV(approximant: Structure, parent: Structure) -> float:
    """Ewald energy of an approximant whose sites bear the charges of the parent's, by pymatgen."""
    charged = Structure(
        approximant.lattice,
        [
            next(s for s in parent[i].species if s.element == site.specie)
            for site, i in zip(approximant, approximant.site_properties["parent_site"], strict=True)
        ],
        approximant.frac_coords,
    )
    return float(EwaldSummation(charged, acc_factor=14).total_energy)


def test_sites_of_one_element_in_two_states_are_two_ions() -> None:
    ions = Ions.of(spinel(["Mn3+", "Mn4+", "Mn3+", "Mn4+"]), "Li")
    assert ions.charges == {"Li": 1.0, "Mn3+": 3.0, "Mn4+": 4.0, "O": -2.0}
    assert ions.states == {"Li": 1.0, "Mn": 3.5, "O": -2.0}
    assert [on["Mn"] for on in ions.on_sites if "Mn" in on] == ["Mn3+", "Mn4+", "Mn3+", "Mn4+"]


def test_two_states_on_one_site_are_their_mean() -> None:
    ions = Ions.of(spinel([{"Mn3+": 0.5, "Mn4+": 0.5}] * 4), "Li")
    assert ions.charges == {"Li": 1.0, "Mn": 3.5, "O": -2.0}
    assert assign_oxidation_states(spinel([{"Mn3+": 0.5, "Mn4+": 0.5}] * 4))["Mn"] == 3.5


@pytest.mark.parametrize("manganese", [["Mn3+", "Mn4+", "Mn3+", "Mn4+"], [{"Mn3+": 0.5, "Mn4+": 0.5}] * 4])
def test_the_ordered_spinel_is_the_same_cell_whatever_its_charges(
    manganese: list[Any],
) -> None:
    charged, bare = spinel(manganese), SPINEL
    (approximant,) = order_structure(charged, "Li", FEW)
    (plain,) = order_structure(bare, "Li", FEW)
    assert approximant.structure == plain.structure
    assert approximant.was_ordered
    assert approximant.charge_e == pytest.approx(0.0)
    assert approximant.oxidation_states == {"Li": 1.0, "Mn": 3.5, "O": -2.0}


def test_the_energy_is_that_of_the_charges_on_the_sites() -> None:
    charged = spinel(["Mn3+", "Mn4+", "Mn3+", "Mn4+"])
    (approximant,) = order_structure(charged, "Li", FEW)
    (plain,) = order_structure(SPINEL, "Li", FEW)
    assert approximant.ewald_energy_eV == pytest.approx(energy_eV(approximant.structure, charged), rel=1e-6)
    assert approximant.ewald_energy_eV != pytest.approx(plain.ewald_energy_eV, rel=1e-3)


@pytest.mark.parametrize(("manganese", "x"), [(["Mn3+", "Mn4+"], 0.0), (["Mn4+", "Mn3+"], 0.5)])
def test_lithium_settles_where_the_charges_are_low(manganese: list[str], x: float) -> None:
    """Of two half-filled sites the one beside Mn³⁺ is taken; without charges they are the same."""
    species = [{"Li+": 0.5}, {"Li+": 0.5}, *manganese, *["O2-"] * 4]
    places = [[0, 0, 0], [0.5, 0, 0], [0.125, 0, 0], [0.625, 0, 0]]
    places += [[a, b, 0.25] for a in (0.25, 0.75) for b in (0.25, 0.75)]
    parent = Structure(Lattice.orthorhombic(16.0, 5.0, 5.0), species, places)
    (approximant,) = order_structure(parent, "Li", FEW)
    lithium = [site for site in approximant.structure if site.specie.symbol == "Li"]
    assert [site.frac_coords[0] for site in lithium] == pytest.approx([x])
    assert approximant.ewald_energy_eV == pytest.approx(energy_eV(approximant.structure, parent), rel=1e-6)


def titanate(titanium: str, manganese: str, oxygen: str = "O2-") -> Structure:
    """LiTiMnO4 of no particular structure, in which titanium and manganese cannot be told apart by guessing alone."""
    places = [
        [0, 0, 0],
        [0.5, 0.5, 0],
        [0.5, 0, 0.5],
        [0, 0.5, 0.4],
        [0.5, 0.5, 0.5],
        [0, 0, 0.5],
        [0.1, 0.5, 0],
    ]
    return Structure(Lattice.cubic(4.4), ["Li+", titanium, manganese, *[oxygen] * 4], places)


def test_charges_that_contradict_the_guess_are_kept_if_they_balance() -> None:
    guessed, stated = without_charges(titanate("Ti", "Mn")), titanate("Ti3+", "Mn4+")
    assert assign_oxidation_states(guessed) == {"Li": 1, "Ti": 4, "Mn": 3, "O": -2}
    assert assign_oxidation_states(stated) == {"Li": 1, "Ti": 3, "Mn": 4, "O": -2}
    (one,), (other,) = (order_structure(s, "Li", FEW) for s in (guessed, stated))
    assert one.structure == other.structure
    assert other.ewald_energy_eV == pytest.approx(energy_eV(other.structure, stated), rel=1e-6)
    assert one.ewald_energy_eV != pytest.approx(other.ewald_energy_eV, rel=1e-3)


def test_some_charges_leave_the_others_to_be_found() -> None:
    found = assign_oxidation_states(titanate("Ti3+", "Mn", "O"))
    assert found == {"Li": 1, "Ti": 3, "Mn": 4, "O": -2}


def test_charges_that_do_not_balance_are_set_aside() -> None:
    charged = spinel(["Mn3+", "Mn2+", "Mn3+", "Mn2+"])
    ions = Ions.of(charged, "Li")
    assert ions.charges == {"Li": 1.0, "Mn": 3.5, "O": -2.0}
    zeros = Structure(SPINEL.lattice, [f"{s.specie.symbol}0+" for s in SPINEL], SPINEL.frac_coords)
    assert assign_oxidation_states(zeros) == {"Li": 1.0, "Mn": 3.5, "O": -2.0}


def test_ions_of_a_disordered_crystal_are_rounded_apart() -> None:
    """With half of the lithium gone, three of four manganese atoms are Mn⁴⁺."""
    parent = spinel(["Mn3+", "Mn4+", "Mn4+", "Mn4+"], lithium=0.5)
    (approximant,) = order_structure(parent, "Li", FEW)
    counts = approximant.structure.composition.get_el_amt_dict()
    assert counts == {"Li": 1.0, "Mn": 4.0, "O": 8.0}
    assert approximant.charge_e == pytest.approx(0.0)
    assert approximant.ewald_energy_eV == pytest.approx(energy_eV(approximant.structure, parent), rel=1e-6)
    manganese = np.array(
        [s.properties["parent_site"] for s in approximant.structure if s.specie.symbol == "Mn"]
    )
    assert len(set(manganese.tolist())) == 4
