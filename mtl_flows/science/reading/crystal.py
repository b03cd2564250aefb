"""From the tags of a CIF data block to a pymatgen structure in the cell of the file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition, Lattice, Structure

from mtl_flows.errors import InconsistentFileError, InputError
from mtl_flows.science.charges import Ion, SiteCharges, has_several_states, mean_states
from mtl_flows.science.reading.cell import Cell, read_cell
from mtl_flows.science.reading.cif import CifBlock
from mtl_flows.science.reading.consistency import ConsistencyReport, StatedFacts, check_cell, judge
from mtl_flows.science.reading.distances import overlapping_pair
from mtl_flows.science.reading.model import ReadingParameters
from mtl_flows.science.reading.orbits import Orbit, expand
from mtl_flows.science.reading.sites import SiteRow, read_sites
from mtl_flows.science.reading.statements import Statements, read_statements
from mtl_flows.science.reading.symmetry import SymmetryReading, symmetry_readings

_CROWDED_A = 1.0


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


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """Sites in the cell under one reading of the symmetry, and what the file's statements make of it."""

    facts: StatedFacts
    lattice: Lattice
    verdict: ConsistencyReport
    notes: tuple[str, ...]

    @property
    def stands(self) -> bool:
        """Whether it may be taken; what nobody names needs a statement that agrees."""
        return self.verdict.stands and not (self.facts.symmetry.unsure and not self.verdict.agree)

    @property
    def crowded(self) -> bool:
        """Whether full sites overlap."""
        return overlapping_pair(_structure(self), _CROWDED_A) is not None


def build_crystal(block: CifBlock, parameters: ReadingParameters) -> Crystal:
    """Expand the sites of `block` by its symmetry operations.

    Every statement of the file on its symmetry and contents is held against the result. Where they contradict each
    other, or leave the setting open, the one reading that most of them allow is taken and the others are noted.

    Raises
    ------
    UnreadableStructureError
        If cell, symmetry or sites are missing or make no sense.
    OccupancyError
        If the occupancies of a site add up to more than `parameters.occupancy_tolerance`.
    InconsistentFileError
        If statements contradict each other and nothing tells which is right.
    """
    notes: list[str] = []
    cell = read_cell(block)
    rows = read_sites(block, notes)
    symmetries = symmetry_readings(block)
    reading = _choose(symmetries, cell, rows, read_statements(block), parameters)
    check_cell(reading.facts)
    orbits = reading.facts.orbits
    ions = _ion_amounts(orbits)
    return Crystal(
        _structure(reading),
        oxidation_states=mean_states(ions),
        site_charges=[orbit.charged_species for orbit in orbits for _ in orbit.coords]
        if has_several_states(ions)
        else [],
        implicit_hydrogens=reading.facts.hydrogens,
        warnings=tuple(dict.fromkeys([*notes, *reading.notes])),
    )


def _choose(
    symmetries: Sequence[SymmetryReading],
    cell: Cell,
    rows: Sequence[SiteRow],
    statements: Statements,
    parameters: ReadingParameters,
) -> _Reading:
    """The one reading that the statements allow; the first if nothing speaks against it."""
    readings: list[_Reading] = []
    errors: list[InputError] = []
    for symmetry in symmetries:
        try:
            reading = _read(symmetry, cell, rows, statements, parameters)
            if reading.verdict.notes and any(orbit.joined for orbit in reading.facts.orbits):
                other = _read(symmetry, cell, rows, statements, parameters, apart=True)
                reading = min(reading, other, key=lambda one: one.verdict.rank)
        except InconsistentFileError:
            # The cell lacks what its likeliest symmetry asks for: no other may supply it.
            raise
        except InputError as error:
            errors.append(error)
            continue
        readings.append(reading)
        if not symmetry.open_choice and not reading.verdict.disagree and reading.stands:
            return reading
    if not readings:
        raise errors[0]
    if len(readings) == 1 and (readings[0].stands or (errors and readings[0].verdict.disagree == 1)):
        # What else the symmetry may mean fits neither the cell nor the sites.
        return readings[0]
    best, *others = sorted(
        readings, key=lambda r: (*r.verdict.rank, len(readings) > 1 and r.crowded, readings.index(r))
    )
    alike = [r for r in others if r.verdict.rank == best.verdict.rank and not _same(r, best)]
    alike = [r for r in alike if r.crowded == best.crowded]
    if not best.stands:
        raise best.verdict.error(best.facts.contents)
    if alike and (best.verdict.disagree or best.facts.symmetry.unsure):
        raise best.verdict.error(best.facts.contents, "another reading fits as well")
    if alike:
        return replace(best, notes=(*best.notes, "another setting of the space group fits as well"))
    return best


def _same(one: _Reading, other: _Reading) -> bool:
    """Whether two readings are one structure as far as its contents go, site by site."""
    if one.facts.contents != other.facts.contents:
        return False
    return all(
        a.label == b.label
        and len(a.coords) == len(b.coords)
        and np.allclose(_sorted(a), _sorted(b), atol=1e-3)
        for a, b in zip(one.facts.orbits, other.facts.orbits, strict=True)
    )


def _sorted(orbit: Orbit) -> NDArray[np.float64]:
    coords = np.round(orbit.coords, 3) % 1.0
    ordered: NDArray[np.float64] = coords[np.lexsort(coords.T)]
    return ordered


def _read(
    symmetry: SymmetryReading,
    cell: Cell,
    rows: Sequence[SiteRow],
    statements: Statements,
    parameters: ReadingParameters,
    *,
    apart: bool = False,
) -> _Reading:
    notes = list(symmetry.notes)
    lattice = cell.lattice(symmetry.operations[0], statements.volume_A3, notes)
    orbits = expand(rows, symmetry.operations, lattice, parameters, notes, apart=apart)
    facts = StatedFacts(
        statements,
        symmetry,
        orbits,
        contents=_composition(orbits),
        hydrogens=sum(row.hydrogens * len(orbit.coords) for orbit in orbits for row in orbit.rows),
        volume_A3=float(lattice.volume),
    )
    verdict = judge(facts)
    return _Reading(facts, lattice, verdict, (*notes, *verdict.notes))


def _structure(reading: _Reading) -> Structure:
    orbits = reading.facts.orbits
    return Structure(
        reading.lattice,
        [orbit.composition for orbit in orbits for _ in orbit.coords],
        np.concatenate([orbit.coords for orbit in orbits]),
        labels=[orbit.label for orbit in orbits for _ in orbit.coords],
    )


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
