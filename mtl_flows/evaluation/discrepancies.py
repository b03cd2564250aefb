"""Why a computed number differs from a published one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isclose
from typing import Final, Literal

import numpy as np
from pymatgen.core import Structure

from mtl_flows.errors import NoMobileIonError
from mtl_flows.science.sublattices import split_sublattices
from mtl_flows.science.symmetry import free_coordinates
from mtl_flows.science.topology.clouds import PeriodicPoints
from mtl_flows.science.topology.compute import TopologyResult, compute_topology
from mtl_flows.science.topology.features import metrics_from_barcodes
from mtl_flows.science.topology.homology import rips_barcodes
from mtl_flows.science.topology.parameters import TopologyParameters

Cause = Literal[
    "rounded_coordinates",
    "prevailing_species",
    "free_coordinates",
    "lattice_constants",
    "other_sites",
    "published_r_connected",
    "cell_choice",
    "omitted_metals",
    "unexplained",
]

CAUSES: Final[dict[Cause, str]] = {
    "rounded_coordinates": "the published number is that of coordinates with four decimals (1/3 as 0.3333)",
    "prevailing_species": "the published number takes a shared site for that of its prevailing species",
    "free_coordinates": "it depends on coordinates that symmetry leaves free; they differ between the sources",
    "lattice_constants": "symmetry fixes all coordinates: the lattice constants differ",
    "other_sites": "the published number belongs to a model with other sites",
    "published_r_connected": "it agrees if loops are counted at the published r_connected",
    "cell_choice": "it agrees for another cell or origin of the same crystal",
    "omitted_metals": "the published features are those of the framework sites that no metal prevails on",
    "unexplained": "no explanation found",
}
"""What each cause means."""

R_TOLERANCE_A: Final = 1e-4
RHO_TOLERANCE: Final = 1e-6
FEATURE_TOLERANCE: Final = 1e-4
# Lattice constants from different refinements differ by less than this.
_LATTICE_TOLERANCE: Final = 0.02
_COUNT_TOLERANCE: Final = 0.03
_COUNT: Final = "framework_h0_count"


@dataclass(frozen=True, slots=True)
class Case:
    """A structure with what was computed for it.

    Attributes
    ----------
    icsd_id
        Number under which the tables hold it.
    source
        Name of its file.
    """

    icsd_id: int
    source: str
    structure: Structure
    result: TopologyResult
    mobile_ion: str = "Li"
    parameters: TopologyParameters = field(default_factory=TopologyParameters)


def mobile_coordinates_free(case: Case) -> bool:
    """Tell whether symmetry leaves a coordinate of a mobile site free."""
    mobile = split_sublattices(case.structure, case.mobile_ion).mobile_indices
    return bool(free_coordinates(case.structure, case.parameters.symprec_A)[mobile].any())


def explain_r_connected(case: Case, published_A: float) -> tuple[Cause, str]:
    """Say why r_connected differs from the published one."""
    rounded = _with_four_decimals(case.structure)
    models: dict[Cause, tuple[Structure, ...]] = {
        "rounded_coordinates": (rounded,),
        "prevailing_species": (_with_prevailing_species(case.structure), _with_prevailing_species(rounded)),
    }
    for cause, structures in models.items():
        for structure in structures:
            try:
                r_connected = compute_topology(structure, case.mobile_ion, case.parameters).r_connected_A
            except NoMobileIonError:
                continue
            if abs(r_connected - published_A) <= R_TOLERANCE_A:
                return cause, f"{r_connected:.5f} Å"
    if mobile_coordinates_free(case):
        return "free_coordinates", ""
    scale = published_A / case.result.r_connected_A
    if abs(scale - 1.0) <= _LATTICE_TOLERANCE:
        return "lattice_constants", f"lengths differ by a factor of {scale:.5f}"
    return "unexplained", ""


def explain_rho_cycles(case: Case, published: float, published_r_A: float) -> tuple[Cause, str]:
    """Say why rho_cycles of the ``published`` protocol differs from the published one."""
    loops = published * case.result.n_mobile
    if not isclose(loops, round(loops), abs_tol=1e-3):
        return "other_sites", f"{loops:.3f} loops would share {case.result.n_mobile} mobile sites"
    distance = published_r_A * (1.0 + case.parameters.tie_tolerance)
    metrics = metrics_from_barcodes(case.result.barcodes, case.parameters, distance_A=distance)
    if abs(metrics.rho_cycles["published"] - published) <= RHO_TOLERANCE:
        return "published_r_connected", f"r_connected {published_r_A:.5f} Å"
    if mobile_coordinates_free(case):
        return "free_coordinates", ""
    if any(abs(rho - published) <= RHO_TOLERANCE for rho in _rho_of_other_cells(case)):
        return "cell_choice", ""
    return "unexplained", ""


def explain_features(case: Case, published: Mapping[str, float]) -> tuple[Cause, str]:
    """Say why framework features differ from the published ones."""
    complete = case.result.features["published"]
    free = bool(free_coordinates(case.structure, case.parameters.symprec_A).any())
    reduced, metals = _without_metals(case)
    if metals:
        partial = compute_topology(reduced, case.mobile_ion, case.parameters).features["published"]
        if _misses(partial, published) < min(_misses(complete, published), _COUNT_TOLERANCE):
            n_agree = sum(features_agree(partial[name], value) for name, value in published.items())
            detail = f"without {', '.join(metals)}; then {n_agree} of {len(published)} agree"
            return "omitted_metals", detail
    if _misses(complete, published) > _COUNT_TOLERANCE:
        return (
            "other_sites",
            f"{published[_COUNT]:.1f} H0 classes, not {complete[_COUNT]:.1f}",
        )
    return ("free_coordinates", "") if free else ("unexplained", "")


def features_agree(computed: float, published: float) -> bool:
    """Tell whether two values of a feature agree."""
    # Loops that only rounded coordinates open are shorter than the absolute tolerance, in Å.
    return isclose(computed, published, rel_tol=FEATURE_TOLERANCE, abs_tol=FEATURE_TOLERANCE)


def _misses(features: Mapping[str, float], published: Mapping[str, float]) -> float:
    """Relative difference of the numbers of H0 classes, which coordinates hardly change."""
    return abs(features[_COUNT] - published[_COUNT]) / max(published[_COUNT], 1.0)


def _without_metals(case: Case) -> tuple[Structure, list[str]]:
    """The structure without the framework sites that a metal prevails on, and the metals in order."""
    prevailing = {
        int(index): max(
            case.structure[int(index)].species, key=case.structure[int(index)].species.__getitem__
        )
        for index in split_sublattices(case.structure, case.mobile_ion).framework_indices
    }
    metals = {index: species.symbol for index, species in prevailing.items() if species.is_metal}
    reduced = case.structure.copy()
    reduced.remove_sites(list(metals))
    return reduced, sorted(set(metals.values()))


def _with_four_decimals(structure: Structure) -> Structure:
    coords = np.round(structure.frac_coords % 1.0, 4)
    return Structure(structure.lattice, structure.species_and_occu, coords)


def _with_prevailing_species(structure: Structure) -> Structure:
    species = [max(site.species, key=site.species.__getitem__) for site in structure]
    return Structure(structure.lattice, species, structure.frac_coords)


def _rho_of_other_cells(case: Case) -> list[float]:
    """Values of rho_cycles for the primitive cell, and with each mobile site as the origin."""
    primitive = compute_topology(case.structure.get_primitive_structure(), case.mobile_ion, case.parameters)
    values = [primitive.rho_cycles["published"]]
    mobile = case.structure.frac_coords[split_sublattices(case.structure, case.mobile_ion).mobile_indices]
    distance = case.result.r_connected_A * (1.0 + case.parameters.tie_tolerance)
    for origin in np.concatenate([mobile, mobile + 0.25, mobile + 0.5]):
        cloud = PeriodicPoints(case.structure.lattice.matrix, mobile - origin).cell_cloud()
        barcodes = rips_barcodes(cloud, case.parameters.cutoff_A)
        values.append(barcodes.betti(1, distance) / len(mobile))
    return values
