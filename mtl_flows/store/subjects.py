"""Structures as stages see them: which revisions there are, and what of them may be read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, get_args

from pymongo import ASCENDING

from mtl_flows.errors import NotFoundError
from mtl_flows.schemas.ingest import StructureDocument
from mtl_flows.stages.ordering import parent_id
from mtl_flows.stages.subjects import Statement, Subject
from mtl_flows.store.collection import DocumentCollection, batched

CURRENT: Final[Mapping[str, Any]] = MappingProxyType({"current": True, "withdrawn": False})
"""The revisions in use."""

STANDS: Final[Mapping[str, Any]] = MappingProxyType(
    {"$expr": {"$eq": ["$representative_id", "$material_id"]}}
)
"""Those that stand for their group."""

READ_OF_SUBJECT: Final = (
    *("material_id", "names", "representative_id", "crystal_id", "site_charges"),
    *get_args(Statement),
)
"""Fields of a revision that a `Subject` is made of."""

_BATCH = 2000


class Revision(NamedTuple):
    """One revision of a material, with what stages may read of it."""

    material_id: str
    number: int
    current: bool
    subject: Subject


class SubjectQueries(DocumentCollection[StructureDocument]):
    """What stages may read of the structures in their collection."""

    model = StructureDocument

    def subjects(self, ids: Sequence[str]) -> list[Subject]:
        """What stages may read of some revisions, in the order given.

        Raises
        ------
        NotFoundError
            If one of them is unknown.
        """
        found: dict[str, Subject] = {}
        for batch in batched(ids, _BATCH):
            found.update(
                {subject.structure_id: subject for subject in self._subjects({"_id": {"$in": batch}})}
            )
        if unknown := next((key for key in ids if key not in found), ""):
            raise NotFoundError(
                f"not in the collection {self.name!r}", subject=unknown, remedy="see `mtl status`"
            )
        return [found[key] for key in ids]

    def representatives(self) -> list[Subject]:
        """What stages may read of the current revisions that stand for their group, by structure id."""
        return list(self._subjects({**CURRENT, **STANDS}))

    def every_revision(self, materials: Iterable[str]) -> dict[str, list[Revision]]:
        """Every revision of some materials, oldest first."""
        found: dict[str, list[Revision]] = {}
        for batch in batched(sorted(set(materials)), _BATCH):
            query = {"material_id": {"$in": batch}}
            numbers = {
                d["_id"]: (d["revision"], d["current"])
                for d in self.raw.find(query, {"revision": 1, "current": 1})
            }
            for subject in self._subjects(query):
                number, current = numbers.get(subject.structure_id, (0, False))
                found.setdefault(subject.material_id, []).append(
                    Revision(subject.material_id, number, current, subject)
                )
        for revisions in found.values():
            revisions.sort(key=lambda revision: revision.number)
        return found

    def holding(self, parent: str) -> Subject:
        """Return a revision that gives what was ordered under a key, a current one first.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        query = {"crystal_id": parent.partition(".")[0]}
        current = self._subjects({**query, "current": True})
        earlier = self._subjects({**query, "current": False})
        for subject in (*current, *earlier):
            if parent_id(subject) == parent:
                return subject
        raise NotFoundError(f"not in the collection {self.name!r}", subject=parent, remedy="see `mtl status`")

    def crystals_of(self, materials: Iterable[str]) -> dict[str, list[str]]:
        """Crystals that the revisions of some materials hold, oldest first."""
        found: dict[str, list[str]] = {}
        query = {"material_id": {"$in": sorted(set(materials))}}
        for stored in self.raw.find(
            query, {"material_id": 1, "crystal_id": 1}, sort=[("revision", ASCENDING)]
        ):
            found.setdefault(stored["material_id"], []).append(stored["crystal_id"])
        return found

    def _subjects(self, query: Mapping[str, Any]) -> Iterator[Subject]:
        wanted = dict.fromkeys(READ_OF_SUBJECT, 1)
        for stored in self.raw.find(dict(query), wanted, sort=[("_id", ASCENDING)]):
            yield subject_of(stored)


def subject_of(stored: Mapping[str, Any]) -> Subject:
    """What stages may read of a revision as it is stored."""
    return Subject(
        structure_id=stored["_id"], **{name: stored[name] for name in READ_OF_SUBJECT if name in stored}
    )
