"""Ordering: what of a material its ordered approximants are made of."""

from typing import Final

from mtl_flows.schemas.dynamics import OrderingDocument
from mtl_flows.stages.base import Stage
from mtl_flows.stages.subjects import Statement, Subject

ORDERING = Stage(noun="ordering", version=1, document=OrderingDocument)

READS: Final[tuple[Statement, ...]] = ("oxidation_states",)
"""What ordering reads beside the crystal."""


def parent_id(subject: Subject) -> str:
    """Key of what is ordered, and so of all that is simulated: the crystal, and the charges where a file gives some."""
    return subject.key(READS)
