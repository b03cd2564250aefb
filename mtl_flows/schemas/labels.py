"""Document of what is known by measurement: labels of materials, the user's own or a table's."""

from pydantic import Field

from mtl_flows.schemas.base import Document


class LabelDocument(Document):
    """Measured facts about one material; its id is the material's."""

    known_conductor: bool = Field(description="counts as a known superionic conductor in cluster selection")
    conductivity_S_per_cm: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="ionic conductivity near 300 K, S/cm"
    )
    below_detection: bool = Field(False, description="the conductivity is an upper bound")
    family: str = Field("", description="structural family, such as garnet")
    source: str = Field("", description="DOI or citation of the measurement")
