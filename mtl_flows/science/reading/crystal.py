"""From the tags of a CIF data block to a pymatgen structure in the cell of the file."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pymatgen.core import Composition, Lattice, Structure

from mtl_flows.errors import UnreadableStructureError
from mtl_flows.science.charges import Ion, SiteCharges, has_several_states, mean_states
from mtl_flows.science.reading.cif import CifBlock, number
from mtl_flows.science.reading.formula import declared_composition, proportional
from mtl_flows.science.reading.model import ReadingParameters
from mtl_flows.science.reading.orbits import Orbit, expand
from mtl_flows.science.reading.sites import read_sites
from mtl_flows.science.reading.symmetry import read_settings

_ANGLES = ("alpha", "beta", "gamma")


@dataclass(frozen=True, slots=True)
class Crystal:
    """A structure and what building it found on the way.

    Attributes
    ----------
    oxidation_states
        Mean by element; empty unless the file gives them.
    site_charges
        Species with their oxidation states on each site; empty unless atoms of one element differ in it.
    implicit_hydrogens
        Hydrogen atoms in the cell that have no site.
    """

    structure: Structure
    oxidation_states: dict[str, float]
    site_charges: SiteCharges
    implicit_hydrogens: float
    warnings: tuple[str, ...]


def build_crystal(block: CifBlock, parameters: ReadingParameters) -> Crystal:
    """Expand the sites of `block` by its symmetry operations.

    Where the file names a space group but leaves its setting open, the setting whose sites add up to the declared
    formula is taken.

    Raises
    ------
    UnreadableStructureError
        If cell, symmetry or sites are missing or make no sense.
    OccupancyError
        If the occupancies of a site add up to more than `parameters.occupancy_tolerance`.
    """
    notes: list[str] = []
    lattice = _lattice(block, notes)
    rows = read_sites(block, notes)
    settings = read_settings(block, notes)
    expansions = (expand(rows, operations, lattice, parameters, notes) for operations in settings)
    orbits = next(expansions)
    if len(settings) > 1:
        declared = declared_composition(block)
        fitting = (o for o in (orbits, *expansions) if proportional(_composition(o), declared))
        orbits = next(fitting, orbits)
    structure = Structure(
        lattice,
        [orbit.composition for orbit in orbits for _ in orbit.coords],
        np.concatenate([orbit.coords for orbit in orbits]),
        labels=[orbit.label for orbit in orbits for _ in orbit.coords],
    )
    hydrogens = sum(row.hydrogens * len(orbit.coords) for orbit in orbits for row in orbit.rows)
    ions = _ion_amounts(orbits)
    return Crystal(
        structure,
        oxidation_states=mean_states(ions),
        site_charges=[orbit.charged_species for orbit in orbits for _ in orbit.coords]
        if has_several_states(ions)
        else [],
        implicit_hydrogens=hydrogens,
        warnings=tuple(dict.fromkeys(notes)),
    )


def _lattice(block: CifBlock, notes: list[str]) -> Lattice:
    try:
        lengths = [number(block.first(f"_cell_length_{axis}")) for axis in "abc"]
        angles = [number(block.first(f"_cell_angle_{angle}") or "90") for angle in _ANGLES]
    except ValueError:
        raise UnreadableStructureError("cell lengths or angles are missing or no numbers") from None
    if min(lengths) < 0.5 or max(lengths) > 1000:
        raise UnreadableStructureError(f"cell lengths {lengths} Å make no sense")
    cosines = np.cos(np.radians(angles))
    squared_volume = 1 - np.sum(cosines**2) + 2 * np.prod(cosines)
    if not all(0 < angle < 180 for angle in angles) or squared_volume < 1e-6:
        raise UnreadableStructureError(f"cell angles {angles}° span no volume")
    if not all(block.first(f"_cell_angle_{angle}") for angle in _ANGLES):
        notes.append("cell angles missing, taken as 90°")
    return Lattice.from_parameters(*lengths, *angles)


def _composition(orbits: Sequence[Orbit]) -> Composition:
    return sum((orbit.composition * len(orbit.coords) for orbit in orbits), Composition())


def _ion_amounts(orbits: Sequence[Orbit]) -> dict[Ion, float]:
    """Amount of each ion in the cell."""
    amounts: dict[Ion, float] = {}
    for orbit in orbits:
        for row in orbit.rows:
            for ion, occupancy in row.ions.items():
                amounts[ion] = amounts.get(ion, 0.0) + occupancy * len(orbit.coords)
    return amounts
