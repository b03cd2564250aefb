"""Grouping materials whose crystals match, and choosing who stands for each group."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from mtl_flows.jobs.comparison import Bucket, Guard, arrivals, compare, load, member_of
from mtl_flows.schemas.base import Provenance, StageParameters, utc_now
from mtl_flows.schemas.groups import MembershipDocument
from mtl_flows.science.duplicates import DuplicateParameters
from mtl_flows.science.groups import Place, changes, elect
from mtl_flows.stages.groups import GROUPS, matcher_key
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore

_BATCH = 200

Changes = dict[str, tuple[str, str]]
"""Materials that others stand for now: who stood for them before, and who does now."""


def find_groups(
    store: MTLStore,
    guard: Guard,
    parameters: DuplicateParameters = DuplicateParameters(),
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Changes:
    """Place every material that came, changed or was withdrawn since it was last placed, withdrawn ones included.

    Crystals are compared, each once: those that came with each other and with landmarks of the groups that they may
    match; what was found before stands, and a group that nobody joined or left is not looked at. A composition whose
    comparison fails, or takes more than an hour, is recorded as a rejection; of its materials only those of one
    crystal, and those found to match before, are a group. Another matcher than the one before compares everything anew.

    Parameters
    ----------
    progress
        Called at the beginning and after every batch, with how many compositions have been looked at and how many
        there are.

    Returns
    -------
    dict
        Materials that had a place and are stood for by another now.
    """
    keyed = matcher_key(parameters)
    moved: Changes = {}
    if others := store.groups.compared_with_another_matcher(keyed.hash):
        store.groups.open_compositions(others)
    while True:
        store.groups.open_disturbed()
        # Others may have added to these compositions meanwhile.
        pending = store.groups.ungrouped()
        if not pending:
            return moved
        progress(0, len(pending))
        done = 0
        for keys in batched(pending, _BATCH):
            moved |= _place(store, keys, guard, parameters, keyed)
            done += len(keys)
            progress(done, len(pending))


def _place(
    store: MTLStore,
    keys: Sequence[str],
    guard: Guard,
    parameters: DuplicateParameters,
    keyed: StageParameters,
) -> Changes:
    sizes = store.groups.sizes(keys)
    compared = load(store, keys, keyed.hash)
    compare(store, compared, guard, parameters, keyed.hash)
    places = _elect(store, compared, keyed.hash)
    moved: Changes = {}
    for key, one in compared.items():
        moved |= changes(list(one.members.values()), places[key])
    _write(store, compared, places, keyed)
    store.groups.place({m: p.representative_id for found in places.values() for m, p in found.items()})
    # Who came to these compositions meanwhile may have been placed without a look at those that came here.
    now = store.groups.sizes(keys)
    store.groups.compare_again(
        member.material_id
        for key, one in compared.items()
        if now.get(key) != sizes.get(key)
        for member in one.members.values()
        if member.crystal_id in one.fresh
    )
    return moved


def _elect(
    store: MTLStore, compared: Mapping[str, Bucket], parameters_hash: str
) -> dict[str, dict[str, Place]]:
    """Choose who stands for each group that somebody joined or left; of one that stands its head speaks for all.

    Should another come to stand for them, the others of that group are taken in.
    """
    now, order = utc_now(), arrivals(store)
    named = {key: one.groups() for key, one in compared.items()}
    places: dict[str, dict[str, Place]] = {}
    joined = {
        key: {
            head
            for crystal, head in one.standing.items()
            if named[key][crystal] in {named[key][c] for c in one.crystals}
        }
        for key, one in compared.items()
    }
    heads = store.groups.holdings(head for found in joined.values() for head in found)
    documents = store.groups.memberships(h.material_id for h in heads)
    while True:
        for holding in heads:
            one, document = compared[holding.composition_key], documents.get(holding.material_id)
            groups = named[holding.composition_key]
            of_group = next(c for c, head in one.standing.items() if head == holding.representative_id)
            groups.setdefault(holding.crystal_id, groups[of_group])
            one.add(member_of(holding, document, order), document, parameters_hash)
        places = {
            key: elect(one.members.values(), named[key], now) if one.members else {}
            for key, one in compared.items()
        }
        lost = {
            head
            for key, found in joined.items()
            for head in found
            if head in places[key] and places[key][head].representative_id != head
        }
        for found in joined.values():
            found -= lost
        heads = [h for h in store.groups.members(lost) if h.material_id not in lost] if lost else []
        if not heads:
            return places
        documents = store.groups.memberships(h.material_id for h in heads)


def _write(
    store: MTLStore,
    compared: Mapping[str, Bucket],
    places: Mapping[str, Mapping[str, Place]],
    keyed: StageParameters,
) -> None:
    standing = {key: document for one in compared.values() for key, document in one.documents.items()}
    documents = (
        MembershipDocument(
            id=material,
            composition_key=key,
            crystal_id=place.crystal_id,
            representative_id=place.representative_id,
            stood_since=_to_milliseconds(place.stood_since),
            signature=s.values if (s := one.signatures.get(place.crystal_id)) is not None else [],
            landmark=place.crystal_id in one.landmarks or place.crystal_id not in one.signatures,
            links=sorted(one.links.get(place.crystal_id, ())),
            parameters_hash=keyed.hash,
            provenance=Provenance.record(keyed, {"crystal": place.crystal_id}, GROUPS.noun),
        )
        for key, one in compared.items()
        for material, place in places[key].items()
    )
    store.groups.put(d for d in documents if d.id not in standing or _content(d) != _content(standing[d.id]))


def _to_milliseconds(time: datetime | None) -> datetime | None:
    """As the server keeps it."""
    return time and time.replace(microsecond=time.microsecond // 1000 * 1000)


def _content(document: MembershipDocument) -> dict[str, Any]:
    return document.model_dump(exclude={"provenance"})
