"""What kind of change each material had between two releases."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

from pymatgen.core import Structure

from mtl_flows.schemas.ingest import StructureDocument
from mtl_flows.science.crystals import Difference, difference
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore
from mtl_flows.vocabulary import ChangeKind

REVISED: Final = frozenset(
    {ChangeKind.METADATA_ONLY, ChangeKind.READ_ANEW, ChangeKind.REFINED, ChangeKind.NEW_CONTENT}
)
"""Kinds of change of materials that both releases hold."""

_BATCH = 1000


@dataclass(frozen=True)
class Change:
    """What happened to one material.

    Attributes
    ----------
    kind
        ``new``: the earlier release lacks it. ``joined``: likewise, and another material stands for it. ``metadata
        only``: its file says something else of the same crystal. ``read anew``: the same bytes gave another crystal.
        ``refined``: other bytes, the same elements on as many sites. ``new content``: other elements or another number
        of sites. ``refused``: its file is. ``withdrawn``: a complete release lacks it; ``not delivered``: one that is
        not complete does.
    cell_A, atoms_A
        How far the cell and the sites moved, of those read anew and refined; None where they cannot be compared.
    occupancies
        The occupancies of a site changed.
    group
        Material that stands for it, where that is another.
    """

    material_id: str
    kind: ChangeKind
    cell_A: float | None = None
    atoms_A: float | None = None
    occupancies: bool = False
    group: str = ""

    @property
    def moved_A(self) -> float:
        """The larger of both distances; 0 where nothing moved or there is nothing to compare."""
        return max(self.cell_A or 0.0, self.atoms_A or 0.0)

    def told(self) -> str:
        """The change in words."""
        if self.kind == ChangeKind.JOINED:
            return f"joined the group of {self.group}"
        if self.cell_A is None or self.atoms_A is None:
            return self.kind
        occupied = ", occupancies changed" if self.occupancies else ""
        return f"{self.kind}: atoms moved {self.atoms_A:.3f} Å, cell {self.cell_A:.3f} Å{occupied}"


def select(changes: Sequence[Change], kinds: Collection[str] = (), moved_over_A: float = 0.0) -> list[Change]:
    """Changes of some kinds, all if none are named, and of those that moved only what moved further than a distance."""
    return [
        change
        for change in changes
        if (not kinds or change.kind in kinds) and (moved_over_A <= 0 or change.moved_A > moved_over_A)
    ]


def changes(
    store: MTLStore,
    old: Mapping[str, str],
    new: Mapping[str, str],
    *,
    complete: bool,
    refused: Collection[str] = (),
) -> list[Change]:
    """Changes between two releases, by material.

    Parameters
    ----------
    old, new
        Revision of each material that the releases hold.
    complete
        Whether the later one holds all that its source has.
    refused
        Materials that the later one holds though their files were refused.
    """
    gone = ChangeKind.WITHDRAWN if complete else ChangeKind.NOT_DELIVERED
    found = [Change(m, ChangeKind.REFUSED if m in refused else gone) for m in old.keys() - new.keys()]
    found += _arrivals(store, sorted(new.keys() - old.keys()))
    kept = sorted(m for m in old.keys() & new.keys() if old[m] != new[m])
    for materials in batched(kept, _BATCH):
        found += _revisions(store, [(old[m], new[m]) for m in materials])
    return sorted(found, key=lambda change: change.material_id)


def _arrivals(store: MTLStore, materials: Sequence[str]) -> Iterator[Change]:
    for batch in batched(materials, _BATCH):
        places = store.groups.places(batch)
        for material in batch:
            head = places[material].representative_id if material in places else material
            if head == material:
                yield Change(material, ChangeKind.NEW)
            else:
                yield Change(material, ChangeKind.JOINED, group=head)


def _revisions(store: MTLStore, pairs: Sequence[tuple[str, str]]) -> Iterator[Change]:
    ids = [key for pair in pairs for key in pair]
    revisions = {d.id: d for d in store.structures.find({"_id": {"$in": ids}})}
    both = [(revisions[one], revisions[two]) for one, two in pairs]
    apart = {d.crystal_id for pair in both for d in pair if pair[0].crystal_id != pair[1].crystal_id}
    crystals = store.crystals.structures(apart)
    for one, two in both:
        if one.crystal_id == two.crystal_id:
            yield Change(two.material_id, ChangeKind.METADATA_ONLY)
        else:
            yield _moved(one, two, crystals[one.crystal_id], crystals[two.crystal_id])


def _moved(one: StructureDocument, two: StructureDocument, before: Structure, after: Structure) -> Change:
    same_bytes = one.file.sha256 == two.file.sha256
    found, occupancies = difference(before, after), False
    if not isfinite(found.atoms_A):
        found, occupancies = difference(_evenly_occupied(before), _evenly_occupied(after)), True
    if not isfinite(found.atoms_A):
        return Change(two.material_id, ChangeKind.READ_ANEW if same_bytes else ChangeKind.NEW_CONTENT)
    moved = Difference(round(found.cell_A, 4), round(found.atoms_A, 4))
    return Change(
        two.material_id, ChangeKind.READ_ANEW if same_bytes else ChangeKind.REFINED, *moved, occupancies
    )


def _evenly_occupied(structure: Structure) -> Structure:
    """The same sites with the same elements, whatever their occupancies."""
    species = []
    for site in structure:
        elements = sorted(site.species.element_composition.elements)
        species.append({element: 1 / len(elements) for element in elements})
    return Structure(structure.lattice, species, structure.frac_coords)
