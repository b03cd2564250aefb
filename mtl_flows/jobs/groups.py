"""Grouping materials whose crystals match, and choosing who stands for each group."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pymatgen.core import Structure

from mtl_flows.errors import InputError, MTLError
from mtl_flows.parallel import GuardedOutcome
from mtl_flows.schemas.base import Provenance, StageParameters, utc_now
from mtl_flows.schemas.groups import MembershipDocument
from mtl_flows.science.duplicates import (
    DuplicateParameters,
    Reduced,
    Signature,
    candidates,
    components,
    matches,
    reduce,
)
from mtl_flows.science.groups import Member, Place, changes, elect
from mtl_flows.stages.groups import GROUPS, matcher_key
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore

Guard = Callable[..., Iterator[GuardedOutcome[Any]]]

_BATCH = 200
_TIMEOUT_S = 3600.0

Changes = dict[str, tuple[str, str]]
"""Materials that others stand for now: who stood for them before, and who does now."""


@dataclass
class _Comparison:
    """One composition: its materials, and what is known of their crystals.

    Attributes
    ----------
    signatures, links
        By crystal; signatures are missing where crystals were alone so far.
    fresh
        Crystals that have to be compared with the others.
    """

    members: list[Member]
    signatures: dict[str, Signature] = field(default_factory=dict)
    links: dict[str, list[str]] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)

    @property
    def crystals(self) -> list[str]:
        """Each once."""
        return sorted({member.crystal_id for member in self.members})


def find_groups(
    store: MTLStore, guard: Guard, parameters: DuplicateParameters = DuplicateParameters()
) -> Changes:
    """Group every material that has not been compared with those of its composition, withdrawn ones included.

    Crystals are compared, each once: those that came with each other and with those of their composition that they may
    match; what was found before stands. A composition whose comparison fails, or takes more than an hour, is recorded
    as a rejection; of its materials only those of one crystal, and those found to match before, are a group. Another
    matcher than the one before compares everything anew.

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
            compared = {key: _known(store, group, keyed.hash) for key, group in _members(store, keys).items()}
            _compare(store, compared, guard, parameters)
            now = utc_now()
            places = {
                key: elect(one.members, components(one.crystals, one.links), now)
                for key, one in compared.items()
            }
            _write(store, compared, places, keyed)
            for key, one in compared.items():
                moved |= changes(one.members, places[key])
            # Others may have added to these compositions meanwhile.
            keys = store.groups.place({key: _standing(places[key]) for key in compared})
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


def _known(store: MTLStore, members: list[Member], parameters_hash: str) -> _Comparison:
    """What earlier comparisons left; groups that fall apart without a crystal that is gone are compared anew."""
    one = _Comparison(members)
    held = {member.material_id: member.crystal_id for member in members}
    heads: dict[str, set[str]] = {}
    for document in store.groups.compared(held, parameters_hash):
        if document.crystal_id != held[document.id]:
            continue
        heads.setdefault(document.representative_id, set()).add(document.crystal_id)
        if document.signature:
            one.signatures[document.crystal_id] = Signature.of_values(document.signature)
            one.links[document.crystal_id] = document.links
    present = components(one.crystals, one.links)
    fallen = {
        crystal for group in heads.values() if len({present[c] for c in group}) > 1 for crystal in group
    }
    one.fresh = [c for c in one.crystals if c not in one.signatures or c in fallen]
    for crystal in one.fresh:
        one.links.pop(crystal, None)
    return one


def _compare(
    store: MTLStore, compared: Mapping[str, _Comparison], guard: Guard, parameters: DuplicateParameters
) -> None:
    """Compare the newcomers of each composition; notes signatures and links."""
    several = {key: one for key, one in compared.items() if len(one.crystals) > 1 and one.fresh}
    reduced: dict[str, Reduced] = {}
    in_hand: deque[tuple[str, str]] = deque()

    def to_reduce() -> Iterator[Structure]:
        for key, one in several.items():
            for batch in batched(one.fresh, _BATCH):
                for crystal, structure in store.crystals.structures(batch).items():
                    in_hand.append((key, crystal))
                    yield structure

    failed: dict[str, Exception] = {}
    for outcome in guard(reduce, to_reduce(), timeout_s=_TIMEOUT_S):
        key, crystal = in_hand.popleft()
        if outcome.error is None:
            reduced[crystal] = outcome.value
            several[key].signatures[crystal] = outcome.value.signature
        else:
            failed[key] = outcome.error

    waiting: deque[str] = deque()

    def to_match() -> Iterator[_Task]:
        for key, one in several.items():
            fresh = {crystal: reduced[crystal] for crystal in one.fresh if crystal in reduced}
            old = {c: s for c, s in one.signatures.items() if c not in fresh}
            near = candidates((r.signature for r in fresh.values()), old, one.links, parameters)
            structures = store.crystals.structures(near)
            links = {c: others for c, others in one.links.items() if c in structures}
            groups = components(old, one.links)
            # The worker sees only the nearest of each group: their roots join them.
            links |= {c: [*links.get(c, ()), *_others(c, structures, groups)] for c in structures}
            waiting.append(key)
            yield fresh, {c: (old[c], structure) for c, structure in structures.items()}, links

    for outcome in guard(partial(_match, parameters=parameters), to_match(), timeout_s=_TIMEOUT_S):
        key = waiting.popleft()
        if outcome.error is None:
            several[key].links |= outcome.value
        else:
            failed[key] = outcome.error
    for key, error in failed.items():
        store.rejections.record(_as_known(error), stage=GROUPS.noun, subject=key)


_Task = tuple[dict[str, Reduced], dict[str, tuple[Signature, Structure]], dict[str, list[str]]]


def _others(crystal: str, held: Mapping[str, Structure], groups: Mapping[str, str]) -> list[str]:
    """One other crystal of the same group, so that links join what is held of it."""
    return [other for other in held if other != crystal and groups[other] == groups[crystal]][:1]


def _match(task: _Task, parameters: DuplicateParameters) -> dict[str, list[str]]:
    return matches(*task, parameters)


def _write(
    store: MTLStore,
    compared: Mapping[str, _Comparison],
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
            signature=s.values if (s := one.signatures.get(place.crystal_id)) is not None else [],
            links=sorted(one.links.get(place.crystal_id, ())),
            parameters_hash=keyed.hash,
            provenance=Provenance.record(keyed, {"crystal": place.crystal_id}, GROUPS.noun),
        )
        for key, one in compared.items()
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
