"""Checks of potentials by DFT."""

from collections.abc import Mapping
from typing import Any

from mtl_flows.schemas.dft_checks import DftCheckDocument
from mtl_flows.store.dynamics import SampleCollection


class DftCheckCollection(SampleCollection[DftCheckDocument]):
    """One document for each simulation whose frames are checked, number of frames and functional."""

    name = "dft_checks"
    model = DftCheckDocument

    def note_frame(self, key: str, number: int, computed: Mapping[str, Any]) -> DftCheckDocument:
        """Keep what DFT says of one frame, by its number in the document."""
        fields = {f"frames.{number}.{name}": value for name, value in computed.items()}
        self.writable.update_one({"_id": key}, {"$set": fields})
        return self.get(key)

    def note_comparison(self, key: str, compared: Mapping[str, Any]) -> None:
        """Keep what the frames that there are say together."""
        self.writable.update_one({"_id": key}, {"$set": dict(compared)})
