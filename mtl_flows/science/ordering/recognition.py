"""Whether an ordered cell from elsewhere is one of a crystal: a supercell of it, with its atoms where its sites are."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from mtl_flows.errors import UnusableTrajectoryError
from mtl_flows.science.sublattices import is_mobile

FloatArray = NDArray[np.float64]

STRAIN = 0.05
ANGLE_DEGREES = 5.0
REACH_A = 1.5
"""Farthest that an atom of the framework may lie from a site of its element: it vibrates."""
_ROUNDING = 0.1
"""Part of the atoms of an element on partly occupied sites by which they may be rounded, beside half an atom."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """How a cell is one of a crystal.

    Attributes
    ----------
    supercell
        Rows are multiples of the crystal's lattice vectors; where the crystal's own cell does not fit, its primitive
        one's.
    composition_error
        Fraction of the atoms that depart from the crystal's composition.
    farthest_A
        Largest distance of a framework atom from a site of its element.
    """

    supercell: tuple[tuple[int, int, int], ...]
    composition_error: float
    farthest_A: float


def recognise(cell: Structure, crystal: Structure, mobile_ion: str) -> Recognition:
    """Find the supercell of a crystal that an ordered cell is, whatever its setting, origin and orientation.

    Raises
    ------
    UnusableTrajectoryError
        If it is none: other elements, another composition than occupancies allow, cell vectors that are no lattice
        vectors within `STRAIN`, or framework atoms farther than `REACH_A` from every site.
    """
    error = _composition_error(cell, crystal, mobile_ion)
    closest_A = np.inf
    fits = False
    for parent in (crystal, crystal.get_primitive_structure()):
        for supercell in _supercells(cell, parent):
            fits = True
            farthest_A = _farthest_A(cell, parent, supercell, mobile_ion)
            if farthest_A <= REACH_A:
                rows = tuple((int(a), int(b), int(c)) for a, b, c in supercell)
                return Recognition(rows, error, float(farthest_A))
            closest_A = min(closest_A, farthest_A)
    if not fits:
        a, b, c = cell.lattice.abc
        raise UnusableTrajectoryError(
            f"its cell ({a:.2f}, {b:.2f}, {c:.2f} Å) is no supercell of the crystal's "
            f"({', '.join(f'{x:.2f}' for x in crystal.lattice.abc)} Å) within {100 * STRAIN:.0f} %",
            remedy="name the material that was simulated",
        )
    raise UnusableTrajectoryError(
        f"an atom of its framework lies {closest_A:.2f} Å from every site of its element, more than {REACH_A} Å",
        remedy="name the material that was simulated, and begin with a frame before the framework broke",
    )


def _composition_error(cell: Structure, crystal: Structure, mobile_ion: str) -> float:
    found, expected = (s.composition.element_composition for s in (cell, crystal))
    if set(found) != set(expected):
        raise UnusableTrajectoryError(
            f"holds {cell.composition.reduced_formula}, the material {crystal.composition.reduced_formula}",
            remedy="name the material that was simulated",
        )
    n_cells = cell.volume / crystal.volume
    # The cell may have strained; a fully occupied element tells the number of cells better.
    full = {
        element
        for element in expected
        if all(
            abs(amount - 1.0) < 1e-6
            for site in crystal
            for species, amount in site.species.items()
            if species.symbol == element.symbol
        )
    }
    if counting := {e for e in full if e.symbol != mobile_ion} or full:
        n_cells = sum(found[e] for e in counting) / sum(expected[e] for e in counting)
    departs = 0.0
    for element in expected:
        wanted, there = n_cells * expected[element], found[element]
        allowed = 1e-3 * wanted if element in full else 0.5 + _ROUNDING * wanted
        if abs(there - wanted) > allowed:
            raise UnusableTrajectoryError(
                f"holds {there:g} {element.symbol} where {n_cells:.3g} cells of the material hold {wanted:.4g}",
                remedy="name the material that was simulated",
            )
        departs += abs(there - wanted)
    return float(departs / len(cell))


def _supercells(cell: Structure, parent: Structure) -> Iterator[NDArray[np.int_]]:
    """Integer matrices whose supercells of the parent have the shape of the cell, the least turned ones first."""
    found = parent.lattice.find_all_mappings(cell.lattice, ltol=STRAIN, atol=ANGLE_DEGREES)
    turned = [
        (float(np.abs(np.asarray(rotation, dtype=float) - np.eye(3)).sum()), np.rint(scale).astype(int))
        for _, rotation, scale in found
    ]
    for _, scale in sorted(turned, key=lambda pair: pair[0]):
        yield scale


def _farthest_A(cell: Structure, parent: Structure, supercell: NDArray[np.int_], mobile_ion: str) -> float:
    """Largest distance of a framework atom from a site of its element, at the best of the origins that sites offer."""
    sites = parent.make_supercell(supercell, in_place=False)
    framework = [e for e in cell.symbol_set if e != mobile_ion]
    atoms = {e: np.array([s.frac_coords for s in cell if s.specie.symbol == e]) for e in framework}
    places = {e: np.array([s.frac_coords for s in sites if is_mobile(s.species, e)]) for e in framework}
    rarest = min(framework, key=lambda e: len(atoms[e]))
    to_super = np.linalg.inv(np.asarray(supercell, dtype=float))
    reference = atoms[rarest][0]
    origins = [np.zeros(3)] + [
        parent.lattice.get_fractional_coords(s.coords) @ to_super - reference
        for s in parent
        if is_mobile(s.species, rarest)
    ]
    matrix = cell.lattice.matrix
    best = np.inf
    for origin in origins:
        shift = origin
        for _ in range(
            2
        ):  # once more about the mean of what the first gave: the atom that was set down vibrates
            moved = {e: _nearest(atoms[e] + shift, places[e], matrix) for e in (rarest,)}
            if np.linalg.norm(moved[rarest], axis=1).max() > 2 * REACH_A:
                break
            moved = {e: _nearest(atoms[e] + shift, places[e], matrix) for e in framework}
            vectors = np.concatenate(list(moved.values()))
            best = min(best, float(np.linalg.norm(vectors, axis=1).max()))
            shift = shift - vectors.mean(axis=0) @ np.linalg.inv(matrix)
        if best <= REACH_A:
            break
    return best


def _nearest(atoms: FloatArray, sites: FloatArray, matrix: FloatArray) -> FloatArray:
    """Vectors in Å from the nearest site to each atom, of shape (n_atoms, 3); both are fractional."""
    apart = atoms[:, None] - sites[None]
    apart -= np.round(apart)
    vectors = apart @ matrix
    nearest = (vectors**2).sum(axis=2).argmin(axis=1)
    found: FloatArray = vectors[np.arange(len(atoms)), nearest]
    return found
