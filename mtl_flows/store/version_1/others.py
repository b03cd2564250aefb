"""Refusals of stages and campaigns: what they point to by the keys of today."""

from collections.abc import Mapping
from typing import Any

from mtl_flows.schemas.base import StageParameters, content_hash
from mtl_flows.stages import CHEMISTRY
from mtl_flows.stages.ordering import parent_id
from mtl_flows.store.migrations import modern_campaign
from mtl_flows.store.version_1.crystals import Revisions

Stored = dict[str, Any]


def rejection(stored: Stored, revisions: Revisions, renamed: Mapping[str, str]) -> Stored:
    """Refusal of a stage after ingest, about what its stage reads; those of ingest are for the schema migrations."""
    if stored["stage"] == "ingest":
        return stored
    subject = _subject(stored, revisions, renamed)
    key = content_hash([stored["stage"], subject, stored["reason"], "", stored["mobile_ion"]])
    return {**stored, "_id": key[:32], "subject": subject}


def _subject(stored: Stored, revisions: Revisions, renamed: Mapping[str, str]) -> str:
    about = stored["subject"]
    if about in renamed:
        return renamed[about]
    if about not in revisions.subjects or stored["provenance"] is None:
        return str(about)
    subject = revisions.subjects[about]
    parameters = StageParameters.model_validate(stored["provenance"]["parameters"])
    match stored["stage"]:
        case "ordering":
            key = parent_id(subject)
        case CHEMISTRY.noun:
            key = subject.key(CHEMISTRY.reads)
        case _:
            key = subject.crystal_id
    return f"{key}:{parameters.hash}"


def campaign(stored: Stored, revisions: Revisions) -> Stored:
    """Campaign whose materials know what is ordered of them."""
    moved = {**modern_campaign(stored), "schema_version": 2}
    materials = [
        {**material, "parent_id": parent_id(revisions.subjects[material["structure_id"]])}
        for material in stored["materials"]
    ]
    inputs = {**moved["provenance"]["inputs"], "materials": content_hash(materials)}
    return {**moved, "materials": materials, "provenance": {**moved["provenance"], "inputs": inputs}}
