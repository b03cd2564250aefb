"""What a potential is: a name part that anybody can tell, and weights that only who loads the model knows.

The name part is engine, model, modality and every keyword that changes energies or forces; for VASP functional, POTCARs
and INCAR tags. Its hash is the id of the potential, so that work is handed in without loading a model. The first worker
that loads it ties the hash of its weights to the name. Where other weights are met later under that name, they are
another potential, whose id is of name and weights. Version of the package, device, threads, precision and batch are
provenance.
"""

from typing import Any

from mtl_flows.schemas.base import content_hash
from mtl_flows.simulation.engine import Engine

_ID_DIGITS = 16


def name_part(engine: Engine) -> dict[str, Any]:
    """What a potential is called, in full."""
    return {"engine": engine.name, **engine.potential()}


def potential_id(engine: Engine, weights: str = "") -> str:
    """Id of a potential; `weights` tells those of later weights from the first of its name."""
    named = name_part(engine)
    return content_hash({**named, "weights": weights} if weights else named)[:_ID_DIGITS]
