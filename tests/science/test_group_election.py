"""Who stands for a group: whoever has stood longest, never a newcomer."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_flows.science.groups import Member, Place, changes, elect

DAY = timedelta(days=1)
T0 = datetime(2026, 1, 1, tzinfo=UTC)


class Groups:
    """Materials that are grouped again whenever something happens to them."""

    def __init__(self) -> None:
        self.now = T0
        self.places: dict[str, Place] = {}

    def settle(
        self, *groups: str, withdrawn: str = "", crystals: dict[str, str] | None = None
    ) -> dict[str, str]:
        """Group one-letter materials, written together if their crystals match; gives who stands for each."""
        self.now += DAY
        held = {m: (crystals or {}).get(m, f"crystal of {m}") for group in groups for m in group}
        matched = {held[m]: held[group[0]] for group in groups for m in group}
        members = [Member(m, held[m], m not in withdrawn, 0, self.places.get(m)) for m in held]
        self.places |= elect(members, matched, self.now)
        return {m: self.places[m].representative_id for m in held}


@pytest.fixture
def groups() -> Groups:
    return Groups()


def test_the_first_by_arrival_then_by_number_stands() -> None:
    members = [Member("icsd-10", "c"), Member("icsd-9", "c"), Member("icsd-1", "c", arrival=1)]
    places = elect(members, {"c": "c"}, T0)
    assert {place.representative_id for place in places.values()} == {"icsd-9"}
    assert [places[m].stood_since for m in ("icsd-9", "icsd-10", "icsd-1")] == [T0, None, None]


def test_newcomers_never_take_over(groups: Groups) -> None:
    assert groups.settle("m") == {"m": "m"}
    assert groups.settle("ma") == {"m": "m", "a": "m"}


def test_a_vacant_place_is_filled_and_given_back(groups: Groups) -> None:
    groups.settle("b")
    groups.settle("bc")
    groups.settle("abc")
    assert groups.settle("abc", withdrawn="b") == dict.fromkeys("abc", "a")
    assert groups.settle("abc") == dict.fromkeys("abc", "b")
    assert groups.settle("abc", withdrawn="b") == dict.fromkeys("abc", "a")
    assert groups.settle("abc", withdrawn="ab") == dict.fromkeys("abc", "c")
    assert groups.settle("abc", withdrawn="b") == dict.fromkeys("abc", "a"), "a stood before c"


def test_a_bridge_keeps_who_has_stood_longer(groups: Groups) -> None:
    groups.settle("z")
    groups.settle("z", "a")
    assert groups.settle("zam") == dict.fromkeys("zam", "z")


def test_what_falls_apart_chooses_per_part(groups: Groups) -> None:
    groups.settle("abcd")
    assert groups.settle("ab", "cd") == {"a": "a", "b": "a", "c": "c", "d": "c"}


def test_a_refinement_that_still_matches_keeps_the_place(groups: Groups) -> None:
    groups.settle("b")
    groups.settle("ab")
    assert groups.settle("ab", crystals={"b": "refined"}) == {"a": "b", "b": "b"}


def test_who_changed_into_another_group_is_a_newcomer_there(groups: Groups) -> None:
    groups.settle("b")
    groups.settle("b", "c")
    assert groups.settle("bc", crystals={"b": "what c holds"}) == {"b": "c", "c": "c"}


def test_where_all_are_withdrawn_nobody_comes_to_stand(groups: Groups) -> None:
    groups.settle("ab")
    assert groups.settle("ab", withdrawn="ab") == {"a": "a", "b": "a"}
    assert groups.places["b"].stood_since is None
    assert groups.settle("ab", withdrawn="a") == {"a": "b", "b": "b"}


def test_changes_name_who_stood_before_and_who_does_now(groups: Groups) -> None:
    groups.settle("ab")
    members = [Member(m, f"crystal of {m}", m != "a", 0, groups.places[m]) for m in "ab"]
    members.append(Member("c", "crystal of c"))
    places = elect(members, {m.crystal_id: "one" for m in members}, T0 + 9 * DAY)
    assert changes(members, places) == {"a": ("a", "b"), "b": ("a", "b")}


@given(st.lists(st.sets(st.sampled_from("abcdef"), max_size=6), max_size=8))
def test_grouping_twice_changes_nothing_and_returning_restores(withdrawals: list[set[str]]) -> None:
    groups = Groups()
    first = groups.settle("abc", "de", "f")
    for withdrawn in withdrawals:
        groups.settle("abc", "de", "f", withdrawn="".join(withdrawn))
        before = dict(groups.places)
        groups.settle("abc", "de", "f", withdrawn="".join(withdrawn))
        assert groups.places == before
    assert groups.settle("abc", "de", "f") == first
