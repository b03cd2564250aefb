"""Collections of the stages that write one document per structure and set of parameters."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, TypeVar

from pymongo import ASCENDING, IndexModel

from mtl_flows.schemas.base import StageDocument, StageParameters
from mtl_flows.schemas.chemistry import ChemistryDocument
from mtl_flows.schemas.topology import BarcodeDocument, TopologyDocument
from mtl_flows.store.collection import DocumentCollection

S = TypeVar("S", bound=StageDocument)


class StageCollection(DocumentCollection[S]):
    """Results of one stage, found by structure and parameters."""

    model: ClassVar[type[StageDocument]]
    indexes: ClassVar[Sequence[IndexModel]] = (
        IndexModel([("structure_id", ASCENDING), ("parameters_hash", ASCENDING)]),
        IndexModel([("material_id", ASCENDING)]),
        IndexModel([("parameters_hash", ASCENDING)]),
    )

    def missing(self, structure_ids: Iterable[str], parameters: StageParameters) -> list[str]:
        """Those of `structure_ids` that have no document under `parameters`, in the order given."""
        ids = list(structure_ids)
        done = self.existing(self.model.key(structure_id, parameters) for structure_id in ids)
        return [structure_id for structure_id in ids if self.model.key(structure_id, parameters) not in done]

    def by_structure(self, structure_ids: Iterable[str], parameters_hash: str) -> dict[str, S]:
        """Documents of these structures under one set of parameters, by structure id."""
        query = {"structure_id": {"$in": list(structure_ids)}, "parameters_hash": parameters_hash}
        return {document.structure_id: document for document in self.find(query)}


class BarcodeCollection(StageCollection[BarcodeDocument]):
    """Packed barcodes."""

    name = "barcodes"
    model = BarcodeDocument


class TopologyCollection(StageCollection[TopologyDocument]):
    """Metrics, features and extended descriptors."""

    name = "topology"
    model = TopologyDocument


class ChemistryCollection(StageCollection[ChemistryDocument]):
    """Verdicts of the chemical rules."""

    name = "chemistry"
    model = ChemistryDocument
