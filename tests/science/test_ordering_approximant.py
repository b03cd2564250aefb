import json
from collections import Counter

import numpy as np
import pytest
from ordering_crystals import argyrodite, charged_sites, crystal, cubic_llzo, rock_salt_mixture
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Lattice, Structure

from mtl_flows.errors import NoMobileIonError, OrderingError
from mtl_flows.science.ordering import OrderedApproximant, OrderingParameters, order_structure
from mtl_flows.science.ordering.annealing import Arrangement, OrderingProblem, Pool, anneal
from mtl_flows.science.ordering.ewald import ewald_matrix

QUICK = OrderingParameters(sweeps=60, restarts=1)


def check(approximant: OrderedApproximant, parent: Structure) -> None:
    """Everything an approximant promises."""
    ordered = approximant.structure
    assert ordered.is_ordered
    states = approximant.oxidation_states
    charge = sum(states[site.specie.symbol] for site in ordered)
    assert charge == pytest.approx(approximant.charge_e)
    assert abs(charge) <= approximant.parameters.max_charge_e
    copies = round(abs(np.linalg.det(approximant.supercell)))
    assert ordered.volume == pytest.approx(copies * parent.volume)
    wanted, found = parent.composition * copies, ordered.composition
    departure = sum(abs(found[element] - wanted[element]) for element in wanted)
    assert departure / wanted.num_atoms == pytest.approx(approximant.composition_error)
    # Each atom sits on a site of its parent that may hold it.
    for site in ordered:
        origin = parent[site.properties["parent_site"]]
        assert site.specie.symbol in {species.symbol for species in origin.species}
        offset = parent.lattice.get_fractional_coords(site.coords) - origin.frac_coords
        assert offset == pytest.approx(np.round(offset), abs=1e-6)
    json.dumps(approximant.as_dict())


def test_garnet_has_a_neutral_approximant_without_close_lithium() -> None:
    parent = cubic_llzo()
    (approximant,) = order_structure(parent, "Li")
    check(approximant, parent)
    assert approximant.structure.composition.reduced_formula == "Li7La3Zr2O12"
    assert approximant.charge_e == 0.0
    assert approximant.min_distances_A["Li-Li"] >= 0.85 * 2.0
    assert approximant.min_distances_A["any"] > 1.2
    assert not approximant.was_ordered


def test_argyrodite_keeps_its_mixed_anions() -> None:
    parent = argyrodite()
    (approximant,) = order_structure(parent, "Li", QUICK)
    check(approximant, parent)
    assert approximant.min_distances_A["Li-Li"] >= 2.0
    assert approximant.composition_error < 0.02
    anions = [site for site in approximant.structure if site.specie.symbol in ("S", "Cl")]
    by_site = Counter(
        (parent[site.properties["parent_site"]].is_ordered, site.specie.symbol) for site in anions
    )
    assert by_site[True, "Cl"] == 0
    assert by_site[False, "Cl"] == pytest.approx(4 * approximant.structure.composition["P"] / 4, abs=1)


def test_annealing_finds_the_order_that_pays_best() -> None:
    # Of all arrangements of ± charges on the body-centred lattice, caesium chloride is the lowest.
    parameters = OrderingParameters(min_mobile_ions=1, sweeps=200)
    (approximant,) = order_structure(charged_sites(), "Cs", parameters)
    ordered = approximant.structure
    assert ordered.composition["Cs"] == ordered.composition["Cl"] == 8
    reference = Structure(Lattice.cubic(4.1), ["Cs+", "Cl-"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    lowest = 8.0 * EwaldSummation(reference, acc_factor=14).total_energy
    assert approximant.ewald_energy_eV == pytest.approx(lowest, rel=1e-6)
    charged = ordered.copy()
    charged.add_oxidation_state_by_element({"Cs": 1, "Cl": -1})
    assert approximant.ewald_energy_eV == pytest.approx(EwaldSummation(charged).total_energy, rel=1e-4)


def test_the_seed_decides_the_arrangement() -> None:
    parent = rock_salt_mixture()
    parameters = OrderingParameters(n_orderings=3, seed=5, sweeps=5, restarts=1)
    first = order_structure(parent, "Li", parameters)
    again = order_structure(parent, "Li", parameters)
    assert [a.seed for a in first] == [b.seed for b in again]
    assert sorted(a.seed for a in first) == [5, 6, 7]
    for one, other in zip(first, again, strict=True):
        assert one.structure == other.structure
    energies = [approximant.ewald_energy_eV for approximant in first]
    assert energies == sorted(energies)
    arrangements = {
        tuple(sorted(tuple(site.frac_coords.round(6)) for site in a.structure if site.specie.symbol == "Li"))
        for a in first
    }
    assert len(arrangements) > 1


def test_an_ordered_crystal_gives_its_supercell_once() -> None:
    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.14), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    (approximant,) = order_structure(salt, "Li", OrderingParameters(n_orderings=4))
    assert approximant.was_ordered
    assert len(approximant.structure) == 64
    assert approximant.supercell == ((2, 0, 0), (0, 2, 0), (0, 0, 2))
    assert approximant.composition_error == pytest.approx(0.0, abs=1e-12)
    assert approximant.min_distances_A["any"] == pytest.approx(2.57)
    check(approximant, salt)


def test_an_ordered_crystal_that_does_not_balance_is_left_as_it_is() -> None:
    odd = Structure(Lattice.cubic(4.0), ["Li", "Al", "O"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]])
    (approximant,) = order_structure(odd, "Li")
    assert len(approximant.structure) == 3 * 12


def test_decorations_and_isotopes_come_off() -> None:
    parent = Structure(
        Lattice.cubic(4.0),
        [{"Li+": 0.5}, {"D+": 1}, {"O2-": 0.75}],
        [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0, 0]],
    )
    (approximant,) = order_structure(parent, "Li", QUICK)
    assert {site.specie.symbol for site in approximant.structure} == {"Li", "H", "O"}
    assert not any(
        hasattr(site.specie, "oxi_state") and site.specie.oxi_state for site in approximant.structure
    )


def test_occupancies_that_nearly_add_up_leave_no_ghost_vacancy() -> None:
    parent = crystal(
        "Fm-3m",
        Lattice.cubic(5.3),
        [({"Li": 0.333, "Na": 0.666}, [0, 0, 0]), ({"Cl": 1.0}, [0.5, 0.5, 0.5])],
    )
    (approximant,) = order_structure(parent, "Li", QUICK)
    assert len(approximant.structure) == 96


def test_a_crystal_without_the_ion_is_refused() -> None:
    with pytest.raises(NoMobileIonError, match="no Mg"):
        order_structure(cubic_llzo(), "Mg")


def test_sites_that_cannot_be_filled_without_overlap_are_refused() -> None:
    # Triangles of lithium 0.7 Å apart, two atoms in each.
    places = [[0.5, 0.5, 0.5], [0.6, 0.5, 0.5], [0.55, 0.587, 0.5]]
    parent = Structure(Lattice.cubic(7.0), [{"Li": 2 / 3}] * 3 + ["O"], [*places, [0.0, 0.0, 0.0]])
    with pytest.raises(OrderingError, match="too close") as caught:
        order_structure(parent, "Li", QUICK)
    assert caught.value.reason == "ordering_failed"


def test_a_charge_that_cannot_be_balanced_is_refused() -> None:
    parent = Structure(
        Lattice.cubic(4.5), [{"Li": 0.1, "Na": 0.9}, "Cl", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5], [0, 0.5, 0.5]]
    )
    with pytest.raises(OrderingError, match="charge"):
        order_structure(parent, "Li", QUICK)


def test_time_runs_out_and_an_answer_is_given_all_the_same() -> None:
    (approximant,) = order_structure(rock_salt_mixture(), "Li", OrderingParameters(time_limit_s=0.0))
    assert approximant.structure.is_ordered


def test_cooling_lowers_the_energy_and_its_bookkeeping_is_exact() -> None:
    supercell = charged_sites() * (2, 2, 2)
    matrix = ewald_matrix(supercell.lattice, supercell.frac_coords)
    problem = OrderingProblem(
        matrix=matrix,
        charges=(0.0, 1.0, -1.0),
        neighbours=((),) * 16,
        closest_A=((0.0,) * 3,) * 3,
        pools=(Pool(tuple(range(16)), frozenset({1, 2})),),
    )

    def energy(sweeps: int) -> Arrangement:
        rng = np.random.default_rng(0)
        return anneal(problem, [1] * 8 + [2] * 8, rng, sweeps=sweeps, hot_eV=3.0, cold_eV=0.02)

    brief, long = energy(1), energy(100)
    assert long.energy_eV <= brief.energy_eV
    for arrangement in (brief, long):
        assert Counter(arrangement.kinds) == {1: 8, 2: 8}
        charges = np.array([problem.charges[kind] for kind in arrangement.kinds])
        assert arrangement.energy_eV == pytest.approx(charges @ matrix @ charges)
