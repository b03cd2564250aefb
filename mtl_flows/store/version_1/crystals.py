"""Which crystal each revision of version 1 holds, and what else stages may read of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pymatgen.core import Structure

from mtl_flows.science.crystals import difference
from mtl_flows.science.naming import names
from mtl_flows.stages import Subject

Stored = Mapping[str, Any]

LIGHT = dict.fromkeys(
    (
        "material_id",
        "revision",
        "current",
        "content_hash",
        "formula",
        "oxidation_states",
        "representative_id",
    ),
    1,
)
"""Fields of a revision that its keys are made of."""

_ID_DIGITS = 24


@dataclass(frozen=True)
class Revisions:
    """Revisions of version 1 as stages see them today, by structure id."""

    subjects: dict[str, Subject]
    current: dict[str, str] = field(default_factory=dict)

    def crystal(self, structure_id: str) -> str:
        """Crystal that a revision holds."""
        return self.subjects[structure_id].crystal_id

    @classmethod
    def of(cls, stored: Iterable[Stored], structure_of: Callable[[str], Structure]) -> "Revisions":
        """Sort out which crystals there are.

        Parameters
        ----------
        stored
            Every revision, with the fields of `LIGHT` at least.
        structure_of
            Structure of a revision; asked for only where revisions of one material have different contents.
        """
        by_material: dict[str, list[Stored]] = {}
        for revision in stored:
            by_material.setdefault(revision["material_id"], []).append(revision)
        subjects, current = {}, {}
        for material, revisions in by_material.items():
            revisions.sort(key=lambda revision: revision["revision"])
            for revision, crystal in zip(revisions, _crystals(revisions, structure_of), strict=True):
                key = revision["_id"]
                subjects[key] = Subject(
                    key,
                    material,
                    names(material),
                    revision["representative_id"],
                    crystal,
                    revision["formula"],
                    revision["oxidation_states"],
                    0.0,
                )
                if revision["current"]:
                    current[material] = key
        return cls(subjects, current)


def own_crystal(revision: Stored) -> str:
    """Id of the crystal as a revision gives it: the beginning of version 1's hash of its content."""
    return str(revision["content_hash"])[:_ID_DIGITS]


def _crystals(revisions: Iterable[Stored], structure_of: Callable[[str], Structure]) -> list[str]:
    """Crystals of one material's revisions, oldest first: what agrees with an earlier one within rounding is that."""
    seen: dict[str, str] = {}  # crystal: revision that gave it
    held = []
    for revision in revisions:
        crystal = own_crystal(revision)
        if crystal not in seen:
            same = (
                earlier
                for earlier, key in reversed(seen.items())
                if difference(structure_of(key), structure_of(revision["_id"])).negligible
            )
            crystal = next(same, crystal)
        seen.setdefault(crystal, revision["_id"])
        held.append(crystal)
    return held
