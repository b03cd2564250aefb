"""Where the documents behind a page come from."""

from functools import lru_cache
from typing import Any

from mtl_flows.schemas.base import Provenance, StageParameters


def origin(what: str, provenance: Provenance, parameters_hash: str = "") -> dict[str, Any]:
    """Say in a line where a document comes from; the hash of its parameters is made where it is not at hand."""
    return {
        "stage": what,
        "when": provenance.created_at.isoformat(timespec="seconds"),
        "code": provenance.code_version,
        "parameters": parameters_hash or _hash_of(provenance.parameters.model_dump_json()),
        "libraries": provenance.libraries,
    }


@lru_cache(maxsize=256)
def _hash_of(parameters: str) -> str:
    """Hash of a stage's parameters, which thousands of documents share."""
    return StageParameters.model_validate_json(parameters).hash
