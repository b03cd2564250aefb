"""Stages of what is ordered, simulated and judged: their nouns, versions and documents.

Each runs as jobs that go on from checkpoints; what they compute at the end of one, a fit or a window, is built by
`mtl_flows.stages.transport` and `mtl_flows.science.stability`.
"""

from typing import Any, Final

from mtl_flows.schemas.dft_checks import DftCheckDocument
from mtl_flows.schemas.dynamics import RelaxationDocument, TrajectoryDocument, TransportDocument
from mtl_flows.schemas.stability import StabilityDocument
from mtl_flows.stages.base import Stage
from mtl_flows.stages.ordering import ORDERING

RELAXATION = Stage(noun="relaxation", version=1, document=RelaxationDocument)
DYNAMICS = Stage(noun="dynamics", version=1, document=TrajectoryDocument)
TRANSPORT = Stage(noun="transport", version=1, document=TransportDocument)
DFT_CHECK = Stage(noun="dft_check", version=1, document=DftCheckDocument)
STABILITY = Stage(noun="stability", version=1, document=StabilityDocument)

RUN_STAGES: Final[tuple[Stage[Any], ...]] = (ORDERING, RELAXATION, DYNAMICS, TRANSPORT, DFT_CHECK, STABILITY)
"""In their order; documents name the material they were computed for first, and belong to what was ordered."""
