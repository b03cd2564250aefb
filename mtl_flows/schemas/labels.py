"""Document of what is known by measurement: labels of materials, the user's own or a table's."""

from pydantic import Field

from mtl_flows.schemas.base import Document, Provenance


class LabelDocument(Document):
    """Measured facts about one material; its id is the material's."""

    schema_version: int = Field(2, description="version of this document's layout")
    known_conductor: bool = Field(description="counts as a known superionic conductor in cluster selection")
    conductivity_S_per_cm: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="ionic conductivity near 300 K, S/cm"
    )
    below_detection: bool = Field(False, description="the conductivity is an upper bound")
    family: str = Field("", description="structural family, such as garnet")
    source: str = Field("", description="DOI or citation of the measurement")
    provenance: Provenance | None = Field(
        None, description="when it was stated, and the table it came from; null for labels of early versions"
    )
