"""The stages of the pipeline, each an object: name, version, parameters, what it reads, what it writes.

Whatever walks over stages iterates over one of these tuples.
"""

from typing import Any, Final

from mtl_flows.stages.barcodes import BARCODES
from mtl_flows.stages.barrier import BARRIER
from mtl_flows.stages.base import CrystalStage, Stage, StageInput
from mtl_flows.stages.chemistry import CHEMISTRY
from mtl_flows.stages.clustering import CLUSTERING
from mtl_flows.stages.groups import GROUPS
from mtl_flows.stages.landscape import LANDSCAPE
from mtl_flows.stages.runs import RUN_STAGES
from mtl_flows.stages.screening import ScreeningParameters
from mtl_flows.stages.subjects import Statement, Subject
from mtl_flows.stages.topology import TOPOLOGY
from mtl_flows.stages.verdict import VERDICT

SCREENING_STAGES: Final[tuple[Stage[Any], ...]] = (GROUPS, BARCODES, TOPOLOGY, BARRIER, CLUSTERING, CHEMISTRY)
"""Stages of a screening."""

STAGES: Final[tuple[Stage[Any], ...]] = (*SCREENING_STAGES, *RUN_STAGES, VERDICT)
"""Every stage, in the order of the pipeline."""

CRYSTAL_STAGES: Final[tuple[CrystalStage[Any], ...]] = tuple(
    stage for stage in STAGES if isinstance(stage, CrystalStage)
)
"""Stages that compute one crystal alone, each after those that it needs."""

PICTURE_STAGES: Final[tuple[CrystalStage[Any], ...]] = (LANDSCAPE,)
"""Stages that compute what a few crystals are drawn with; nothing waits for them, no gate asks."""

__all__ = [
    "BARCODES",
    "BARRIER",
    "CHEMISTRY",
    "CLUSTERING",
    "CRYSTAL_STAGES",
    "GROUPS",
    "LANDSCAPE",
    "PICTURE_STAGES",
    "RUN_STAGES",
    "SCREENING_STAGES",
    "STAGES",
    "TOPOLOGY",
    "VERDICT",
    "CrystalStage",
    "ScreeningParameters",
    "Stage",
    "StageInput",
    "Statement",
    "Subject",
]
