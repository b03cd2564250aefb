"""Bins of limited fields: no row within limits is missed, and wide and narrow limits cost little."""

import random
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_candidates import candidate

from mtl_flows import CandidateFilter, Range
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.store.bins import BINNED, NO_VALUE
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

N_ROWS = 6000
LIMIT = 50

values = st.floats(allow_nan=False)
limits = st.none() | values


@pytest.mark.parametrize("name", BINNED)
@given(value=values, at_least=limits, at_most=limits)
def test_a_value_within_limits_is_in_their_bins(
    name: str, value: float, at_least: float | None, at_most: float | None
) -> None:
    if (at_least is None or at_least <= value) and (at_most is None or value <= at_most):
        assert BINNED[name].of(value) in BINNED[name].within(at_least, at_most)


def test_bins_are_where_they_say() -> None:
    lengths = BINNED["r_connected_A"]
    assert [lengths.of(length_A) for length_A in (0.0, 1.99, 2.0, 3.0, 3.1, 99.0)] == [0, 0, 1, 6, 6, 24]
    assert lengths.of(None) == lengths.of(float("nan")) == NO_VALUE
    assert lengths.within(None, None) == list(range(25))
    assert lengths.within(4.0, 3.0) == []


def rows_as_generated(n_rows: int) -> Iterator[CandidateDocument]:
    """Rows as generated structures give them: whole families without a row within the limits have the best priority."""
    drawn = random.Random(0)

    def row(k: int) -> dict[str, Any]:
        r_connected_A = drawn.uniform(2, 6)
        return {
            "r_connected_A": r_connected_A,
            "d3_A": drawn.uniform(2, 6),
            "v3_A": drawn.choice((None, drawn.uniform(1, 2.5))),
            "rho_cycles_published": drawn.choice((0.0, drawn.random())),
            "priority": 0.9 if r_connected_A > 5 else drawn.choice((None, drawn.uniform(0, 0.8))),
        }

    return (candidate(f"m{k:05}", **row(k)) for k in range(n_rows))


@pytest.fixture(scope="module")
def table(mongo_uri: str) -> Iterator[MTLStore]:
    """Many such rows, which nobody changes."""
    address = Connection.parse(mongo_uri, f"mtl_test_{uuid4().hex[:12]}")
    with MTLStore.connect(address) as store, address.client() as client:
        store.candidates.put(rows_as_generated(N_ROWS))
        yield store
        client.drop_database(address.database)


def examined(store: MTLStore, chosen: CandidateFilter) -> tuple[str, int, int]:
    """Index that answers, and how many of its keys and of the rows are looked at."""
    explained: Mapping[str, Any] = store.candidates.explain(chosen, limit=LIMIT)
    node = explained["queryPlanner"]["winningPlan"]
    while "indexName" not in node:
        node = node.get("inputStage") or node["inputStages"][0]
    statistics = explained["executionStats"]
    return node["indexName"], statistics["totalKeysExamined"], statistics["totalDocsExamined"]


def test_wide_limits_are_answered_in_order(table: MTLStore) -> None:
    wide = CandidateFilter(ranges=(Range("r_connected", 3, 4), Range("rho_cycles_published", at_most=0.3)))
    assert table.candidates.count(wide.query()) > N_ROWS / 8
    index, keys, rows = examined(table, wide)
    # In order of priority alone, the quarter of all rows beyond 5 Å would come first.
    assert index == "screening_best_by_bins.r_connected_A"
    assert keys < N_ROWS / 10
    assert rows == LIMIT


@pytest.mark.parametrize("other", [(), (Range("rho_cycles_published", at_most=0.3),), (Range("d3", 2, 5),)])
def test_narrow_limits_do_not_scan_the_table(table: MTLStore, other: tuple[Range, ...]) -> None:
    narrow = CandidateFilter(ranges=(Range("r_connected", 3.0, 3.01), *other))
    assert 0 < table.candidates.count(narrow.query()) < LIMIT
    _, keys, rows = examined(table, narrow)
    assert keys < N_ROWS / 10
    assert rows < N_ROWS / 20


def test_bins_leave_no_row_out(store: MTLStore) -> None:
    store.candidates.put(rows_as_generated(600))
    drawn = random.Random(1)
    for _ in range(50):
        ranges = []
        for field, low, high in (("r_connected", 2, 6), ("d3", 2, 6), ("v3", 1, 2.5)):
            if drawn.random() < 0.6:
                limits = sorted(drawn.choice((drawn.uniform(low, high), float(low))) for _ in "ab")
                ranges.append(Range(f"{field}_A", limits[0], drawn.choice((None, limits[1]))))
        chosen = CandidateFilter(ranges=tuple(ranges))
        plain = {limited.field: limited.condition() for limited in ranges}
        order = {"priority": -1, "v3_over_d3": -1, "_id": 1}
        expected = [found["_id"] for found in store.candidates.raw.find(plain).sort(order)]
        assert [found.id for found in store.candidates.select(chosen)] == expected


def test_rows_of_an_earlier_version_get_their_bins(store: MTLStore) -> None:
    store.candidates.put(rows_as_generated(600))
    rows = store.candidates.raw
    before = list(rows.find(sort=[("_id", 1)]))
    rows.update_many({"r_connected_A": {"$lt": 4}}, {"$unset": {"bins": ""}})
    store.ensure_indexes()
    assert list(rows.find(sort=[("_id", 1)])) == before
    assert {"bins"} == before[0].keys() - candidate("a").to_mongo().keys()
