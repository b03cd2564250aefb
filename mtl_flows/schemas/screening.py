"""Document of a screening: a name, a mobile ion, parameters, and the clusterings that are current in it."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from mtl_flows.schemas.base import Document, FreeForm
from mtl_flows.vocabulary import Protocol


class ClusteringEvent(BaseModel):
    """One clustering became the current one of its protocol."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    protocol: Protocol = Field(description="protocol of the clustering")
    clustering_id: str = Field(description="id of the clustering; empty where nothing was left to cluster")
    at: datetime = Field(description="UTC")


class ScreeningDocument(Document):
    """One screening; its id is its name, by default the symbol of its ion."""

    telling = ("mobile_ion", "default")

    schema_version: int = Field(2, description="version of this document's layout")
    mobile_ion: str = Field(description="element symbol of the mobile ion")
    parameters: FreeForm = Field(description="of every stage of the screening")
    chosen_at: datetime = Field(description="UTC, when these parameters were chosen")
    versions: dict[str, int] = Field(
        default_factory=dict, description="version of each stage's algorithm that screened last"
    )
    default: bool = Field(False, description="the screening that commands mean where none is named")
    current: dict[Protocol, str] = Field(
        default_factory=dict, description="id of the clustering that candidates are built from, by protocol"
    )
    history: list[ClusteringEvent] = Field(
        default_factory=list, description="every clustering that ever was current, oldest first"
    )
