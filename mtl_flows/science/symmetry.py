"""Symmetry of crystals and what a lattice alone says: the one place that calls spglib.

Settings, their operations and the search for symmetry are those of spglib (A. Togo, K. Shinohara, I. Tanaka,
doi:10.1080/27660400.2024.2384822).
"""

import warnings
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from math import nan
from typing import Any, Final

import numpy as np
import spglib
from numpy.typing import NDArray
from pymatgen.core import Structure

from mtl_flows.science.elements import element_amounts

Array = NDArray[np.float64]
Integers = NDArray[np.intp]
Operations = tuple[Array, Array]
"""Rotations, shape ``(n, 3, 3)``, and translations, shape ``(n, 3)``, on fractional coordinates."""

SYMPREC_A: Final = 0.01

_N_SETTINGS: Final = 530
# Occupancies that the content hash cannot tell apart are the same.
_OCCUPANCY_DECIMALS: Final = 5


@contextmanager
def quiet_spglib() -> Iterator[None]:
    """Silence spglib 2's announcement, at every call, that version 3 will raise where it now returns None."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Set OLD_ERROR_HANDLING", category=DeprecationWarning)
        yield


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a space group, a row of the table of Hall symbols.

    Attributes
    ----------
    hall_number
        Serial number in that table, 1 to 530.
    number
        Of the space group in International Tables.
    hall_symbol
        As the table writes it.
    short, full
        Hermann–Mauguin symbols, the full one without blanks.
    names
        Every Hermann–Mauguin symbol that the setting goes by.
    choice
        Origin (``1``, ``2``), axes (``H``, ``R``) or their permutation; empty where there is nothing to choose.
    """

    hall_number: int
    number: int
    hall_symbol: str
    short: str
    full: str
    names: tuple[str, ...]
    choice: str


@cache
def settings() -> tuple[Setting, ...]:
    """Return the 530 settings in the order of their Hall numbers."""
    with quiet_spglib():
        rows: list[Any] = [spglib.get_spacegroup_type(number) for number in range(1, _N_SETTINGS + 1)]
    return tuple(
        Setting(
            hall_number=hall_number,
            number=int(row.number),
            hall_symbol=str(row.hall_symbol),
            short=str(row.international_short),
            full=str(row.international_full).replace(" ", ""),
            names=(row.international_short, row.international_full, *row.international.split("=")),
            choice=str(row.choice),
        )
        for hall_number, row in enumerate(rows, start=1)
    )


def database_operations(hall_number: int) -> Operations:
    """Return all operations of the conventional cell of a setting, centring included."""
    with quiet_spglib():
        stored: Any = spglib.get_symmetry_from_database(hall_number)
    if stored is None:
        raise LookupError(f"spglib knows no Hall number {hall_number}")
    return stored["rotations"].astype(float), stored["translations"].astype(float)


def site_kinds(structure: Structure) -> Integers:
    """Number the sites by their elements and occupancies, oxidation states ignored, shape ``(n_sites,)``."""
    known: dict[Hashable, int] = {}
    kinds: dict[tuple[tuple[str, float], ...], int] = {}
    numbers = np.empty(len(structure), dtype=np.intp)
    for index, site in enumerate(structure):
        written = frozenset(site.species.items())
        if written not in known:
            amounts = element_amounts(site.species)
            rounded = sorted((symbol, round(x, _OCCUPANCY_DECIMALS)) for symbol, x in amounts.items())
            known[written] = kinds.setdefault(tuple(rounded), len(kinds))
        numbers[index] = known[written]
    return numbers


def find_dataset(structure: Structure, symprec_A: float = SYMPREC_A) -> Any:
    """Return spglib's description of the symmetry of a structure; None where it finds none (coinciding sites).

    Sites with the same elements and occupancies count as alike.
    """
    cell: Any = (structure.lattice.matrix, structure.frac_coords, site_kinds(structure))
    with quiet_spglib():
        try:
            return spglib.get_symmetry_dataset(cell, symprec=symprec_A)
        except spglib.SpglibError:
            return None


def space_group(structure: Structure, symprec_A: float = SYMPREC_A) -> tuple[int, str]:
    """Return number and Hermann–Mauguin symbol of the space group; (1, ``P1``) where none is found."""
    dataset = find_dataset(structure, symprec_A)
    return (1, "P1") if dataset is None else (int(dataset.number), str(dataset.international))


def equivalent_sites(structure: Structure, symprec_A: float = SYMPREC_A) -> Integers:
    """Return for each site one that stands for its orbit; where no symmetry is found, for its kind."""
    dataset = find_dataset(structure, symprec_A)
    return site_kinds(structure) if dataset is None else np.asarray(dataset.equivalent_atoms, dtype=np.intp)


def conventional_volume_factor(structure: Structure, symprec_A: float = SYMPREC_A) -> float:
    """Return the volume of the conventional standard cell over that of the cell given; NaN where none is found."""
    dataset = find_dataset(structure, symprec_A)
    if dataset is None:
        return nan
    return float(abs(np.linalg.det(dataset.std_lattice))) / float(structure.volume)


def free_coordinates(structure: Structure, symprec_A: float = SYMPREC_A) -> Integers:
    """Count the coordinates of each site that the symmetry of the crystal leaves free, shape ``(n_sites,)``."""
    dataset = find_dataset(structure, symprec_A)
    if dataset is None:
        return np.full(len(structure), 3)
    coords = np.asarray(structure.frac_coords)
    moved = np.einsum("oij,sj->osi", dataset.rotations, coords) + dataset.translations[:, None, :] - coords
    distances = np.linalg.norm((moved - np.round(moved)) @ structure.lattice.matrix, axis=2)
    # The mean of the operations that keep a site in place projects on the directions it may move in.
    traces = np.trace(dataset.rotations, axis1=1, axis2=2)
    keeps = distances <= 10 * symprec_A
    return np.asarray(np.rint(traces @ keeps / keeps.sum(axis=0)), dtype=np.intp)


def operations_about_origin(
    lattice: Array, fractional: Array, kinds: Sequence[int], symprec_A: float = SYMPREC_A
) -> tuple[Integers, Array, Array]:
    """Return the operations of a pattern of points about the origin that the tables of its space group choose.

    Returns
    -------
    rotations, translations, origin
        On fractional coordinates that count from the origin; the identity comes first, and is all there is where no
        symmetry is found.
    """
    with quiet_spglib():
        try:
            found: Any = spglib.get_symmetry_dataset((lattice, fractional, list(kinds)), symprec=symprec_A)
        except spglib.SpglibError:
            found = None
    if found is None:
        return np.eye(3, dtype=np.intp)[None], np.zeros((1, 3)), np.zeros(3)
    origin = -np.linalg.solve(found.transformation_matrix, found.origin_shift)
    rotations = np.asarray(found.rotations, dtype=np.intp)
    translations = found.translations + rotations @ origin - origin
    first = np.argsort(
        [
            not (r == np.eye(3)).all() or abs(t).any()
            for r, t in zip(rotations, found.translations, strict=True)
        ],
        kind="stable",
    )
    return rotations[first], (translations - np.round(translations))[first], origin


def reduce_lattice(lattice: Array) -> Array:
    """Niggli-reduce a lattice given as rows; the Cartesian frame is kept."""
    with quiet_spglib():
        reduced = spglib.niggli_reduce(lattice, eps=1e-8)
    return lattice if reduced is None else np.asarray(reduced, dtype=float)


def plane_spacings_A(lattice: Array) -> Array:
    """Return the distances between opposite faces of a cell given as rows, shape ``(3,)``."""
    return np.asarray(1.0 / np.linalg.norm(np.linalg.inv(lattice), axis=0))
