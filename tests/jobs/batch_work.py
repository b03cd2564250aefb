"""A stage for the tests of batches; a module of its own, so that other processes import little."""

import os
import time
from dataclasses import dataclass, field, replace
from typing import Any

from mtl_flows.errors import NoMobileIonError
from mtl_flows.schemas.base import Header
from mtl_flows.schemas.chemistry import ChemistryDocument
from mtl_flows.stages import CrystalStage, ScreeningParameters, StageInput


@dataclass(frozen=True)
class TroubledParameters(ScreeningParameters):
    """What goes wrong, by structure id."""

    troubles: dict[str, str] = field(default_factory=dict)


def build(given: StageInput, troubles: dict[str, str], header: Header) -> ChemistryDocument:
    """Compute something, or fail in the way that is set out for this structure."""
    match troubles.get(given.subject.structure_id):
        case "refuse":
            raise NoMobileIonError("no Li", subject=given.subject.structure_id, remedy="take another")
        case "crash":
            raise ZeroDivisionError("oops")
        case "hang":
            time.sleep(60)
        case "die":
            os._exit(11)
    return ChemistryDocument(
        **header.fields(), formula=given.subject.formula, passed=True, failures=[], rules=[]
    )


def values(_: Any) -> dict[str, Any]:
    return {"x": 1}


TROUBLED = CrystalStage(
    noun="chemistry", version=1, document=ChemistryDocument, section="troubles", values=values, build=build
)


def build_named(given: StageInput, parameters: Any, header: Header) -> ChemistryDocument:
    """Compute something, or fail in the way that some materials do; travels to another machine."""
    return build(given, {f"{slug}.r1": how for slug, how in TROUBLES_BY_NAME.items()}, header)


TROUBLES_BY_NAME = {"li3ocl": "hang", "licl": "die", "lioh": "crash"}
NAMED = replace(TROUBLED, section="chemistry", build=build_named)
