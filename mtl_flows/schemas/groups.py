"""Document of a material's place in its group: the materials whose crystals match its own."""

from datetime import datetime

from pydantic import Field

from mtl_flows.schemas.base import Document, Provenance


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
    parameters_hash: str = Field(description="hash of the matcher's parameters")
    provenance: Provenance = Field(description="where the document comes from")
