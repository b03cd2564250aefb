"""Topology of a batch of structures: barcodes, then metrics and features from them."""

from dataclasses import dataclass

from mtl_flows.jobs.batch import BatchMaker
from mtl_flows.stages import BARCODES, TOPOLOGY


@dataclass
class TopologyMaker(BatchMaker):
    """Job that computes barcodes and topology of a batch; parameters as in `BatchMaker`."""

    name: str = "topology"
    stages: tuple[str, ...] = (BARCODES.noun, TOPOLOGY.noun)
