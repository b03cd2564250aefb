"""Windows against hulls small enough to work out by hand, and against independent routes to the same number.

Standard enthalpies of formation at 298 K in kJ/mol: NIST-JANAF Thermochemical Tables, 4th ed. (1998), and CRC
Handbook of Chemistry and Physics, 97th ed., section 5; Li4P2O7 from J. Chem. Thermodyn. 63, 11 (2013),
doi:10.1016/j.jct.2013.03.009. Voltages in comments follow from them by Hess's law with 1 eV = 96.485 kJ/mol.
"""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pymatgen.analysis.phase_diagram import GrandPotentialPhaseDiagram, PhaseDiagram
from pymatgen.core import Composition, Element
from pymatgen.entries.computed_entries import ComputedEntry
from scipy.optimize import linprog

from mtl_flows.errors import ConfigurationError, NoFrameworkError, NoMobileIonError, StabilityError
from mtl_flows.science.stability import EntrySet, StabilityParameters, electrochemical_window

KJ_PER_EV = 96.485

LI_C_O = {"Li2O": -597.9, "Li2O2": -634.3, "Li2CO3": -1215.9, "CO2": -393.5, "CO": -110.5}
LI_P_O = {"Li2O": -597.9, "Li2O2": -634.3, "Li3PO4": -2095.8, "Li4P2O7": -3383.4, "P2O5": -1492.0}
LI_S_O = {"Li2O": -597.9, "Li2S": -441.4, "Li2SO4": -1436.5, "SO2": -296.8, "SO3": -395.7}


def hull(enthalpies: dict[str, float], *, skip: tuple[str, ...] = ()) -> EntrySet:
    """Entries from enthalpies of formation, with an arbitrary energy for each element."""
    elements = {el.symbol for formula in enthalpies for el in Composition(formula).elements} - set(skip)
    # A non-zero elemental energy would show any confusion of total and formation energies.
    offset = {symbol: -1.5 - 0.37 * Element(symbol).Z for symbol in elements | set(skip)}
    entries = [ComputedEntry(symbol, offset[symbol]) for symbol in sorted(elements)]
    for formula, kJ in enthalpies.items():
        composition = Composition(formula)
        energy = kJ / KJ_PER_EV + sum(offset[el.symbol] * n for el, n in composition.items())
        entries.append(ComputedEntry(composition, energy))
    return EntrySet.build(
        entries, kind="file", label="thermochemical tables", energy_scale="enthalpy at 298 K"
    )


def window(formula: str, entries: EntrySet, energy: float | None = None, ion: str = "Li", **kwargs: float):
    return electrochemical_window(
        Composition(formula), entries, energy, StabilityParameters(mobile_ion=ion, **kwargs)
    )


@pytest.mark.parametrize(
    ("formula", "enthalpy", "ion", "high_V"),
    [
        ("LiF", -616.0, "Li", 6.384),
        ("LiCl", -408.6, "Li", 4.235),
        ("Li2S", -441.4, "Li", 441.4 / 2 / KJ_PER_EV),
        ("Li3N", -164.6, "Li", 164.6 / 3 / KJ_PER_EV),
        ("NaCl", -411.2, "Na", 4.262),
        ("MgO", -601.6, "Mg", 601.6 / 2 / KJ_PER_EV),
        ("AlCl3", -704.2, "Al", 704.2 / 3 / KJ_PER_EV),
        ("AgCl", -127.0, "Ag", 127.0 / KJ_PER_EV),
    ],
)
def test_binary_window_ends_at_enthalpy_per_charge(formula, enthalpy, ion, high_V):
    result = window(formula, hull({formula: enthalpy}), ion=ion)
    assert result.status == "known"
    assert result.low_V == pytest.approx(0.0, abs=1e-9)
    assert result.high_V == pytest.approx(high_V, abs=1e-3)
    assert result.width_V == pytest.approx(high_V, abs=1e-3)
    assert result.reduction_products == {}
    (anion,) = (el for el in Composition(formula).elements if el.symbol != ion)
    elemental = Composition(anion.symbol).reduced_formula
    atoms = Composition(elemental).num_atoms
    assert dict(result.oxidation_products) == pytest.approx({elemental: Composition(formula)[anion] / atoms})


def test_divalent_ion_halves_the_voltage():
    entries = hull({"MgO": -601.6})
    once = window("MgO", entries, ion="Mg", ion_charge=1)
    twice = window("MgO", entries, ion="Mg")
    assert twice.width_V == pytest.approx(once.width_V / 2)


def test_mobile_anion_is_measured_against_its_own_element():
    # In equilibrium with F2 at 0 V against F2/F⁻; reduced to Ca at -1225.9 / 2.
    result = window("CaF2", hull({"CaF2": -1225.9}), ion="F")
    assert (result.low_V, result.high_V) == pytest.approx((-6.353, 0.0), abs=1e-3)
    assert result.oxidation_products == {}
    assert dict(result.reduction_products) == pytest.approx({"Ca": 1.0})
    assert [step.exchanged_per_formula for step in result.voltage_profile] == pytest.approx(
        [0.0, -2.0], abs=1e-9
    )


def test_oxide_ion_moves_two_charges():
    # Cu2O + O → 2 CuO: -146.0; Cu2O → 2 Cu + O: 168.6
    result = window("Cu2O", hull({"Cu2O": -168.6, "CuO": -157.3}), ion="O")
    assert result.high_V == pytest.approx(-146.0 / 2 / KJ_PER_EV, abs=1e-4)
    assert result.low_V == pytest.approx(-168.6 / 2 / KJ_PER_EV, abs=1e-4)
    assert dict(result.oxidation_products) == pytest.approx({"CuO": 2.0})
    assert dict(result.reduction_products) == pytest.approx({"Cu": 2.0})


def test_peroxide_step():
    entries = hull({"Li2O": -597.9, "Li2O2": -634.3})
    oxide = window("Li2O", entries)
    peroxide = window("Li2O2", entries)
    # 2 Li2O → Li2O2 + 2 Li: (1195.8 - 634.3) / 2; Li2O2 → O2 + 2 Li: 634.3 / 2
    assert oxide.high_V == pytest.approx(2.910, abs=1e-3)
    assert (peroxide.low_V, peroxide.high_V) == pytest.approx((2.910, 3.287), abs=1e-3)
    assert dict(peroxide.reduction_products) == pytest.approx({"Li2O": 2.0})
    assert dict(peroxide.oxidation_products) == pytest.approx({"O2": 1.0})


def test_lithium_carbonate():
    result = window("Li2CO3", hull(LI_C_O))
    # Li2CO3 + 4 Li → 3 Li2O + C: 577.8 / 4; Li2CO3 → CO2 + O2/2 + 2 Li: 822.4 / 2
    assert (result.low_V, result.high_V) == pytest.approx((1.497, 4.262), abs=1e-3)
    assert dict(result.reduction_products) == pytest.approx({"Li2O": 3.0, "C": 1.0})
    assert dict(result.oxidation_products) == pytest.approx({"CO2": 1.0, "O2": 0.5})
    assert dict(result.decomposition) == pytest.approx({"Li2CO3": 1.0})


def test_lithium_phosphate():
    result = window("Li3PO4", hull(LI_P_O))
    # Li3PO4 + 5 Li → 4 Li2O + P: 295.8 / 5; 2 Li3PO4 → Li4P2O7 + O2/2 + 2 Li: 808.2 / 2. DFT: 0.69 to 4.21 V.
    assert (result.low_V, result.high_V) == pytest.approx((0.613, 4.188), abs=1e-3)
    assert dict(result.oxidation_products) == pytest.approx({"Li4P2O7": 0.5, "O2": 0.25})


def test_phosphide_raises_the_reduction_limit():
    # With Li3P at -348.7 kJ/mol (approximate): Li3PO4 + 8 Li → 4 Li2O + Li3P at 644.5 / 8.
    result = window("Li3PO4", hull({**LI_P_O, "Li3P": -348.7}))
    assert result.low_V == pytest.approx(0.835, abs=1e-3)
    assert dict(result.reduction_products) == pytest.approx({"Li2O": 4.0, "Li3P": 1.0})


def test_lithium_sulphate():
    result = window("Li2SO4", hull(LI_S_O))
    # Li2SO4 + 8 Li → Li2S + 4 Li2O: 1396.5 / 8; Li2SO4 → SO3 + O2/2 + 2 Li comes before SO2 + O2.
    assert (result.low_V, result.high_V) == pytest.approx((1.809, (1436.5 - 395.7) / 2 / KJ_PER_EV), abs=1e-3)


def test_metastable_phase_has_the_window_of_its_decomposition_products():
    entries = hull({**LI_P_O, "Li3P": -348.7})
    on_hull = _hull_energy("Li3PO4", entries)
    lifted = window("Li3PO4", entries, on_hull + 0.03)
    plain = window("Li3PO4", entries)
    assert lifted.stability == "metastable"
    assert not lifted.stable
    assert lifted.e_above_hull_eV_per_atom == pytest.approx(0.03)
    assert (lifted.low_V, lifted.high_V) == pytest.approx((plain.low_V, plain.high_V))
    assert plain.stability == "not_assessed"
    assert plain.e_above_hull_eV_per_atom is None


def test_phase_below_the_competing_hull_widens_its_window():
    without = hull({key: value for key, value in LI_P_O.items() if key != "Li3PO4"})
    on_hull = _hull_energy("Li3PO4", hull(LI_P_O))
    found = window("Li3PO4", without, on_hull)
    assert found.stable
    assert found.e_above_hull_eV_per_atom == pytest.approx(0.0, abs=1e-9)
    assert (found.low_V, found.high_V) == pytest.approx((0.613, 4.188), abs=1e-3)
    deeper = window("Li3PO4", without, on_hull - 0.05)
    assert deeper.low_V < found.low_V
    assert deeper.high_V > found.high_V


def test_mixture_that_pins_the_potential_has_no_width():
    # Li3O2 = Li2O + ½ Li2O2, which coexist at 2.910 V only.
    result = window("Li3O2", hull({"Li2O": -597.9, "Li2O2": -634.3}))
    assert result.status == "known"
    assert result.low_V == result.high_V == pytest.approx(2.910, abs=1e-3)
    assert result.width_V == 0.0
    assert dict(result.reduction_products) == pytest.approx({"Li2O": 2.0})
    assert dict(result.oxidation_products) == pytest.approx({"Li2O2": 1.0})
    assert dict(result.decomposition) == pytest.approx({"Li2O": 3 / 5, "Li2O2": 2 / 5})


def test_rounded_occupancies_keep_the_window():
    exact = window("Li3PO4", hull(LI_P_O))
    rounded = window("Li2.997PO4", hull(LI_P_O))
    assert (rounded.low_V, rounded.high_V) == pytest.approx((exact.low_V, exact.high_V), abs=1e-6)


def test_disordered_composition_is_accepted():
    result = window("Li2.97P0.96S0.04O3.93", hull({**LI_P_O, **LI_S_O}))
    assert result.status == "known"
    assert 0.0 <= result.low_V <= result.high_V


@pytest.mark.parametrize("absent", ["Li", "P", "O"])
def test_missing_end_member_leaves_the_window_unknown(absent):
    result = window("Li3PO4", hull(LI_P_O, skip=(absent,)), -5.0)
    assert result.status == "unknown"
    assert result.missing == (absent,)
    assert (result.low_V, result.high_V, result.width_V) == (None, None, None)
    assert result.e_above_hull_eV_per_atom is None
    assert result.stability == "not_assessed"


def test_elements_alone_leave_a_material_without_energy_unknown():
    elements = EntrySet.build(
        [ComputedEntry(symbol, -1.0) for symbol in ("Li", "P", "O")], kind="file", label="x", energy_scale="y"
    )
    result = window("Li3PO4", elements)
    assert (result.status, result.missing) == ("unknown", ("Li-O", "Li-P", "O-P"))
    # With an energy the window is the one against the elements, and both its edges say so: LiPO → Li + P + O2/2.
    against_elements = window("LiPO", elements, -3.0)
    assert against_elements.high_V == pytest.approx(6.0)
    assert against_elements.open_edges == ("high",)


def test_decomposition_into_elements_that_should_combine_is_unknown():
    # Without a niobium oxide LiNbO3 would fall apart into Li2O, Nb and O2, which says nothing.
    result = window("LiNbO3", hull({"Li2O": -597.9, "NbC": -138.9}))
    assert (result.status, result.missing) == ("unknown", ("Nb-O",))


def test_elements_that_do_not_combine_close_an_edge():
    # Al and Si form no compound: reduction to both is the whole truth.
    entries = hull({"Li2O": -597.9, "Al2O3": -1675.7, "SiO2": -910.7, "LiAlSiO4": -2123.3})
    result = window("LiAlSiO4", entries)
    assert set(result.reduction_products) >= {"Si"}
    assert result.open_edges == ()


def test_no_entries_is_unknown_and_names_every_element():
    nothing = EntrySet.build([], kind="file", label="empty", energy_scale="none")
    result = window("Li3PO4", nothing)
    assert (result.status, result.missing) == ("unknown", ("Li", "O", "P"))


def test_entries_of_other_systems_do_not_matter():
    alone = window("LiCl", hull({"LiCl": -408.6}))
    among = window("LiCl", hull({"LiCl": -408.6, **LI_P_O}))
    assert among.width_V == pytest.approx(alone.width_V)
    assert among.quality.chemical_system == ("Cl", "Li")


def test_quality_counts_competing_phases():
    quality = window("Li3PO4", hull(LI_P_O)).quality
    assert (quality.elements, quality.binaries, quality.higher) == (3, 3, 2)
    assert quality.pairs_without_compound == ("Li-P",)


def test_voltage_profile_is_a_staircase():
    profile = window("Li2CO3", hull(LI_C_O)).voltage_profile
    assert [round(step.voltage_V, 3) for step in profile] == [0.0, 1.497, 4.262]
    assert [step.exchanged_per_formula for step in profile] == pytest.approx([4.0, 0.0, -2.0], abs=1e-9)


def test_refusals():
    entries = hull(LI_P_O)
    with pytest.raises(NoMobileIonError, match="holds no Li"):
        window("P2O5", entries)
    with pytest.raises(NoFrameworkError, match="holds only Li"):
        window("Li", entries)
    with pytest.raises(StabilityError, match="not the symbol"):
        StabilityParameters(mobile_ion="Xx")
    with pytest.raises(ConfigurationError, match="usual charge"):
        StabilityParameters(mobile_ion="La")
    with pytest.raises(StabilityError, match="neutral"):
        StabilityParameters(ion_charge=0)
    with pytest.raises(StabilityError, match=r"between 0 and 0\.5"):
        StabilityParameters(exchange_tolerance=0.0)
    assert StabilityParameters(mobile_ion="La", ion_charge=3).charge == 3


def test_result_and_parameters_survive_json():
    result = window("Li3PO4", hull(LI_P_O), -5.0)
    assert json.loads(json.dumps(result.as_dict()))["high_V"] == result.high_V
    assert json.loads(json.dumps(StabilityParameters().as_dict()))["mobile_ion"] == "Li"


# Independent routes


def _hull_energy(formula: str, entries: EntrySet) -> float:
    return PhaseDiagram(list(entries.entries)).get_hull_energy_per_atom(Composition(formula))


def _stability_range(formula: str, entries: EntrySet) -> tuple[float, float]:
    diagram = PhaseDiagram(list(entries.entries))
    reference = diagram.el_refs[Element("Li")].energy_per_atom
    ranges = diagram.get_chempot_range_stability_phase(Composition(formula), Element("O"))
    ends = [reference - chempot for chempot in ranges[Element("Li")]]
    return min(ends), max(ends)


def _grand_potential_scan(formula: str, entries: EntrySet, voltages: np.ndarray) -> np.ndarray:
    """Whether the phase is stable in a reservoir of Li at each voltage."""
    diagram = PhaseDiagram(list(entries.entries))
    reference = diagram.el_refs[Element("Li")].energy_per_atom
    stable = []
    for voltage in voltages:
        open_hull = GrandPotentialPhaseDiagram(list(entries.entries), {Element("Li"): reference - voltage})
        stable.append(formula in {e.original_entry.reduced_formula for e in open_hull.stable_entries})
    return np.array(stable)


def _lowest_grand_potential(formula: str, entries: EntrySet, voltage: float) -> tuple[float, float]:
    """Li content per formula just below and just above a voltage, from a linear programme over all phases.

    Shares nothing with the convex-hull code: minimise Σ n (E - μ n_Li) at fixed amounts of the other elements.
    """
    material = Composition(formula)
    framework = [el for el in material.elements if el.symbol != "Li"]
    li_energy = min(e.energy_per_atom for e in entries.entries if e.reduced_formula == "Li")
    phases = [e for e in entries.entries if e.reduced_formula != "Li"]
    balance = np.array([[e.composition[el] for e in phases] for el in framework])
    amounts = [material[el] for el in framework]

    def content(v: float) -> float:
        costs = [e.energy - (li_energy - v) * e.composition["Li"] for e in phases]
        solution = linprog(costs, A_eq=balance, b_eq=amounts, method="highs")
        return float(sum(n * e.composition["Li"] for n, e in zip(solution.x, phases, strict=True)))

    return content(voltage - 1e-4), content(voltage + 1e-4)


@pytest.mark.parametrize("formula", ["Li3PO4", "Li4P2O7"])
def test_agrees_with_chemical_potential_range(formula):
    entries = hull({**LI_P_O, "Li3P": -348.7})
    result = window(formula, entries)
    assert (result.low_V, result.high_V) == pytest.approx(_stability_range(formula, entries), abs=1e-6)


def test_agrees_with_grand_potential_scan():
    entries = hull(LI_C_O)
    result = window("Li2CO3", entries)
    voltages = np.linspace(0.05, 5.0, 100)
    expected = (voltages > result.low_V) & (voltages < result.high_V)
    np.testing.assert_array_equal(_grand_potential_scan("Li2CO3", entries, voltages), expected)


@settings(deadline=None, max_examples=40)
@given(
    energies=st.lists(st.floats(-2.5, -0.05), min_size=6, max_size=6),
    lithium=st.floats(0.2, 4.0),
    oxygen=st.floats(0.2, 4.0),
)
def test_every_step_agrees_with_a_linear_programme(energies, lithium, oxygen):
    formulas = ("Li2O", "Li3P", "PO2", "LiPO3", "Li3PO4", "LiP")
    entries = hull(
        {
            formula: energy * KJ_PER_EV * Composition(formula).num_atoms
            for formula, energy in zip(formulas, energies, strict=True)
        }
    )
    formula = f"Li{lithium:.3f}P1O{oxygen:.3f}"
    result = window(formula, entries)
    voltages = [step.voltage_V for step in result.voltage_profile]
    assume(all(later - earlier > 1e-3 for earlier, later in pairwise(voltages)))
    content = Composition(formula)["Li"]
    scale = Composition(formula).reduced_composition["P"]
    for before, step in pairwise(result.voltage_profile):
        below, above = _lowest_grand_potential(formula, entries, step.voltage_V)
        assert before.exchanged_per_formula / scale == pytest.approx(below - content, abs=1e-3)
        assert step.exchanged_per_formula / scale == pytest.approx(above - content, abs=1e-3)


@settings(deadline=None, max_examples=40)
@given(
    energies=st.lists(st.floats(-2.5, 0.5), min_size=7, max_size=7),
    depth=st.floats(0.0, 0.5),
)
def test_competition_never_widens_the_window_of_a_stable_phase(energies, depth):
    formulas = ("Li2O", "Li3P", "P2O5", "LiPO3", "Li4P2O7", "LiP", "Li2O2")
    table = {f: e * KJ_PER_EV * Composition(f).num_atoms for f, e in zip(formulas, energies, strict=True)}
    every = hull(table)
    energy = _hull_energy("Li3PO4", every) - depth
    few = hull({f: table[f] for f in formulas[:3]})
    narrow, wide = window("Li3PO4", every, energy), window("Li3PO4", few, energy)
    assert narrow.stable
    assert wide.stable
    assert wide.low_V <= narrow.low_V + 1e-6
    assert wide.high_V >= narrow.high_V - 1e-6
    assert narrow.low_V >= -1e-9
