"""Persistent homology of the lithium and of the framework sublattice."""

from typing import Any

from mtl_flows.schemas.base import Header
from mtl_flows.schemas.topology import BarcodeDocument
from mtl_flows.science.topology import TopologyParameters, compute_barcodes
from mtl_flows.stages.base import CrystalStage, StageInput


def _build(given: StageInput, parameters: TopologyParameters, header: Header) -> BarcodeDocument:
    barcodes = compute_barcodes(given.structure, given.mobile_ion, parameters.barcodes)
    return BarcodeDocument.of(header, barcodes)


def _values(topology: TopologyParameters) -> dict[str, Any]:
    return topology.barcodes.as_dict()


BARCODES = CrystalStage(
    noun="barcodes",
    version=1,
    document=BarcodeDocument,
    section="topology",
    values=_values,
    build=_build,
    in_table=False,
)
