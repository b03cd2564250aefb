"""Barriers of a batch of structures."""

from dataclasses import dataclass

from mtl_flows.jobs.batch import BatchMaker
from mtl_flows.stages import BARRIER


@dataclass
class BarrierMaker(BatchMaker):
    """Job that computes bond-valence barriers of a batch; parameters as in `BatchMaker`."""

    name: str = "barrier"
    stages: tuple[str, ...] = (BARRIER.noun,)
