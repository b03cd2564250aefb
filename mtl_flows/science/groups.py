"""Who stands for a group of materials whose crystals match: newcomers never take over."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mtl_flows.science.duplicates import natural_order


@dataclass(frozen=True, slots=True)
class Place:
    """Where a material stood when its group was last looked at.

    Attributes
    ----------
    representative_id
        Material that stood for it.
    crystal_id
        Crystal that it held then.
    stood_since
        When it came to stand for its group; kept while it is withdrawn, so that it gets its place back. None if it
        never stood, or has left the group that it stood for.
    """

    representative_id: str
    crystal_id: str
    stood_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """One material to be grouped.

    Attributes
    ----------
    present
        Not withdrawn: a withdrawn material links others, but does not stand for them.
    arrival
        Place of the first release that holds it in the order of releases.
    former
        Where it stood before; None for a newcomer.
    """

    material_id: str
    crystal_id: str
    present: bool = True
    arrival: int = 0
    former: Place | None = None


def elect(members: Iterable[Member], matched: Mapping[str, str], now: datetime) -> dict[str, Place]:
    """Choose who stands for each group.

    A group keeps whoever has stood for it longest among the present; a bridge between two groups therefore keeps the
    one that has stood longer, and a part that falls off chooses anew. A vacant place goes to the first present member
    by order of arrival, then natural order of the ids. Where all are withdrawn nobody comes to stand.

    Parameters
    ----------
    matched
        For each crystal the one that names its group.
    now
        When those who come to stand do so.

    Returns
    -------
    dict
        Place of each material.
    """
    groups: dict[str, list[Member]] = {}
    for member in members:
        groups.setdefault(matched[member.crystal_id], []).append(member)
    places: dict[str, Place] = {}
    for group in groups.values():
        stood = {member.material_id: _still_stands(member, group) for member in group}
        present = [member for member in group if member.present]
        head = min(present or group, key=lambda member: _precedence(member, stood[member.material_id]))
        if present and stood[head.material_id] is None:
            stood[head.material_id] = now
        for member in group:
            key = member.material_id
            places[key] = Place(head.material_id, member.crystal_id, stood[key])
    return places


def changes(members: Sequence[Member], places: Mapping[str, Place]) -> dict[str, tuple[str, str]]:
    """Materials that had a place and are stood for by another now: who stood for them before, and who does now."""
    return {
        member.material_id: (member.former.representative_id, places[member.material_id].representative_id)
        for member in members
        if member.former is not None
        and member.former.representative_id != places[member.material_id].representative_id
    }


def _still_stands(member: Member, group: Sequence[Member]) -> datetime | None:
    """Since when a member has stood; one that changed and lost all those it stood for is a newcomer."""
    former = member.former
    if former is None or former.stood_since is None:
        return None
    companions = (
        other.former is not None and other.former.representative_id == former.representative_id
        for other in group
        if other.material_id != member.material_id
    )
    return former.stood_since if former.crystal_id == member.crystal_id or any(companions) else None


def _precedence(
    member: Member, stood_since: datetime | None
) -> tuple[bool, float, int, tuple[tuple[int, int, str], ...]]:
    since = 0.0 if stood_since is None else stood_since.timestamp()
    return stood_since is None, since, member.arrival, natural_order(member.material_id)
