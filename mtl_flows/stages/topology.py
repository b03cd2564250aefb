"""Metrics, named features and percolation descriptors, from stored barcodes."""

from mtl_flows.schemas.base import Header
from mtl_flows.schemas.topology import BarcodeDocument, TopologyDocument
from mtl_flows.science.topology import TopologyParameters, describe_topology
from mtl_flows.stages.barcodes import BARCODES
from mtl_flows.stages.base import CrystalStage, StageInput


def _build(given: StageInput, parameters: TopologyParameters, header: Header) -> TopologyDocument:
    barcodes = given.upstream[BARCODES.noun]
    assert isinstance(barcodes, BarcodeDocument)
    result = describe_topology(given.structure, barcodes.decode(), given.mobile_ion, parameters)
    return TopologyDocument.of(header, result)


TOPOLOGY = CrystalStage(
    noun="topology",
    version=1,
    document=TopologyDocument,
    section="topology",
    values=TopologyParameters.as_dict,
    build=_build,
    needs=(BARCODES.noun,),
)
