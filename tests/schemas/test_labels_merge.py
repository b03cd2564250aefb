"""What holds of a material after several statements, and what of a group of duplicates cannot all hold."""

from hypothesis import given
from hypothesis import strategies as st

from mtl_flows.schemas.labels import (
    LabelDocument,
    LabelFacts,
    LabelStatement,
    contradictions,
    is_known,
    known_in_group,
    merge,
    merge_all,
)

CONDUCTIVITIES = st.sampled_from([1e-10, 1e-6, 2e-6, 1e-3, 1e-2])
WORDS = st.sampled_from(["", "one", "two"])


@st.composite
def facts(draw: st.DrawFn) -> LabelFacts:
    conductivity = draw(st.none() | CONDUCTIVITIES)
    return LabelFacts(
        known_conductor=draw(st.none() | st.booleans()),
        conductivity_S_per_cm=conductivity,
        below_detection=conductivity is not None and draw(st.booleans()),
        family=draw(WORDS),
        source=draw(WORDS),
    )


def statements() -> st.SearchStrategy[list[LabelStatement]]:
    one = st.builds(
        lambda stated, replaces: LabelStatement(**stated.model_dump(), stated_at=None, replaces=replaces),
        facts(),
        st.booleans(),
    )
    return st.lists(one, max_size=5)


@given(facts(), facts())
def test_saying_it_again_changes_nothing(earlier: LabelFacts, later: LabelFacts) -> None:
    merged = merge(earlier, later)
    assert merge(merged, later) == merged
    assert merge(earlier, earlier) == earlier
    assert merge(earlier, LabelFacts()) == earlier
    assert merge(LabelFacts(), later) == later


@given(facts(), facts())
def test_what_is_stated_holds_and_the_rest_stays(earlier: LabelFacts, later: LabelFacts) -> None:
    merged = merge(earlier, later)
    for name, value in later.model_dump().items():
        if value not in (None, "", False) or (name == "known_conductor" and value is False):
            assert getattr(merged, name) == value
    if later.known_conductor is None:
        assert merged.known_conductor == earlier.known_conductor
    if not later.family:
        assert merged.family == earlier.family
    # A measurement travels whole: never one's value with another's bound or source.
    measurements = {(f.conductivity_S_per_cm, f.below_detection) for f in (earlier, later)}
    assert (merged.conductivity_S_per_cm, merged.below_detection) in measurements
    if later.conductivity_S_per_cm not in (None, earlier.conductivity_S_per_cm):
        assert merged.source == later.source


@given(statements())
def test_a_label_is_what_all_statements_make_of_it(said: list[LabelStatement]) -> None:
    label = LabelDocument.of(" ICSD-1", "Li", said)
    assert (label.id, label.material_id, label.facts) == ("icsd-1:Li", "icsd-1", merge_all(said))
    assert LabelDocument.from_mongo(label.to_mongo()) == label
    latest = max((i for i, s in enumerate(said) if s.replaces), default=0)
    assert label.facts == merge_all(said[latest:])


@given(facts(), st.booleans())
def test_the_users_word_beats_the_list(user: LabelFacts, listed: bool) -> None:
    known = is_known("ICSD-1", user, {"icsd-1"} if listed else set())
    assert known == (listed if user.known_conductor is None else user.known_conductor)


@given(st.dictionaries(st.sampled_from("abcd"), st.none() | facts()), st.sets(st.sampled_from("abcd")))
def test_over_a_group_known_beats_unknown(members: dict[str, LabelFacts | None], listed: set[str]) -> None:
    known = known_in_group(members, listed)
    assert known == [m for m in sorted(members) if is_known(m, members[m], listed)]
    told = contradictions(members, listed)
    assert told == contradictions(dict(reversed(members.items())), listed)  # in no order of their own
    assert len(told) == len(set(told))
    denied = [m for m, f in members.items() if f and f.known_conductor is False]
    assert (not told) or known or denied or len([f for f in members.values() if f]) > 1
    if denied and known:
        assert any(known[0] in sentence and denied[0] in sentence for sentence in told)


def test_conductivities_that_cannot_be_of_one_crystal() -> None:
    def said(one: LabelFacts, other: LabelFacts) -> bool:
        return bool(contradictions({"a": one, "b": other}, set()))

    def measured(value: float, *, below: bool = False) -> LabelFacts:
        return LabelFacts(conductivity_S_per_cm=value, below_detection=below)

    assert said(measured(1e-3), measured(1e-5))
    assert not said(measured(1e-3), measured(2e-4))
    # A bound says nothing against what lies below it, and nothing against another bound.
    assert not said(measured(1e-3, below=True), measured(1e-6))
    assert not said(measured(1e-3, below=True), measured(1e-6, below=True))
    assert said(measured(1e-6, below=True), measured(1e-3))
    assert contradictions({"a": measured(1e-6, below=True), "b": measured(1e-3)}, set()) == [
        "a conducts below 1e-06 S/cm, b conducts 0.001 S/cm: more than a decade apart"
    ]


def test_a_label_against_the_list() -> None:
    denied = LabelFacts(known_conductor=False)
    assert contradictions({"ICSD-1": denied}, {"icsd-1"}) == [
        "ICSD-1 is on the list of known conductors, and its label says that it is none"
    ]
    assert contradictions({"icsd-1": None, "mine": denied}, {"icsd-1"}) == [
        "icsd-1 counts as a known conductor, and the label of mine says that it is none"
    ]
