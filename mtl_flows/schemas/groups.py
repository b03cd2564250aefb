"""Document of a material's place in its group: the materials whose crystals match its own."""

from datetime import datetime

from pydantic import Field

from mtl_flows.schemas.base import Document, Provenance
from mtl_flows.science.groups import Place


class MembershipDocument(Document):
    """Place of one material among its duplicates; its id is the material's."""

    telling = ("representative_id",)

    composition_key: str = Field(description="composition within which it was compared")
    crystal_id: str = Field(description="crystal that it held when it was compared")
    representative_id: str = Field(description="material that stands for it")
    stood_since: datetime | None = Field(
        None,
        description="UTC, when it came to stand for its group, kept while it is withdrawn; null: it never did",
    )
    signature: list[float] = Field(
        default_factory=list,
        description="invariants of the crystal: sites of the reduced cell, volume per atom in Å³, mean distances of "
        "each kind of site to its neighbours in units of (V/N)^(1/3); empty where it is alone in its composition",
    )
    landmark: bool = Field(
        True, description="newcomers are compared with its crystal: no landmark of its group is close to it"
    )
    links: list[str] = Field(default_factory=list, description="crystals that its own was found to match")
    parameters_hash: str = Field(description="hash of the matcher's parameters")
    provenance: Provenance = Field(description="where the document comes from")

    def place(self) -> Place:
        """Where it stood then."""
        return Place(self.representative_id, self.crystal_id, self.stood_since)
