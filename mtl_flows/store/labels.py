"""Collection of labels, and who counts as a known conductor."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pymongo import ASCENDING, IndexModel, UpdateOne

from mtl_flows.errors import DatabaseUnavailableError
from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.labels import LabelDocument, LabelStatement, merge
from mtl_flows.science.known import load_known_conductors
from mtl_flows.store.collection import DocumentCollection, WriteSummary

_ATTEMPTS = 50
_LISTED_ION = "Li"


class LabelKey(NamedTuple):
    """Whom a label is about."""

    material_id: str
    ion: str

    @property
    def id(self) -> str:
        """Id of the label."""
        return LabelDocument.key(self.material_id, self.ion)


class LabelCollection(DocumentCollection[LabelDocument]):
    """Measured facts by material and mobile ion."""

    name = "labels"
    model = LabelDocument
    indexes = (IndexModel([("ion", ASCENDING), ("known_conductor", ASCENDING)]),)
    retired = (IndexModel([("known_conductor", ASCENDING)]),)

    def declare(
        self, stated: Mapping[LabelKey, LabelStatement], provenance: Provenance | None = None
    ) -> WriteSummary:
        """Add what is stated to the labels; a statement that says nothing new is not kept.

        Safe to repeat and against others who state something at the same time: each label moves by
        compare-and-set.
        """
        summary: WriteSummary | None = None
        open_ones = {key.id: (key, statement) for key, statement in stated.items()}
        for _ in range(_ATTEMPTS):
            standing = {label.id: label for label in self.find({"_id": {"$in": list(open_ones)}})}
            open_ones = {
                i: (key, statement)
                for i, (key, statement) in open_ones.items()
                if i not in standing or _is_news(standing[i], statement)
            }
            if summary is None:
                replaced = len(open_ones.keys() & standing.keys())
                inserted = len(open_ones) - replaced
                summary = WriteSummary(inserted, len(stated) - len(open_ones), replaced)
            if not open_ones:
                return summary
            self.writable.bulk_write(
                [self._write(k, s, standing.get(i), provenance) for i, (k, s) in open_ones.items()],
                ordered=False,
            )
        raise DatabaseUnavailableError(
            "other writers keep changing the labels", subject=self.name, remedy="run again"
        )

    def known_conductors(self, ion: str) -> frozenset[str]:
        """Canonical names of the known conductors of an ion: its list, corrected by the labels here."""
        yes = self.raw.distinct("material_id", {"ion": ion, "known_conductor": True})
        return frozenset((listed_conductors(ion) | set(yes)) - self.denied(ion))

    def denied(self, ion: str) -> frozenset[str]:
        """Canonical names that are labelled as no known conductors of an ion."""
        return frozenset(self.raw.distinct("material_id", {"ion": ion, "known_conductor": False}))

    def by_material(self, ion: str) -> dict[str, LabelDocument]:
        """Every label for an ion, by the canonical form of its material's id."""
        return {label.material_id: label for label in self.find({"ion": ion})}

    def of(self, materials: Iterable[str], ion: str) -> dict[str, LabelDocument | None]:
        """Label of each of some materials for an ion; None where there is none."""
        keys = {material: LabelDocument.key(material, ion) for material in materials}
        found = {label.id: label for label in self.find({"_id": {"$in": sorted(keys.values())}})}
        return {material: found.get(key) for material, key in keys.items()}

    def _write(
        self,
        key: LabelKey,
        statement: LabelStatement,
        standing: LabelDocument | None,
        provenance: Provenance | None,
    ) -> UpdateOne:
        before = standing.statements if standing is not None else []
        fields = self._sized(LabelDocument.of(*key, [*before, statement], provenance))
        name = fields.pop("_id")
        if standing is None:
            return UpdateOne({"_id": name}, {"$setOnInsert": fields}, upsert=True)
        return UpdateOne({"_id": name, "statements": {"$size": len(before)}}, {"$set": fields})


def listed_conductors(ion: str) -> frozenset[str]:
    """The list of known conductors of an ion; there is one for lithium alone."""
    return load_known_conductors() if ion == _LISTED_ION else frozenset()


def _is_news(label: LabelDocument, statement: LabelStatement) -> bool:
    """Whether a statement is not among those of a label and changes what holds."""
    if statement in label.statements:
        return False
    after = statement.facts if statement.replaces else merge(label.facts, statement)
    return after != label.facts
