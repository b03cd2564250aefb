"""Which structures are the same crystal: composition first, pymatgen's StructureMatcher within it."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymatgen.core import Structure

if TYPE_CHECKING:
    from pymatgen.analysis.structure_matcher import StructureMatcher

_PRIMITIVE_A = (0.1, 0.25)


@dataclass(frozen=True, slots=True)
class DuplicateParameters:
    """When two structures are the same.

    Attributes
    ----------
    max_volume_ratio
        Structures whose volumes per atom differ by more than this factor are not compared.
    length_tolerance, site_tolerance, angle_tolerance_deg
        As in pymatgen's StructureMatcher: fraction of the lengths, fraction of (V/N)^(1/3), degrees.
    """

    max_volume_ratio: float = 1.15
    length_tolerance: float = 0.1
    site_tolerance: float = 0.2
    angle_tolerance_deg: float = 5.0


def composition_key(structure: Structure) -> str:
    """Reduced composition, three decimals: structures with different keys are never duplicates."""
    composition = structure.composition.element_composition.fractional_composition
    return " ".join(f"{e.symbol}{composition[e]:.3f}" for e in sorted(composition, key=lambda e: e.symbol))


def representatives(
    structures: Mapping[str, Structure], parameters: DuplicateParameters | None = None
) -> dict[str, str]:
    """For each id, the id that stands for it and all its duplicates.

    Duplicates are the connected components of "StructureMatcher finds a fit", so the answer does not depend on
    the order of `structures`; the representative is the smallest id, numbers in ids compared as numbers.
    """
    from pymatgen.analysis.structure_matcher import SpeciesComparator, StructureMatcher

    parameters = parameters or DuplicateParameters()
    matcher = StructureMatcher(
        ltol=parameters.length_tolerance,
        stol=parameters.site_tolerance,
        angle_tol=parameters.angle_tolerance_deg,
        primitive_cell=False,
        scale=True,
        attempt_supercell=False,
        comparator=SpeciesComparator(),
    )
    buckets: dict[str, list[str]] = defaultdict(list)
    for key in sorted(structures, key=natural_order):
        buckets[composition_key(structures[key])].append(key)
    found: dict[str, str] = {}
    for keys in buckets.values():
        found |= _components(keys, {key: structures[key] for key in keys}, matcher, parameters)
    return found


def natural_order(key: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts icsd-999 before icsd-1000."""
    parts = re.findall(r"\d+|\D+", key)
    return tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts)


def _components(
    keys: Sequence[str],
    structures: Mapping[str, Structure],
    matcher: "StructureMatcher",
    parameters: DuplicateParameters,
) -> dict[str, str]:
    parent = {key: key for key in keys}
    if len(keys) == 1:
        return parent

    def root(key: str) -> str:
        while parent[key] != key:
            key = parent[key]
        return key

    reduced = {key: _reduced(structures[key]) for key in keys}
    density = {key: s.volume / s.composition.num_atoms for key, s in reduced.items()}
    for i, one in enumerate(keys):
        for other in keys[:i]:
            low, high = sorted((density[one], density[other]))
            if root(one) == root(other) or high > low * parameters.max_volume_ratio:
                continue
            if len(reduced[one]) == len(reduced[other]) and matcher.fit(reduced[one], reduced[other]):
                # Keys come in order, so the smaller root stays one.
                first, second = sorted((root(one), root(other)), key=natural_order)
                parent[second] = first
    return {key: root(key) for key in keys}


def _reduced(structure: Structure) -> Structure:
    """Primitive, Niggli-reduced cell; done once per structure rather than once per comparison."""
    bare = structure.copy()
    bare.remove_oxidation_states()
    # A wide tolerance alone mistakes neighbours for images in distorted cells, a tight one misses distorted images.
    primitive = min(
        (bare.get_primitive_structure(tolerance=tolerance) for tolerance in _PRIMITIVE_A), key=len
    )
    return primitive.get_reduced_structure()
