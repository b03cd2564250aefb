"""The chemical rules on a batch of structures."""

from dataclasses import dataclass

from mtl_flows.jobs.batch import BatchMaker
from mtl_flows.stages import CHEMISTRY


@dataclass
class ChemistryMaker(BatchMaker):
    """Job that applies the rules to a batch; all are evaluated, whatever the others say."""

    name: str = "chemistry"
    stages: tuple[str, ...] = (CHEMISTRY.noun,)
