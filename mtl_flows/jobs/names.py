"""Materials that a store of an earlier version knows under a name without their source."""

from collections.abc import Sequence
from dataclasses import replace
from typing import overload

from mtl_flows.jobs.reading import Reading
from mtl_flows.schemas.ingest import RejectionDocument
from mtl_flows.science.naming import bare_name, names, source_key
from mtl_flows.store.database import MTLStore


def as_before(
    store: MTLStore, source: str, readings: Sequence[Reading], refused: Sequence[RejectionDocument]
) -> tuple[list[Reading], list[RejectionDocument]]:
    """Give materials that earlier versions named after their file alone that name; others keep what they have."""
    ids = {reading.revision.material_id for reading in readings} | {r.material_id for r in refused}
    bare = {material: bare_name(material) for material in ids if bare_name(material) != material}
    first = store.structures.first_delivered_by(bare.values())
    old = {m: name for m, name in bare.items() if source_key(first.get(name, "")) == source_key(source)}
    if not old:
        return list(readings), list(refused)
    return [_renamed(item, old) for item in readings], [_renamed(item, old) for item in refused]


@overload
def _renamed(item: Reading, old: dict[str, str]) -> Reading: ...
@overload
def _renamed(item: RejectionDocument, old: dict[str, str]) -> RejectionDocument: ...
def _renamed(item: Reading | RejectionDocument, old: dict[str, str]) -> Reading | RejectionDocument:
    if isinstance(item, RejectionDocument):
        return item.about(old[item.material_id]) if item.material_id in old else item
    revision = item.revision
    name = old.get(revision.material_id)
    if name is None:
        return item
    update = {"id": f"{name}.r1", "material_id": name, "names": names(name, revision.names)}
    return replace(item, revision=revision.model_copy(update=update))
