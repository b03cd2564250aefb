"""Groups: which materials are the same crystal, and who stands for them."""

from dataclasses import asdict

from mtl_flows.schemas.base import StageParameters
from mtl_flows.schemas.groups import MembershipDocument
from mtl_flows.science.duplicates import DuplicateParameters
from mtl_flows.stages.base import Stage

GROUPS = Stage(noun="groups", version=1, document=MembershipDocument)


def matcher_key(parameters: DuplicateParameters) -> StageParameters:
    """Key part that the matcher makes; it is about no ion."""
    return GROUPS.parameters(asdict(parameters), "")
