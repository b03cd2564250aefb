"""Document of the parameters that materials are screened under."""

from datetime import datetime

from pydantic import Field

from mtl_flows.schemas.base import Document, FreeForm


class ScreeningDocument(Document):
    """Parameters last chosen for the screening of one mobile ion; its id is the element symbol."""

    parameters: FreeForm = Field(description="of every stage of the screening")
    chosen_at: datetime = Field(description="UTC")
