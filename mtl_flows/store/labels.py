"""Collection of labels, and who counts as a known conductor."""

from collections.abc import Sequence
from typing import Any

from pymongo import ASCENDING, IndexModel

from mtl_flows.schemas.labels import LabelDocument
from mtl_flows.science.known import canonical_id, load_known_conductors
from mtl_flows.store.collection import DocumentCollection, WriteSummary


class LabelCollection(DocumentCollection[LabelDocument]):
    """Measured facts by material."""

    name = "labels"
    model = LabelDocument
    indexes = (IndexModel([("known_conductor", ASCENDING)]),)

    def declare(self, labels: Sequence[LabelDocument]) -> WriteSummary:
        """Write the labels that say something new; what was said before keeps its provenance."""
        standing = {label.id: _facts(label) for label in self.find({"_id": {"$in": [d.id for d in labels]}})}
        new = [label for label in labels if standing.get(label.id) != _facts(label)]
        written = self.put(new)
        return written._replace(unchanged=written.unchanged + len(labels) - len(new))

    def known_conductors(self) -> frozenset[str]:
        """Material ids of the known conductors: the article's list, corrected by the labels here."""
        yes = {canonical_id(label.id) for label in self.find({"known_conductor": True})}
        no = {canonical_id(label.id) for label in self.find({"known_conductor": False})}
        return frozenset((load_known_conductors() | yes) - no)

    def counts_as_known(self, material_id: str) -> bool:
        """Whether a material is a known conductor, by the list or by its label."""
        return canonical_id(material_id) in self.known_conductors()

    def by_material(self) -> dict[str, LabelDocument]:
        """Every label, by the canonical form of its material's id."""
        return {canonical_id(label.id): label for label in self.find()}


def _facts(label: LabelDocument) -> dict[str, Any]:
    return label.model_dump(exclude={"provenance"})
