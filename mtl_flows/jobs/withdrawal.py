"""Which materials their sources have withdrawn: those that the releases that count hold no more."""

from collections.abc import Sequence

from mtl_flows.errors import SetAsideError
from mtl_flows.schemas.ingest import RejectionDocument
from mtl_flows.science.naming import bare_name, material_id, source_key
from mtl_flows.store.database import MTLStore


def refresh_withdrawn(store: MTLStore) -> None:
    """Mark what is withdrawn and unmark what came back.

    A release holds every material that one of its files or refusals names, but those set aside by a filter: a file
    that is refused withdraws nothing.
    """
    standing = store.releases.standing()
    store.structures.refresh_withdrawn(standing, named_by_refusals(store, standing))


def named_by_refusals(store: MTLStore, releases: Sequence[str]) -> frozenset[str]:
    """Materials that files of some releases are about though they were refused."""
    counted = set(releases)
    refusals = [
        refusal
        for refusal in store.rejections.of_releases(releases, besides=SetAsideError.reason)
        if any(_holds(refusal, release) for release in counted.intersection(refusal.releases))
    ]
    named = {refusal.material_id for refusal in refusals if refusal.material_id}
    # Nothing could be read of these: they are what a file of that source and name gave before.
    nameless = [refusal for refusal in refusals if not refusal.material_id]
    stems = {refusal.file_stem for refusal in nameless}
    by_stem = store.files.structures_by_stem(stems)
    after_files = stems | {material_id([], r.file_stem, r.source) for r in nameless}
    for held in store.structures.held(materials=after_files, ids=set().union(*by_stem.values())):
        for refusal in nameless:
            of_file = held.id in by_stem.get(refusal.file_stem, ())
            if of_file or bare_name(held.material_id) == refusal.file_stem:
                named |= {held.material_id} if _same_source(held.source, refusal.source) else set()
    return frozenset(named)


def _same_source(one: str, other: str) -> bool:
    return source_key(one) == source_key(other)


def _holds(refusal: RejectionDocument, release: str) -> bool:
    """Whether a release was left with a refusal: nothing of the kind was read in it afterwards."""
    told = [event.accepted for event in refusal.events if event.release == release]
    return not told or not told[-1]
