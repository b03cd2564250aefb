"""Collections of the stages that write one document per structure and set of parameters."""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pymongo import ASCENDING, IndexModel

from mtl_flows.errors import NotFoundError
from mtl_flows.schemas.base import StageDocument, StageParameters
from mtl_flows.schemas.chemistry import ChemistryDocument
from mtl_flows.schemas.topology import BarcodeDocument, TopologyDocument, unpack_barcodes
from mtl_flows.science.topology import FEATURE_NAMES, Protocol, StructureBarcodes
from mtl_flows.store.collection import DocumentCollection, batched

S = TypeVar("S", bound=StageDocument)

_BATCH = 2000


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
        keys = self.model.keys(structure_ids, parameters)
        done = self.existing(keys.values())
        return [structure_id for structure_id, key in keys.items() if key not in done]

    def by_structure(self, structure_ids: Iterable[str], parameters_hash: str) -> dict[str, S]:
        """Documents of these structures under one set of parameters, by structure id."""
        query = {"structure_id": {"$in": list(structure_ids)}, "parameters_hash": parameters_hash}
        return {document.structure_id: document for document in self.find(query)}


class BarcodeCollection(StageCollection[BarcodeDocument]):
    """Packed barcodes."""

    name = "barcodes"
    model = BarcodeDocument

    def unpacked(
        self, structure_ids: Sequence[str], parameters: StageParameters, *, spheres: bool = True
    ) -> dict[str, StructureBarcodes]:
        """Barcodes of those of `structure_ids` that have some, by structure id.

        Parameters
        ----------
        spheres
            Also those around the mobile sites, which are most of the bytes; without them the orbits come empty.
        """
        only = {"structure_id": 1, "orbits.multiplicity": 1, "cell_mobile": 1, "cell_framework": 1}
        query = {"_id": {"$in": list(self.model.keys(structure_ids, parameters).values())}}
        found = self.raw.find(query, None if spheres else only)
        return {stored["structure_id"]: unpack_barcodes(stored) for stored in found}


class Metrics(NamedTuple):
    """The two screening metrics of one structure, under one protocol."""

    structure_id: str
    material_id: str
    r_connected_A: float
    rho_cycles: float


class TopologyCollection(StageCollection[TopologyDocument]):
    """Metrics, features and extended descriptors."""

    name = "topology"
    model = TopologyDocument

    def metrics(self, parameters_hash: str, protocol: Protocol, below_A: float) -> Iterator[Metrics]:
        """Stream the metrics of every structure with r_connected below a length, by structure id."""
        query = {"parameters_hash": parameters_hash, "r_connected_A": {"$lt": below_A}}
        wanted = {"structure_id": 1, "material_id": 1, "r_connected_A": 1, f"rho_cycles.{protocol}": 1}
        for found in self.raw.find(query, wanted, sort=[("structure_id", ASCENDING)]):
            yield Metrics(
                found["structure_id"],
                found["material_id"],
                found["r_connected_A"],
                found["rho_cycles"][protocol],
            )

    def features(
        self, structure_ids: Sequence[str], parameters_hash: str, protocol: Protocol
    ) -> NDArray[np.float64]:
        """Named features of these structures as a table, shape (n, 22), in the order given.

        Raises
        ------
        NotFoundError
            If one has no topology under these parameters.
        """
        names = FEATURE_NAMES[protocol]
        rows: dict[str, list[float]] = {}
        for batch in batched(structure_ids, _BATCH):
            query = {"structure_id": {"$in": batch}, "parameters_hash": parameters_hash}
            for found in self.raw.find(query, {"structure_id": 1, f"features.{protocol}": 1}):
                values = found["features"][protocol]
                rows[found["structure_id"]] = [values[name] for name in names]
        missing = [structure_id for structure_id in structure_ids if structure_id not in rows]
        if missing:
            raise NotFoundError("no topology", subject=missing[0], remedy="run mtl screen")
        table = [rows[structure_id] for structure_id in structure_ids]
        return np.array(table, dtype=float).reshape(len(table), len(names))


class ChemistryCollection(StageCollection[ChemistryDocument]):
    """Verdicts of the chemical rules."""

    name = "chemistry"
    model = ChemistryDocument
