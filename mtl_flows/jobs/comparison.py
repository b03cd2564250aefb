"""Comparing the materials of one composition that have no place in a group with the groups that stand."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pymatgen.core import Structure

from mtl_flows.errors import InputError, MTLError
from mtl_flows.parallel import GuardedOutcome
from mtl_flows.schemas.groups import MembershipDocument
from mtl_flows.science.duplicates import (
    DuplicateParameters,
    Known,
    Matches,
    Reduced,
    Signature,
    candidates,
    components,
    landmarks_among,
    matches,
    reduce,
)
from mtl_flows.science.groups import Member
from mtl_flows.stages.groups import GROUPS
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore
from mtl_flows.store.groups import Holding

Guard = Callable[..., Iterator[GuardedOutcome[Any]]]

_BATCH = 200
_TIMEOUT_S = 3600.0


@dataclass
class Bucket:
    """Materials of one composition that are to be placed, and what is known of their crystals.

    Attributes
    ----------
    members, documents
        The materials, and what their last comparison left of them.
    signatures, links, landmarks
        By crystal; signatures are missing where crystals were alone so far.
    standing
        Crystals of groups that are left as they are: who stands for them.
    fresh
        Crystals that have to be compared.
    """

    members: dict[str, Member] = field(default_factory=dict)
    documents: dict[str, MembershipDocument] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    links: dict[str, list[str]] = field(default_factory=dict)
    landmarks: set[str] = field(default_factory=set)
    standing: dict[str, str] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)

    @property
    def crystals(self) -> list[str]:
        """Those of the members, each once."""
        return sorted({member.crystal_id for member in self.members.values()})

    def add(self, member: Member, document: MembershipDocument | None, parameters_hash: str) -> None:
        """Take a material in; what was found of its crystal before stands if the matcher is the same."""
        self.members[member.material_id] = member
        if document is None:
            return
        self.documents[document.id] = document
        if document.crystal_id == member.crystal_id and document.parameters_hash == parameters_hash:
            self.learn(document)

    def learn(self, document: MembershipDocument) -> None:
        """Note what an earlier comparison left of a crystal."""
        if document.signature:
            self.signatures[document.crystal_id] = Signature.of_values(document.signature)
            self.links[document.crystal_id] = document.links
            if document.landmark:
                self.landmarks.add(document.crystal_id)

    def groups(self) -> dict[str, str]:
        """What each crystal's group is called: those of groups that stand are one."""
        stood = {crystal: [_node(head)] for crystal, head in self.standing.items()}
        nodes = {node for (node,) in stood.values()}
        links = {
            crystal: [*self.links.get(crystal, ()), *stood.get(crystal, ())]
            for crystal in {*self.crystals, *self.standing}
        }
        return components([*self.crystals, *self.standing, *nodes], links)


def load(store: MTLStore, keys: Sequence[str], parameters_hash: str) -> dict[str, Bucket]:
    """What there is to do in some compositions; reads what is to be placed, and no member of a group that stands.

    Groups that fall apart without a crystal that is gone are compared anew.
    """
    unplaced = store.groups.unplaced(keys)
    others = store.groups.with_others(keys, (holding.crystal_id for holding in unplaced))
    others |= {key for key, crystals in _crystals(unplaced).items() if len(crystals) > 1}
    # Who was alone so far has no signature: it is compared with those that came.
    taken = {holding.material_id for holding in unplaced}
    alone = [material for material in store.groups.unsigned(others) if material not in taken]
    unplaced += [h for h in store.groups.holdings(alone) if h.composition_key in others]
    compared = {key: Bucket() for key in keys}
    order = arrivals(store)
    documents = store.groups.memberships(holding.material_id for holding in unplaced)
    for holding in unplaced:
        document = documents.get(holding.material_id)
        compared[holding.composition_key].add(member_of(holding, document, order), document, parameters_hash)
    _join_standing(store, compared, parameters_hash)
    for key, one in compared.items():
        fallen = _fallen(one)
        one.fresh = [c for c in one.crystals if c in fallen or (key in others and c not in one.signatures)]
        for crystal in fallen:
            one.links.pop(crystal, None)
            one.landmarks.discard(crystal)
    return compared


def arrivals(store: MTLStore) -> dict[str, int]:
    """Place of each release in their order."""
    return {name: number for number, name in enumerate(store.releases.order())}


def member_of(holding: Holding, document: MembershipDocument | None, order: Mapping[str, int]) -> Member:
    """A material with where it stood before."""
    former = document.place() if document is not None else None
    arrival = min((order.get(name, len(order)) for name in holding.releases), default=len(order))
    return Member(holding.material_id, holding.crystal_id, not holding.withdrawn, arrival, former)


def _crystals(holdings: Iterable[Holding]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for holding in holdings:
        found.setdefault(holding.composition_key, set()).add(holding.crystal_id)
    return found


def _join_standing(store: MTLStore, compared: Mapping[str, Bucket], parameters_hash: str) -> None:
    """Note which crystals belong to groups that stand: others hold them, or their material was no head."""
    crystals = {crystal for one in compared.values() for crystal in one.crystals}
    former = {
        member.former.representative_id
        for one in compared.values()
        for member in one.members.values()
        if member.former is not None
    }
    placed = {h.material_id: h for h in store.groups.holdings([*store.groups.sharing(crystals), *former])}
    documents = store.groups.memberships(placed)
    by_crystal = {h.crystal_id: h for h in placed.values() if h.representative_id}
    for key, one in compared.items():
        for member in one.members.values():
            holder = by_crystal.get(member.crystal_id)
            head = placed.get(member.former.representative_id) if member.former is not None else None
            if holder is not None and holder.material_id not in one.members:
                one.standing[member.crystal_id] = holder.representative_id
                document = documents.get(holder.material_id)
                if document is not None and document.parameters_hash == parameters_hash:
                    one.learn(document)
            elif (
                head is not None
                and member.former is not None
                and head.representative_id == head.material_id
                and (head.material_id not in one.members)
                and (head.composition_key, member.former.crystal_id) == (key, member.crystal_id)
            ):
                one.standing[member.crystal_id] = head.material_id


def _fallen(one: Bucket) -> set[str]:
    """Crystals of former groups whose links do not join them any more."""
    former: dict[str, set[str]] = {}
    for material, document in one.documents.items():
        crystal = one.members[material].crystal_id
        if document.crystal_id == crystal and crystal not in one.standing:
            former.setdefault(document.representative_id, set()).add(crystal)
    joined = one.groups()
    return {c for group in former.values() if len({joined[c] for c in group}) > 1 for c in group}


def compare(
    store: MTLStore,
    compared: Mapping[str, Bucket],
    guard: Guard,
    parameters: DuplicateParameters,
    parameters_hash: str,
) -> None:
    """Compare what is fresh in each composition; notes signatures, links, landmarks and the groups that were met.

    What fails, or takes more than an hour, is recorded as a rejection of its composition.
    """
    several = {key: one for key, one in compared.items() if one.fresh}
    if not several:
        return
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
            signatures = [r.signature for r in fresh.values()]
            known = _landmarks(store, key, one, signatures, parameters, parameters_hash)
            near = candidates(signatures, known, parameters)
            structures = store.crystals.structures(near)
            waiting.append(key)
            yield fresh, {c: Known(structures[c], *known[c]) for c in near}

    for outcome in guard(partial(_match, parameters=parameters), to_match(), timeout_s=_TIMEOUT_S):
        key = waiting.popleft()
        if outcome.error is None:
            several[key].links |= outcome.value.links
            several[key].landmarks |= outcome.value.landmarks
        else:
            failed[key] = outcome.error
    for key, error in failed.items():
        store.rejections.record(_as_known(error), stage=GROUPS.noun, subject=key)
    for one in several.values():
        _choose_landmarks(one)


_Task = tuple[dict[str, Reduced], dict[str, Known]]


def _match(task: _Task, parameters: DuplicateParameters) -> Matches:
    return matches(*task, parameters)


def _landmarks(
    store: MTLStore,
    key: str,
    one: Bucket,
    fresh: Sequence[Signature],
    parameters: DuplicateParameters,
    parameters_hash: str,
) -> dict[str, tuple[Signature, str]]:
    """Landmarks among which newcomers may have a match, and what their groups are called."""
    volumes: dict[int, list[float]] = {}
    for signature in fresh:
        volumes.setdefault(signature.n_sites, []).append(signature.volume_A3)
    ratio = parameters.max_volume_ratio
    newcomers = set(one.fresh)
    mine = {*one.crystals} - newcomers
    for n_sites, found in volumes.items():
        within = min(found) / ratio, max(found) * ratio
        for landmark in store.groups.landmarks(key, parameters_hash, n_sites, within):
            if landmark.crystal_id not in newcomers:
                one.signatures[landmark.crystal_id] = Signature.of_values(landmark.signature)
                if landmark.crystal_id not in mine:
                    one.standing[landmark.crystal_id] = landmark.representative_id
                one.landmarks.add(landmark.crystal_id)
    groups = one.groups()
    return {
        crystal: (one.signatures[crystal], groups[crystal])
        for crystal in one.landmarks - newcomers
        if crystal in groups and crystal in one.signatures
    }


def _choose_landmarks(one: Bucket) -> None:
    """Where a landmark is gone, others of its group take its place."""
    groups: dict[str, dict[str, Signature]] = {}
    for crystal, group in one.groups().items():
        # Of groups that stand only the landmarks are at hand, which is all that is wanted of them.
        if crystal in one.signatures and (crystal not in one.standing or crystal in one.landmarks):
            groups.setdefault(group, {})[crystal] = one.signatures[crystal]
    for signatures in groups.values():
        one.landmarks |= landmarks_among(signatures, one.landmarks.intersection(signatures))


def _node(head: str) -> str:
    """Name of a group that stands; no crystal has it."""
    return f"group of {head}"


def _as_known(error: Exception) -> MTLError:
    if isinstance(error, MTLError):
        return error
    return InputError(f"{type(error).__name__}: {error}", remedy="report it with the structures")
