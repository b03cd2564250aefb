"""Collection of labels, and who counts as a known conductor."""

from pymongo import ASCENDING, IndexModel

from mtl_flows.schemas.labels import LabelDocument
from mtl_flows.science.known import canonical_id, load_known_conductors
from mtl_flows.store.collection import DocumentCollection


class LabelCollection(DocumentCollection[LabelDocument]):
    """Measured facts by material."""

    name = "labels"
    model = LabelDocument
    indexes = (IndexModel([("known_conductor", ASCENDING)]),)

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
