"""What the tests of batches compute; a module of its own, so that other processes import little."""

import os
import time

from mtl_flows.errors import NoMobileIonError
from mtl_flows.schemas.ingest import StructureDocument


def formula(document: StructureDocument, *, troubles: dict[str, str]) -> str:
    """Compute something, or fail in the way that is set out for this structure."""
    match troubles.get(document.id):
        case "refuse":
            raise NoMobileIonError("no Li", subject=document.id, remedy="take another")
        case "crash":
            raise ZeroDivisionError("oops")
        case "hang":
            time.sleep(60)
        case "die":
            os._exit(11)
    return document.reduced_formula
