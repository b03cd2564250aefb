"""Materials by what people call them: ids, codes, files, formulas; and what somebody may have meant."""

import re
from difflib import get_close_matches
from typing import Any

from pymongo import ASCENDING

from mtl_flows.errors import NotFoundError
from mtl_flows.schemas.ingest import StructureDocument
from mtl_flows.store.subjects import CURRENT, SubjectQueries

_LISTED = 5
_LOOKED_AT = 5000
_BEGINNING = 3
_NUL = "\0"  # which MongoDB takes in no pattern


class NamedStructures(SubjectQueries):
    """Structures that are found by name."""

    def materials_named(self, name: str) -> list[str]:
        """Ids of the materials that a name stands for, one of that very id first.

        A name is an id, a code or file name without the source, a revision's id, or a file, with or without its folder
        and its ending.
        """
        if _NUL in name:
            return []
        for query in (
            {"$or": [{"material_id": {"$in": [name, name.lower()]}}, {"names": name.casefold()}]},
            {"_id": name},
            {"file.name": name},
            {"file.name": re.compile(rf"(^|/){re.escape(name)}(\.[^/]*)?$")},
        ):
            if found := self.raw.distinct("material_id", query):
                return sorted(found, key=lambda material: (material.casefold() != name.casefold(), material))
        return []

    def revisions_named(self, name: str) -> dict[str, list[StructureDocument]]:
        """Every revision, oldest first, of each material that a name stands for; see `materials_named`.

        What is called by an id, a code or a file as it was read is found by one request.
        """
        called = {"$or": [{"material_id": {"$in": [name, name.lower()]}}, {"names": name.casefold()}]}
        if not (found := self._by_material(called)) and (materials := self.materials_named(name)):
            found = self._by_material({"material_id": {"$in": materials}})
        first = sorted(found, key=lambda material: (material.casefold() != name.casefold(), material))
        return {material: found[material] for material in first}

    def _by_material(self, query: dict[str, Any]) -> dict[str, list[StructureDocument]]:
        found: dict[str, list[StructureDocument]] = {}
        for revision in self.find(query, sort=[("material_id", ASCENDING), ("revision", ASCENDING)]):
            found.setdefault(revision.material_id, []).append(revision)
        return found

    def material_named(self, name: str) -> str:
        """Return the material that a name stands for, also a formula that one material has.

        Raises
        ------
        NotFoundError
            If there is none, or several have the formula; the remedy names what may have been meant.
        """
        if found := self.materials_named(name):
            return found[0]
        found = self.materials_of(name)
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(found[:_LISTED]) + (" …" if len(found) > _LISTED else "")
            raise NotFoundError(
                f"is the formula of {len(found)} materials", subject=name, remedy=f"name one of {listed}"
            )
        raise NotFoundError("was not ingested", subject=name, remedy=self.meant(name))

    def materials_of(self, formula: str) -> list[str]:
        """Ids of the current materials of a formula, which is reduced before; none if it is no formula."""
        if not re.fullmatch(r"([A-Z][a-z]?[\d.]*|[()])+", formula):
            return []
        from pymatgen.core import Composition

        from mtl_flows.science.reading import reduced_formula

        try:
            composition = Composition(formula)
        except ValueError:
            return []
        if not composition or not composition.valid:
            return []
        return sorted(
            self.raw.distinct("material_id", {**CURRENT, "reduced_formula": reduced_formula(composition)})
        )

    def meant(self, name: str) -> str:
        """Remedy for a name that no material has: those that are spelled much like it, and where to look."""
        if _NUL in name:
            return "no name holds this character"
        look = "see mtl query for what there is, or mtl ingest its file"
        alike = {"names": re.compile(f"^{re.escape(name.casefold()[:_BEGINNING])}")}
        known: dict[str, str] = {}
        for found in self.raw.find(alike, {"names": 1, "material_id": 1}, limit=_LOOKED_AT):
            known |= dict.fromkeys(found["names"], found["material_id"])
        near = dict.fromkeys(known[one] for one in get_close_matches(name.casefold(), known, n=3, cutoff=0.6))
        return f"did you mean {' or '.join(near)}? else {look}" if near else look

    def current_named(self, name: str) -> StructureDocument:
        """Return the current revision of a material that a name stands for; see `material_named`.

        Raises
        ------
        NotFoundError
            If no such material is current, or several may be meant.
        """
        named = self.materials_named(name) or [self.material_named(name)]
        for structure in self.find({**CURRENT, "material_id": {"$in": named}}):
            return structure
        raise NotFoundError(
            "is in no release any more", subject=name, remedy="mtl ingest the release that holds it"
        )
