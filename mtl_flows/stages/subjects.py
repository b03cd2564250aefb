"""What stages may read of one revision of a material, and whose simulations a material shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from mtl_flows.schemas.base import content_hash

Statement = Literal["formula", "oxidation_states", "implicit_hydrogens"]
"""What a file says of a crystal beyond its sites, and some stages read."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One revision of a material, as stages see it.

    Attributes
    ----------
    structure_id, material_id, names, representative_id
        Whose revision it is, what that material answers to, and who stands for it: nothing that a stage reads.
    crystal_id
        The crystal; every stage reads it.
    formula, oxidation_states, implicit_hydrogens
        What the file states beside the crystal; oxidation states as means by element.
    site_charges
        Species with their oxidation states on each site; empty where the means tell all.
    """

    structure_id: str
    material_id: str
    names: Sequence[str]
    representative_id: str
    crystal_id: str
    formula: str
    oxidation_states: Mapping[str, float]
    implicit_hydrogens: float
    site_charges: Sequence[Mapping[str, float]] = ()

    def stated(self, what: Statement) -> Any:
        """What the file states, oxidation states site by site where the atoms of one element differ."""
        if what == "oxidation_states" and self.site_charges:
            return self.site_charges
        return getattr(self, what)

    def key(self, reads: tuple[Statement, ...] = ()) -> str:
        """Key of what a stage reads: materials that agree in it share the stage's document.

        Where the file states nothing of it, that is the crystal's own.
        """
        if not any(self.stated(name) for name in reads):
            return self.crystal_id
        return f"{self.crystal_id}.{content_hash({name: self.stated(name) for name in reads})[:8]}"


class RunSource(NamedTuple):
    """A revision whose simulations are shown for a material of its group.

    Attributes
    ----------
    parent_id
        What was ordered of it.
    current
        It is its material's reading today, not an earlier one.
    kin
        ``own``, ``head`` (of the material that stands for the group) or ``member``.
    """

    parent_id: str
    crystal_id: str
    structure_id: str
    material_id: str
    current: bool
    kin: Literal["own", "head", "member"] = "own"
