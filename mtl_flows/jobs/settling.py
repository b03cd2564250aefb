"""Which refusals of ingest still stand: one ends when its material, or a file of its source and stem, is read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mtl_flows.errors import ConflictingIdError
from mtl_flows.jobs.reading import STAGE, stems
from mtl_flows.schemas.ingest import REPEATED, RejectionDocument, ReleaseDocument
from mtl_flows.science.naming import bare_name, source_key
from mtl_flows.store.database import MTLStore
from mtl_flows.store.structures import Held


@dataclass
class Delivered:
    """What an ingest has met.

    Attributes
    ----------
    materials, stems
        Of everything that was read or was known already.
    refusals
        Ids of the rejections that it met.
    """

    materials: set[str] = field(default_factory=set)
    stems: set[str] = field(default_factory=set)
    refusals: set[str] = field(default_factory=set)

    @cached_property
    def bare_names(self) -> frozenset[str]:
        """Of the materials, once all of them are known: without their source."""
        return frozenset(map(bare_name, self.materials))


def settle(store: MTLStore, release: ReleaseDocument, delivered: Delivered) -> int:
    """Resolve the refusals that have come to an end with an ingest; returns how many.

    The order of the releases counts, not that of the ingests: what an older release holds does not end a refusal met in
    a later one, and a refusal met in an older release has ended if a later one was read.
    """
    rank = {name: i for i, name in enumerate(store.releases.order())}
    now = rank[release.name]
    ended, met = [], []
    for refusal in store.rejections.outstanding({"stage": STAGE}):
        here = _latest(rank, refusal.releases) <= now
        if here and _is_read(refusal, release, delivered):
            ended.append(refusal.id)
        elif refusal.id in delivered.refusals:
            met.append(refusal)
    ended += _read_elsewhere(store, rank, met)
    return store.rejections.resolve(STAGE, {"_id": {"$in": ended}}, release.name)


def settle_all(store: MTLStore) -> int:
    """Resolve every refusal that has come to an end with what the store holds; returns how many."""
    rank = {name: i for i, name in enumerate(store.releases.order())}
    ended = _read_elsewhere(store, rank, list(store.rejections.outstanding({"stage": STAGE})))
    return store.rejections.resolve(STAGE, {"_id": {"$in": ended}})


def _is_read(refusal: RejectionDocument, release: ReleaseDocument, delivered: Delivered) -> bool:
    """Whether an ingest read what a refusal is about."""
    material = refusal.material_id in delivered.materials
    # Of a block known from before the stem is that of the file; without a code, the block's own names its material.
    file = refusal.file_stem in delivered.stems or refusal.file_stem in delivered.bare_names
    file = file and _same(refusal.source, release.source)
    if not _stands_beside(refusal):
        return material or file
    # Its material is read, from the other file: it ends with a file of its name, or with a release without it.
    return refusal.id not in delivered.refusals and (
        file or (material and release.name not in refusal.releases)
    )


def _read_elsewhere(
    store: MTLStore, rank: Mapping[str, int], refusals: Sequence[RejectionDocument]
) -> list[str]:
    """Ids of the refusals that ended with what other ingests read."""
    if not refusals:
        return []
    by_stem = store.files.structures_by_stem(r.file_stem for r in refusals)
    found = store.structures.held(
        materials={r.material_id for r in refusals} - {""}, ids=set().union(*by_stem.values())
    )
    by_id = {revision.id: revision for revision in found}
    of_material: dict[str, list[Held]] = {}
    for revision in found:
        of_material.setdefault(revision.material_id, []).append(revision)
    ended = []
    for refusal in refusals:
        of_stem = [by_id[key] for key in by_stem.get(refusal.file_stem, ()) if key in by_id]
        candidates = of_material.get(refusal.material_id, []) + of_stem
        if any(_ends(revision, refusal, rank) for revision in candidates):
            ended.append(refusal.id)
    return ended


def _ends(revision: Held, refusal: RejectionDocument, rank: Mapping[str, int]) -> bool:
    """Whether a revision, of the material or of a file of the stem of a refusal, is what that waits for."""
    ours = revision.material_id == refusal.material_id
    if not ours and not _same(revision.source, refusal.source):
        return False
    held, refused = _latest(rank, revision.releases), _latest(rank, refusal.releases)
    # In one release another file may hold the material; a file that was good and is not any more ends nothing.
    beside = ours and not _stands_beside(refusal)
    beside = beside and refusal.file_stem not in stems(revision.file_name, revision.block)
    return held > refused or (held == refused and beside)


def _stands_beside(refusal: RejectionDocument) -> bool:
    """Whether a refusal and another file or block that gives its material stand together."""
    return refusal.reason == ConflictingIdError.reason or REPEATED in refusal.block


def _latest(rank: Mapping[str, int], releases: Iterable[str]) -> int:
    return max((rank[name] for name in releases if name in rank), default=-1)


def _same(source: str, other: str) -> bool:
    return source_key(source) == source_key(other)
