"""Grouping materials whose crystals match, and choosing who stands for each group."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pymatgen.core import Structure

from mtl_flows.errors import InputError, MTLError
from mtl_flows.parallel import GuardedOutcome
from mtl_flows.schemas.base import Provenance, StageParameters, utc_now
from mtl_flows.schemas.groups import MembershipDocument
from mtl_flows.science.duplicates import DuplicateParameters, representatives
from mtl_flows.science.groups import Member, Place, changes, elect
from mtl_flows.stages.groups import GROUPS, matcher_key
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore

Guard = Callable[..., Iterator[GuardedOutcome[Any]]]

_BATCH = 200
_TIMEOUT_S = 3600.0

Changes = dict[str, tuple[str, str]]
"""Materials that others stand for now: who stood for them before, and who does now."""


def find_groups(
    store: MTLStore, guard: Guard, parameters: DuplicateParameters = DuplicateParameters()
) -> Changes:
    """Group every material that has not been compared with those of its composition, withdrawn ones included.

    Crystals are compared, each once. A composition whose comparison fails, or takes more than an hour, is recorded as
    a rejection; of its materials only those of one crystal are a group. Another matcher than the one before compares
    everything anew.

    Returns
    -------
    dict
        Materials that had a place and are stood for by another now.
    """
    keyed = matcher_key(parameters)
    moved: Changes = {}
    pending = sorted({*store.groups.ungrouped(), *store.groups.compared_otherwise(keyed.hash)})
    for keys in batched(pending, _BATCH):
        while keys:
            members = _members(store, keys)
            matched = _match(store, members, guard, parameters)
            now = utc_now()
            places = {key: elect(group, matched[key], now) for key, group in members.items()}
            _write(store, members, places, keyed)
            for key, group in members.items():
                moved |= changes(group, places[key])
            # Others may have added to these compositions meanwhile.
            keys = store.groups.place({key: _standing(places[key]) for key in members})
    return moved


def _standing(places: Mapping[str, Place]) -> dict[str, str]:
    return {material: place.representative_id for material, place in places.items()}


def _members(store: MTLStore, keys: Sequence[str]) -> dict[str, list[Member]]:
    """Materials of some compositions, with where they stood before."""
    order = {name: number for number, name in enumerate(store.releases.order())}
    held = store.groups.held_by_composition(keys)
    places = store.groups.places(holding.material_id for group in held.values() for holding in group)
    return {
        key: [
            Member(
                holding.material_id,
                holding.crystal_id,
                present=not holding.withdrawn,
                arrival=min((order.get(name, len(order)) for name in holding.releases), default=len(order)),
                former=places.get(holding.material_id),
            )
            for holding in held.get(key, [])
        ]
        for key in keys
    }


def _match(
    store: MTLStore,
    members: Mapping[str, Sequence[Member]],
    guard: Guard,
    parameters: DuplicateParameters,
) -> dict[str, dict[str, str]]:
    """For each composition, which crystal names the group of each crystal."""
    crystals = {key: sorted({member.crystal_id for member in group}) for key, group in members.items()}
    matched = {key: {crystal: crystal for crystal in held} for key, held in crystals.items()}
    in_hand: deque[str] = deque()

    def to_compare() -> Iterator[dict[str, Structure]]:
        for key, held in crystals.items():
            if len(held) > 1:
                in_hand.append(key)
                yield store.crystals.structures(held)

    for outcome in guard(partial(representatives, parameters=parameters), to_compare(), timeout_s=_TIMEOUT_S):
        key = in_hand.popleft()
        if outcome.error is None:
            matched[key] = outcome.value
        else:
            store.rejections.record(_as_known(outcome.error), stage=GROUPS.noun, subject=key)
    return matched


def _write(
    store: MTLStore,
    members: Mapping[str, Sequence[Member]],
    places: Mapping[str, Mapping[str, Place]],
    keyed: StageParameters,
) -> None:
    documents = [
        MembershipDocument(
            id=material,
            composition_key=key,
            crystal_id=place.crystal_id,
            representative_id=place.representative_id,
            stood_since=place.stood_since,
            parameters_hash=keyed.hash,
            provenance=Provenance.record(keyed, {"crystal": place.crystal_id}, GROUPS.noun),
        )
        for key in members
        for material, place in places[key].items()
    ]
    standing = {d.id: d for d in store.groups.find({"_id": {"$in": [d.id for d in documents]}})}
    store.groups.put(d for d in documents if d.id not in standing or _content(d) != _content(standing[d.id]))


def _content(document: MembershipDocument) -> dict[str, Any]:
    return document.model_dump(exclude={"provenance"})


def _as_known(error: Exception) -> MTLError:
    if isinstance(error, MTLError):
        return error
    return InputError(f"{type(error).__name__}: {error}", remedy="report it with the structures")
