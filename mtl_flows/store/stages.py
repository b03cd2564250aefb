"""Collections of the stages that write one document per crystal (and what else they read) and set of parameters."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pymongo import ASCENDING, IndexModel

from mtl_flows.errors import NotFoundError
from mtl_flows.schemas.base import CrystalResult, RunDocument
from mtl_flows.schemas.topology import BarcodeDocument, TopologyDocument, unpack_barcodes
from mtl_flows.science.topology import FEATURE_NAMES, Protocol, StructureBarcodes
from mtl_flows.stages.base import CrystalStage
from mtl_flows.store.collection import DocumentCollection, batched

R = TypeVar("R", bound=CrystalResult)
S = TypeVar("S", bound=RunDocument)

_BATCH = 2000


class CrystalStageCollection(DocumentCollection[R]):
    """Results of one stage, found by the keys that `CrystalStage.keys` gives."""

    model: ClassVar[type[CrystalResult]]
    indexes: ClassVar[Sequence[IndexModel]] = (
        IndexModel([("crystal_id", ASCENDING), ("parameters_hash", ASCENDING)]),
        IndexModel([("parameters_hash", ASCENDING)]),
    )

    def found(self, keys: Mapping[str, str]) -> dict[str, R]:
        """Documents by structure id, given their ids by structure id; those that are there."""
        stored = {
            document.id: document for document in self.find({"_id": {"$in": sorted(set(keys.values()))}})
        }
        return {structure_id: stored[key] for structure_id, key in keys.items() if key in stored}


def collection_of(stage: CrystalStage[R]) -> type[CrystalStageCollection[R]]:
    """Class of the collection of a stage that has no queries of its own."""
    members = {
        "name": stage.collection or stage.noun,
        "model": stage.document,
        "__doc__": stage.document.__doc__,
    }
    return type(f"{stage.noun.title()}Collection", (CrystalStageCollection,), members)


class RunCollection(DocumentCollection[S]):
    """What is simulated, found by what was ordered."""

    model: ClassVar[type[RunDocument]]
    indexes: ClassVar[Sequence[IndexModel]] = (
        IndexModel([("parent_id", ASCENDING), ("parameters_hash", ASCENDING)]),
        IndexModel([("crystal_id", ASCENDING)]),
        IndexModel([("material_id", ASCENDING)]),
        IndexModel([("parameters_hash", ASCENDING)]),
    )
    retired: ClassVar[Sequence[IndexModel]] = (
        IndexModel([("structure_id", ASCENDING), ("parameters_hash", ASCENDING)]),
    )


class BarcodeCollection(CrystalStageCollection[BarcodeDocument]):
    """Packed barcodes."""

    name = "barcodes"
    model = BarcodeDocument

    def unpacked(self, keys: Mapping[str, str], *, spheres: bool = True) -> dict[str, StructureBarcodes]:
        """Barcodes by whatever their documents' ids are given by; those that are there.

        Parameters
        ----------
        spheres
            Also those around the mobile sites, which are most of the bytes; without them the orbits come empty.
        """
        only = {"orbits.multiplicity": 1, "cell_mobile": 1, "cell_framework": 1}
        query = {"_id": {"$in": sorted(set(keys.values()))}}
        stored = {d["_id"]: unpack_barcodes(d) for d in self.raw.find(query, None if spheres else only)}
        return {name: stored[key] for name, key in keys.items() if key in stored}


class Metrics(NamedTuple):
    """The two screening metrics of one crystal, under one protocol."""

    crystal_id: str
    r_connected_A: float
    rho_cycles: float


class TopologyCollection(CrystalStageCollection[TopologyDocument]):
    """Metrics, features and extended descriptors."""

    name = "topology"
    model = TopologyDocument

    def metrics(self, parameters_hash: str, protocol: Protocol, below_A: float) -> Iterator[Metrics]:
        """Stream the metrics of every crystal with r_connected below a length, by crystal id."""
        query = {"parameters_hash": parameters_hash, "r_connected_A": {"$lt": below_A}}
        wanted = {"crystal_id": 1, "r_connected_A": 1, f"rho_cycles.{protocol}": 1}
        for found in self.raw.find(query, wanted, sort=[("crystal_id", ASCENDING)]):
            yield Metrics(found["crystal_id"], found["r_connected_A"], found["rho_cycles"][protocol])

    def features(
        self, crystal_ids: Sequence[str], parameters_hash: str, protocol: Protocol
    ) -> NDArray[np.float64]:
        """Named features of these crystals as a table, shape (n, 22), in the order given.

        Raises
        ------
        NotFoundError
            If one has no topology under these parameters.
        """
        names = FEATURE_NAMES[protocol]
        rows: dict[str, list[float]] = {}
        for batch in batched(crystal_ids, _BATCH):
            query = {"crystal_id": {"$in": batch}, "parameters_hash": parameters_hash}
            for found in self.raw.find(query, {"crystal_id": 1, f"features.{protocol}": 1}):
                values = found["features"][protocol]
                rows[found["crystal_id"]] = [values[name] for name in names]
        missing = [crystal_id for crystal_id in crystal_ids if crystal_id not in rows]
        if missing:
            raise NotFoundError("no topology", subject=missing[0], remedy="run mtl screen")
        table = [rows[crystal_id] for crystal_id in crystal_ids]
        return np.array(table, dtype=float).reshape(len(table), len(names))
