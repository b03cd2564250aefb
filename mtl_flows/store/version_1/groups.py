"""Places of materials in their groups: who stood for them in version 1 stands for them still."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.groups import MembershipDocument
from mtl_flows.science.duplicates import DuplicateParameters
from mtl_flows.stages.groups import GROUPS, matcher_key
from mtl_flows.store.version_1.crystals import Revisions

Stored = dict[str, Any]


def memberships(current: Sequence[Mapping[str, Any]], revisions: Revisions) -> Iterator[Stored]:
    """Place of each material; who stood did so since it was read, but for those who were withdrawn."""
    keyed = matcher_key(DuplicateParameters())
    for revision in current:
        material, head = revision["material_id"], revision["representative_id"]
        if not head:
            continue  # it was never compared
        crystal = revisions.crystal(revision["_id"])
        stands = head == material and not revision["withdrawn"]
        yield MembershipDocument(
            id=material,
            composition_key=revision["composition_key"],
            crystal_id=crystal,
            representative_id=head,
            stood_since=revision["provenance"]["created_at"] if stands else None,
            parameters_hash=keyed.hash,
            provenance=Provenance.record(keyed, {"crystal": crystal}, GROUPS.noun),
        ).to_mongo()
