"""Thermodynamic electrochemical stability window against the mobile element.

An electrode at voltage V fixes the chemical potential of the mobile element M at ``μ = μ_ref − z·e·V``,
with ``μ_ref`` that of elemental M and z the charge of the ion. The window of a phase is the range of V in
which it (or, off the hull, the phases it decomposes into) neither takes up nor gives off M: Zhu, He and Mo,
ACS Appl. Mater. Interfaces 7, 23685 (2015), doi:10.1021/acsami.5b07517. Entropy and pressure terms are left
out, as there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element

from mtl_flows.errors import NoFrameworkError, NoMobileIonError
from mtl_flows.records import Record
from mtl_flows.science.stability.entries import EntryOrigin, EntrySet, chemical_system
from mtl_flows.science.stability.parameters import StabilityParameters
from mtl_flows.science.stability.quality import HullQuality, assess_hull

if TYPE_CHECKING:
    from pymatgen.analysis.phase_diagram import PhaseDiagram


@dataclass(frozen=True, slots=True)
class VoltageStep:
    """One plateau of the voltage profile.

    Parameters
    ----------
    voltage_V
        Where the plateau begins, counted away from the elemental reference at 0 V; it lasts to the next
        step's voltage, and the last one for ever. For a cation voltages rise from 0, for an anion they
        fall.
    exchanged_per_formula
        Mobile atoms taken up (positive) or given off (negative) per formula unit.
    products
        Phases in equilibrium on the plateau: reduced formula → formula units per formula unit of the
        material.
    """

    voltage_V: float
    exchanged_per_formula: float
    products: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class WindowResult(Record):
    """Electrochemical window of one composition.

    Parameters
    ----------
    formula
        Reduced formula of the material; quantities "per formula" refer to it.
    status
        ``"known"``, or ``"unknown"`` if the entries lack an end member. Unknown is not zero: the voltages
        are then None and the profile is empty. A known window may be 0 V wide.
    missing
        Elements without an elemental phase or, if all have one, pairs of elements into which the material
        would decompose only because no compound of theirs competes. Empty exactly when the window is known.
    low_V, high_V, width_V
        The window against the elemental reference of the mobile ion. None exactly when unknown.
    stability
        ``"stable"`` or ``"metastable"`` by the energy given; ``"not_assessed"`` if none was, or if unknown.
    e_above_hull_eV_per_atom
        Height above the hull of all phases, the material included. None exactly when not assessed.
    decomposition
        Equilibrium at the material's own composition: reduced formula → share of the atoms.
    reduction_products, oxidation_products
        What forms just below ``low_V`` and just above ``high_V``: reduced formula → formula units per formula
        unit. Empty where the material coexists with the elemental mobile ion, which is then plated instead.
    open_edges
        Edges that a missing phase would move inwards: elements that ought to combine coexist there, and no
        compound of theirs competes. The window of a phase on the hull is then an upper estimate.
    voltage_profile
        All plateaus, from the elemental reference outwards.
    quality
        What the hull was made of.
    origin
        Where the energies come from.
    own_energy
        What gave the material's own energy; empty if it has none.
    """

    formula: str
    status: Literal["known", "unknown"]
    origin: EntryOrigin
    quality: HullQuality
    missing: tuple[str, ...] = ()
    low_V: float | None = None
    high_V: float | None = None
    width_V: float | None = None
    stability: Literal["stable", "metastable", "not_assessed"] = "not_assessed"
    e_above_hull_eV_per_atom: float | None = None
    decomposition: Mapping[str, float] = field(default_factory=dict)
    reduction_products: Mapping[str, float] = field(default_factory=dict)
    oxidation_products: Mapping[str, float] = field(default_factory=dict)
    open_edges: tuple[Literal["low", "high"], ...] = ()
    voltage_profile: tuple[VoltageStep, ...] = ()
    own_energy: str = ""

    @property
    def stable(self) -> bool:
        """Whether the material was found to lie on the hull."""
        return self.stability == "stable"

    @property
    def on_hull(self) -> bool:
        """Whether some phase of this composition lies on the hull, be it this material or another polymorph."""
        return self.decomposition.keys() == {self.formula}


def window_among_entries(
    composition: Composition, entries: EntrySet, parameters: StabilityParameters | None = None
) -> WindowResult:
    """Compute the window of a material whose energy, if it is known at all, is one of the entries.

    The lowest entry of its composition stands for the material; without one, composition alone decides.
    Raises as ``electrochemical_window``.
    """
    found = entries.polymorphs(composition.element_composition)
    if not found:
        return electrochemical_window(composition, entries, None, parameters)
    result = electrochemical_window(composition, entries, found[0].energy_per_atom, parameters)
    return replace(result, own_energy=f"entry {found[0].entry_id or found[0].reduced_formula}")


def electrochemical_window(
    composition: Composition,
    entries: EntrySet,
    energy_per_atom_eV: float | None,
    parameters: StabilityParameters | None = None,
) -> WindowResult:
    """Compute the window of a material.

    Parameters
    ----------
    composition
        Of the material; amounts may be fractional (disordered parents).
    entries
        Competing phases. Those outside the chemical system are ignored.
    energy_per_atom_eV
        Energy of the material on the scale of the entries. It widens the window if it lies below the hull
        of the entries; above, the window is that of the decomposition products. None: composition alone
        decides, and the height above the hull is not assessed.
    parameters
        Mobile ion and tolerances; None for the defaults (Li⁺).

    Raises
    ------
    NoMobileIonError
        If the composition lacks the mobile element.
    NoFrameworkError
        If it has nothing else.
    """
    # Phase diagrams bring much along; whoever only hands windows in needs none.
    from pymatgen.analysis.phase_diagram import PhaseDiagram
    from pymatgen.entries.computed_entries import ComputedEntry

    parameters = StabilityParameters() if parameters is None else parameters
    material = composition.element_composition.reduced_composition
    system = chemical_system(material, parameters.mobile_ion)
    if material[parameters.mobile_ion] <= 0:
        raise NoMobileIonError(f"holds no {parameters.mobile_ion}", subject=material.reduced_formula)
    if len(system) == 1:
        raise NoFrameworkError(f"holds only {parameters.mobile_ion}", subject=material.reduced_formula)

    quality = assess_hull(entries, system)
    missing = entries.missing_end_members(system)
    if missing:
        return WindowResult(material.reduced_formula, "unknown", entries.origin, quality, missing=missing)

    competing = entries.within(system)
    if energy_per_atom_eV is None:
        diagram = PhaseDiagram(list(competing))
        e_above_hull = None
    else:
        phase = ComputedEntry(material, energy_per_atom_eV * material.num_atoms)
        diagram = PhaseDiagram([*competing, phase])
        e_above_hull = max(0.0, round(energy_per_atom_eV - diagram.get_hull_energy_per_atom(material), 9))

    decomposition = {
        e.reduced_formula: float(share) for e, share in diagram.get_decomposition(material).items()
    }
    if missing := quality.left_apart(decomposition):
        # Against a hull of elements anything would seem to decompose: that says nothing.
        return WindowResult(material.reduced_formula, "unknown", entries.origin, quality, missing=missing)

    profile = _voltage_profile(diagram, material, parameters)
    inert, giving_off = _inert_range(profile, parameters.exchange_tolerance * material[parameters.mobile_ion])
    edges = profile[inert].voltage_V, profile[giving_off].voltage_V
    uptake: Mapping[str, float] = profile[inert - 1].products if inert > 0 else {}
    release = profile[giving_off].products
    reduced, oxidised = (uptake, release) if parameters.charge > 0 else (release, uptake)

    return WindowResult(
        formula=material.reduced_formula,
        status="known",
        origin=entries.origin,
        quality=quality,
        low_V=min(edges),
        high_V=max(edges),
        width_V=max(edges) - min(edges),
        stability=_stability(e_above_hull, parameters),
        e_above_hull_eV_per_atom=e_above_hull,
        decomposition=decomposition,
        reduction_products=reduced,
        oxidation_products=oxidised,
        open_edges=(
            *(("low",) if quality.left_apart(reduced) else ()),
            *(("high",) if quality.left_apart(oxidised) else ()),
        ),
        voltage_profile=tuple(profile),
    )


def _inert_range(profile: Sequence[VoltageStep], tolerance: float) -> tuple[int, int]:
    """Index of the first plateau without exchange, and of the first one after those.

    Plateaus give off ever more ions. Where none is inert, the material exchanges ions at every voltage but
    the one at which plateaus of uptake and release meet; the two indices are then the same.
    """
    inert = next(i for i, step in enumerate(profile) if step.exchanged_per_formula <= tolerance)
    giving_off = next(i for i, step in enumerate(profile) if step.exchanged_per_formula < -tolerance)
    return inert, giving_off


def _stability(
    e_above_hull: float | None, parameters: StabilityParameters
) -> Literal["stable", "metastable", "not_assessed"]:
    if e_above_hull is None:
        return "not_assessed"
    return "stable" if e_above_hull <= parameters.hull_tolerance_eV_per_atom else "metastable"


def _voltage_profile(
    diagram: "PhaseDiagram", material: Composition, parameters: StabilityParameters
) -> Sequence[VoltageStep]:
    mobile = Element(parameters.mobile_ion)
    reference = diagram.el_refs[mobile].energy_per_atom
    return [
        VoltageStep(
            voltage_V=float(reference - plateau["chempot"]) / parameters.charge + 0.0,
            exchanged_per_formula=round(float(plateau["evolution"]), 9) + 0.0,
            products=_formula_units(diagram, plateau["critical_composition"], material, mobile),
        )
        for plateau in diagram.get_element_profile(mobile, material)
    ]


def _formula_units(
    diagram: "PhaseDiagram", plateau: Composition, material: Composition, mobile: Element
) -> dict[str, float]:
    """Products of a plateau in formula units per formula unit of the material.

    The plateau's composition holds the framework of the material in some other amount; atoms of products
    scale with the ratio of the two.
    """
    framework = material.num_atoms - material[mobile]
    atoms = plateau.num_atoms * framework / (plateau.num_atoms - plateau[mobile])
    return {
        entry.reduced_formula: float(share) * atoms / Composition(entry.reduced_formula).num_atoms
        for entry, share in diagram.get_decomposition(plateau).items()
    }
