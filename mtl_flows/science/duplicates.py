"""Which structures are the same crystal: composition, then cheap invariants, then pymatgen's StructureMatcher.

Invariants of the reduced cell (`Signature`) say which structures are worth comparing: as many sites, volumes per atom
within 15 %, and mean distances from each kind of site to its twelve neighbours within a tenth of (V/N)^(1/3).
Newcomers are compared with the landmarks of each group, members of which none is close to another by these
invariants: their number follows how far apart the members are, not how many there are. Of a group that a newcomer may
belong to its three nearest landmarks are compared; a group without one is left alone.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from pymatgen.core import Structure

if TYPE_CHECKING:
    from pymatgen.analysis.structure_matcher import StructureMatcher

_PRIMITIVE_A = (0.1, 0.25)
_NEIGHBOURS = 12
# A member is no landmark if one of its group differs by less: in volume, and in distances in units of (V/N)^(1/3).
_CLOSE_VOLUME_RATIO = 1.02
_CLOSE_DISTANCE = 0.03
_REACH = 2.2  # radius, in units of (V/N)^(1/3), within which to look for them


@dataclass(frozen=True, slots=True)
class DuplicateParameters:
    """When two structures are the same.

    Attributes
    ----------
    max_volume_ratio
        Structures whose volumes per atom differ by more than this factor are not compared.
    max_distance_difference
        Nor are those of which a mean distance to a neighbour differs by more than this, in units of (V/N)^(1/3).
    compared_members
        Landmarks of one group, the nearest by their distances, that a newcomer is compared with.
    length_tolerance, site_tolerance, angle_tolerance_deg
        As in pymatgen's StructureMatcher: fraction of the lengths, fraction of (V/N)^(1/3), degrees.
    """

    max_volume_ratio: float = 1.15
    max_distance_difference: float = 0.1
    compared_members: int = 3
    length_tolerance: float = 0.1
    site_tolerance: float = 0.2
    angle_tolerance_deg: float = 5.0


@dataclass(frozen=True, slots=True)
class Signature:
    """Invariants of a structure: the same in every setting, nearly the same for copies.

    Attributes
    ----------
    n_sites
        Of the reduced cell.
    volume_A3
        Per atom.
    distances
        For each kind of site, in the order of their names, the mean distance to the first, second … twelfth
        neighbour, in units of (V/N)^(1/3).
    """

    n_sites: int
    volume_A3: float
    distances: tuple[float, ...]

    @property
    def values(self) -> list[float]:
        """All of it as numbers."""
        return [float(self.n_sites), self.volume_A3, *self.distances]

    @classmethod
    def of_values(cls, values: Sequence[float]) -> Self:
        """From `values`."""
        return cls(int(values[0]), float(values[1]), tuple(map(float, values[2:])))


@dataclass(frozen=True, slots=True)
class Reduced:
    """A reduced cell and its signature."""

    structure: Structure
    signature: Signature


@dataclass(frozen=True, slots=True)
class Known:
    """A crystal that was compared before: as it is, with its signature and what its group is called."""

    structure: Structure
    signature: Signature
    group: str


@dataclass(frozen=True, slots=True)
class Matches:
    """What comparing newcomers gave.

    Attributes
    ----------
    links
        For each newcomer those of the others that it was found to match, one of each group at least.
    landmarks
        Newcomers that later ones are to be compared with: no landmark of their group is close to them.
    """

    links: dict[str, list[str]]
    landmarks: frozenset[str]


def reduce(structure: Structure) -> Reduced:
    """Reduce a structure to its primitive, Niggli-reduced cell and take its signature."""
    cell = _reduced(structure)
    return Reduced(cell, _signature(cell))


def composition_key(structure: Structure) -> str:
    """Reduced composition, three decimals: structures with different keys are never duplicates."""
    composition = structure.composition.element_composition.fractional_composition
    return " ".join(f"{e.symbol}{composition[e]:.3f}" for e in sorted(composition, key=lambda e: e.symbol))


def natural_order(key: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts icsd-999 before icsd-1000."""
    parts = re.findall(r"\d+|\D+", key)
    return tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts)


def representatives(
    structures: Mapping[str, Structure], parameters: DuplicateParameters | None = None
) -> dict[str, str]:
    """For each id, the id that stands for it and all its duplicates: the smallest, numbers compared as numbers."""
    buckets: dict[str, dict[str, Reduced]] = defaultdict(dict)
    for key in sorted(structures, key=natural_order):
        buckets[composition_key(structures[key])][key] = reduce(structures[key])
    found: dict[str, str] = {}
    for fresh in buckets.values():
        links = matches(fresh, {}, parameters).links if len(fresh) > 1 else {}
        found |= components(fresh, links)
    return found


def matches(
    fresh: Mapping[str, Reduced],
    known: Mapping[str, Known],
    parameters: DuplicateParameters | None = None,
) -> Matches:
    """Compare newcomers of one composition with each other and with landmarks of those that were compared before.

    Parameters
    ----------
    known
        Landmarks that a newcomer may match (`candidates`).
    """
    parameters = parameters or DuplicateParameters()
    matcher = _matcher(parameters)
    cells: dict[str, Structure] = {}
    groups = _Groups(known, {})
    population = _Population({key: one.signature for key, one in known.items()})
    first: dict[str, str] = {}
    for key, one in known.items():
        groups.join(key, first.setdefault(one.group, key))
    found: dict[str, list[str]] = {}
    landmarks: set[str] = set()

    def cell(key: str) -> Structure:
        if key not in cells:
            cells[key] = fresh[key].structure if key in fresh else _reduced(known[key].structure)
        return cells[key]

    for key in sorted(fresh, key=natural_order):
        signature = fresh[key].signature
        found[key] = []
        groups.add(key)
        tried: Counter[str] = Counter()
        # Reducing a cell costs more than comparing two: those at hand come first.
        for other in sorted(
            population.near(signature, parameters), key=lambda one: one not in fresh and one not in cells
        ):
            root = groups.root(other)
            if root == groups.root(key) or tried[root] >= parameters.compared_members:
                continue
            tried[root] += 1
            if matcher.fit(cell(key), cell(other), skip_structure_reduction=True):
                groups.join(key, other)
                found[key].append(other)
        if not any(groups.root(other) == groups.root(key) for other in population.close(signature)):
            landmarks.add(key)
            population.add(key, signature)
    return Matches(found, frozenset(landmarks))


def candidates(
    fresh: Iterable[Signature],
    known: Mapping[str, tuple[Signature, str]],
    parameters: DuplicateParameters | None = None,
) -> list[str]:
    """Landmarks that some newcomers have to be compared with: those of each group that are nearest to them.

    A newcomer makes do with landmarks that are near to others too.

    Parameters
    ----------
    known
        Signature of each landmark, and what its group is called.
    """
    parameters = parameters or DuplicateParameters()
    population = _Population({key: signature for key, (signature, _) in known.items()})
    chosen: set[str] = set()
    for signature in fresh:
        near: dict[str, list[str]] = defaultdict(list)
        for key in population.near(signature, parameters):
            near[known[key][1]].append(key)
        for members in near.values():
            lacking = parameters.compared_members - len(chosen.intersection(members))
            chosen.update([key for key in members if key not in chosen][: max(lacking, 0)])
    return sorted(chosen)


def landmarks_among(signatures: Mapping[str, Signature], standing: Iterable[str]) -> frozenset[str]:
    """Landmarks of one group: those that are, and of the other members as many as are close to none of them."""
    chosen = {key for key in standing if key in signatures}
    population = _Population({key: signatures[key] for key in sorted(chosen, key=natural_order)})
    for key in sorted(signatures.keys() - chosen, key=natural_order):
        if not population.close(signatures[key]):
            chosen.add(key)
            population.add(key, signatures[key])
    return frozenset(chosen)


def components(keys: Iterable[str], links: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """For each key the smallest one that links, through others of `keys`, join it with."""
    groups = _Groups(keys, links)
    return {key: groups.root(key) for key in groups.parent}


class _Groups:
    """Keys joined by links; the root of a group is its smallest key."""

    def __init__(self, keys: Iterable[str], links: Mapping[str, Iterable[str]]) -> None:
        self.parent = {key: key for key in keys}
        for key, others in links.items():
            for other in others:
                if key in self.parent and other in self.parent:
                    self.join(key, other)

    def add(self, key: str) -> None:
        self.parent.setdefault(key, key)

    def root(self, key: str) -> str:
        while self.parent[key] != key:
            self.parent[key] = key = self.parent[self.parent[key]]
        return key

    def join(self, one: str, other: str) -> None:
        first, second = sorted((self.root(one), self.root(other)), key=natural_order)
        self.parent[second] = first


class _Population:
    """Signatures, to be searched for those near to one."""

    def __init__(self, signatures: Mapping[str, Signature]) -> None:
        # By number of sites and of distances: no others can be alike.
        self._shapes: dict[tuple[int, int], _Shape] = {}
        for key, signature in signatures.items():
            self.add(key, signature)

    def add(self, key: str, signature: Signature) -> None:
        shape = signature.n_sites, len(signature.distances)
        self._shapes.setdefault(shape, _Shape(shape[1] + 1)).add(key, signature)

    def near(self, signature: Signature, parameters: DuplicateParameters) -> list[str]:
        """Keys of those that may match, the nearest first."""
        return self._within(signature, parameters.max_volume_ratio, parameters.max_distance_difference)

    def close(self, signature: Signature) -> list[str]:
        """Keys of landmarks beside which it takes no other."""
        return self._within(signature, _CLOSE_VOLUME_RATIO, _CLOSE_DISTANCE)

    def _within(self, signature: Signature, volume_ratio: float, distance: float) -> list[str]:
        shape = self._shapes.get((signature.n_sites, len(signature.distances)))
        return [] if shape is None else shape.within(signature, volume_ratio, distance)


class _Shape:
    """Signatures with as many sites and distances."""

    def __init__(self, n_values: int) -> None:
        self._keys: list[str] = []
        self._values = np.empty((16, n_values))

    def add(self, key: str, signature: Signature) -> None:
        n = len(self._keys)
        if n == len(self._values):
            self._values = np.concatenate([self._values, np.empty_like(self._values)])
        self._values[n] = signature.values[1:]
        self._keys.append(key)

    def within(self, signature: Signature, volume_ratio: float, distance: float) -> list[str]:
        values, wanted = self._values[: len(self._keys)], np.array(signature.values[1:])
        ratio = values[:, 0] / wanted[0]
        difference = np.max(np.abs(values[:, 1:] - wanted[1:]), axis=1)
        rows = np.flatnonzero(
            (ratio <= volume_ratio) & (ratio >= 1 / volume_ratio) & (difference <= distance)
        )
        return [self._keys[row] for row in rows[np.argsort(difference[rows], kind="stable")]]


def _matcher(parameters: DuplicateParameters) -> "StructureMatcher":
    from pymatgen.analysis.structure_matcher import SpeciesComparator, StructureMatcher

    return StructureMatcher(
        ltol=parameters.length_tolerance,
        stol=parameters.site_tolerance,
        angle_tol=parameters.angle_tolerance_deg,
        primitive_cell=False,
        scale=True,
        attempt_supercell=False,
        comparator=SpeciesComparator(),
    )


def _signature(cell: Structure) -> Signature:
    n_sites = len(cell)
    unit = (cell.volume / n_sites) ** (1 / 3)
    reach = _REACH
    while True:
        centres, _, _, lengths = cell.get_neighbor_list(reach * unit)
        if len(centres) and np.bincount(centres, minlength=n_sites).min() >= _NEIGHBOURS:
            break
        reach *= 1.3
    order = np.lexsort((lengths, centres))
    starts = np.searchsorted(centres[order], np.arange(n_sites))
    nearest = lengths[order][starts[:, None] + np.arange(_NEIGHBOURS)]
    kinds = np.array([site.species_string for site in cell])
    means = np.concatenate([nearest[kinds == kind].mean(axis=0) for kind in np.unique(kinds)]) / unit
    return Signature(n_sites, cell.volume / cell.composition.num_atoms, tuple(np.round(means, 5).tolist()))


def _reduced(structure: Structure) -> Structure:
    """Primitive, Niggli-reduced cell; done once per structure rather than once per comparison."""
    bare = structure.copy()
    bare.remove_oxidation_states()
    # A wide tolerance alone mistakes neighbours for images in distorted cells, a tight one misses distorted images.
    primitive = min(
        (bare.get_primitive_structure(tolerance=tolerance) for tolerance in _PRIMITIVE_A), key=len
    )
    return primitive.get_reduced_structure()
