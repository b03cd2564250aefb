"""Collection of the parameters that materials are screened under."""

from mtl_flows.schemas.screening import ScreeningDocument
from mtl_flows.store.collection import DocumentCollection


class ScreeningCollection(DocumentCollection[ScreeningDocument]):
    """One document per mobile ion, so that every command judges by the same parameters."""

    name = "screenings"
    model = ScreeningDocument
