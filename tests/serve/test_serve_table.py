"""Any sort and any filter of the table in memory, and pages by key."""

import random
from typing import Any

import pytest

from mtl_flows.errors import ConfigurationError
from mtl_flows.pages.overview import COLUMNS
from mtl_flows.serve.question import Cursor, Question, column_names
from mtl_flows.serve.table import FIELDS, Table

N = 300


def made(n: int = N) -> list[dict[str, Any]]:
    """Rows with ties, gaps and lists, in no order."""
    rng = random.Random(4)
    rows: list[dict[str, Any]] = []
    for number in range(n):
        elements = sorted({"Li", *rng.sample(["O", "S", "P", "Cl"], 2)})
        rows.append(
            {
                "material_id": f"icsd-{number}",
                "representative_id": f"icsd-{number - number % 3}",
                "reduced_formula": f"Li{number % 7}X",
                "elements": elements,
                "n_sites": rng.randrange(3, 9),
                "releases": ["first"] if number % 2 else ["first", "second"],
                "is_representative": number % 3 == 0,
                "is_known_conductor": number % 50 == 0,
                "priority": None if number % 11 == 0 else round(rng.gauss(0, 1), 1),
                "v3_over_d3": rng.choice([None, 0.5, 0.6, float("inf")]),
                "r_connected_A": rng.choice([None, 2.5, 3.0, 3.5]),
                "failed_rules": rng.choice([None, [], [2], [10], [2, 5]]),
                "verdict": rng.choice([None, "pass", "fail"]),
                "cluster_published": rng.choice([None, "C2", "C10"]),
                "passes_chemistry": rng.choice([None, True, False]),
            }
        )
    rng.shuffle(rows)
    return rows


ROWS = made()
TABLE = Table(ROWS)


def ids(asked: Question, limit: int, table: Table = TABLE) -> list[str]:
    """Ids on all pages, one after the other."""
    found: list[str] = []
    after = None
    while True:
        page = table.page(asked, limit, after, ["material_id"])
        found += [row["material_id"] for row in page.rows]
        if page.after is None:
            assert len(found) == page.total
            return found
        after = Cursor.parse(str(page.after))


@pytest.mark.parametrize("sort", ["", *(f"{sign}{c.field}" for c in COLUMNS for sign in ("", "-"))])
def test_pages_hold_every_row_once_in_order(sort: str) -> None:
    asked = Question.of(sort=sort)
    found = ids(asked, 7)
    assert found == ids(asked, N)
    assert sorted(found) == sorted(row["material_id"] for row in ROWS)


def test_sorting_is_that_of_numbers_and_natural_text_what_is_unknown_last() -> None:
    by_id = {row["material_id"]: row for row in ROWS}
    rising = [by_id[i]["r_connected_A"] for i in ids(Question.of(sort="r_connected_A"), N)]
    told = [value for value in rising if value is not None]
    assert rising == sorted(told) + [None] * (N - len(told))
    falling = [by_id[i]["r_connected_A"] for i in ids(Question.of(sort="-r_connected_A"), N)]
    assert falling == sorted(told, reverse=True) + [None] * (N - len(told))
    clusters = [by_id[i]["cluster_published"] for i in ids(Question.of(sort="cluster_published"), N)]
    assert list(dict.fromkeys(clusters)) == ["C2", "C10", None]
    assert ids(Question.of(sort="material_id"), N) == [f"icsd-{number}" for number in range(N)]
    best = ids(Question(), N)
    priorities = [by_id[i]["priority"] for i in best]
    known = [value for value in priorities if value is not None]
    assert known == sorted(known, reverse=True)
    assert priorities[: len(known)] == known


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        ({"search": "ICSD-17"}, lambda r: "icsd-17" in r["material_id"]),
        ({"search": "second c10"}, lambda r: len(r["releases"]) == 2 and r["cluster_published"] == "C10"),
        ({"elements": "S,P"}, lambda r: {"S", "P"} <= set(r["elements"])),
        ({"without": "O", "elements": "Li"}, lambda r: "O" not in r["elements"]),
        ({"elements": "U"}, lambda r: False),
        ({"passes": "passes_chemistry"}, lambda r: r["passes_chemistry"] is True),
        (
            {"fails": "passes_chemistry,is_representative"},
            lambda r: r["passes_chemistry"] is False and not r["is_representative"],
        ),
        ({"equal": ["verdict:pass"]}, lambda r: r["verdict"] == "pass"),
        ({"equal": ["verdict:nobody"]}, lambda r: False),
        ({"at_least": ["r_connected_A:3"]}, lambda r: r["r_connected_A"] in (3.0, 3.5)),
        (
            {"at_least": ["n_sites:4"], "at_most": ["n_sites:5", "v3_over_d3:0.5"]},
            lambda r: 4 <= r["n_sites"] <= 5 and r["v3_over_d3"] == 0.5,
        ),
    ],
)
def test_filters_choose_what_they_say(asked: dict[str, Any], holds: Any) -> None:
    assert set(ids(Question.of(**asked), 50)) == {r["material_id"] for r in ROWS if holds(r)}


def test_a_page_goes_on_where_it_ended_though_its_last_row_is_gone() -> None:
    asked = Question.of(sort="-cluster_published")
    first = TABLE.page(asked, 40, None, ["material_id"])
    last = first.rows[-1]["material_id"]
    fewer = Table([row for row in ROWS if row["material_id"] != last])
    second = fewer.page(asked, 40, first.after, ["material_id"])
    assert second.rows == TABLE.page(asked, 40, first.after, ["material_id"]).rows
    without_cluster = Table([row for row in ROWS if row["cluster_published"] != "C10"])
    assert len(ids(asked, 9, without_cluster)) == without_cluster.count
    between = TABLE.page(asked, N, Cursor(("C3",), "a"), ["cluster_published"])
    assert between.rows[0] == {"cluster_published": "C2"}


def test_rows_come_as_they_were_stored() -> None:
    for stored in ROWS[:20]:
        row = TABLE.row(stored["material_id"])
        assert row.keys() == set(FIELDS)
        for name, value in stored.items():
            assert row[name] == (None if value == float("inf") else value)
    assert type(TABLE.row("icsd-3")["n_sites"]) is int
    assert TABLE.group("icsd-4") == {
        "icsd-3": [r["material_id"] for r in ROWS if r["representative_id"] == "icsd-3"]
    }
    assert TABLE.group("nobody") == {}


def test_an_empty_table_answers() -> None:
    empty = Table([])
    empty.warm()
    assert empty.page(Question.of(search="x", elements="Li"), 10) == ([], 0, None)
    assert empty.counts == {"known": 0, "simulated": 0, "pass": 0}


@pytest.mark.parametrize(
    "asked",
    [
        {"sort": "$where"},
        {"sort": "--priority"},
        {"passes": "r_connected_A"},
        {"passes": "__class__"},
        {"elements": "Xx"},
        {"equal": ["verdict"]},
        {"equal": ["formula:x"]},
        {"at_least": ["r_connected_A:nan"]},
        {"at_least": ["r_connected_A:1e999"]},
        {"at_most": ['r_connected_A:{"$gt":0}']},
        {"at_most": ["verdict:1"]},
        {"search": "x" * 201},
        {"at_least": ["n_sites:1"] * 41},
    ],
)
def test_what_cannot_be_asked_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Question.of(**asked)


@pytest.mark.parametrize(
    "text",
    ["", "x", "é", "bnVsbA", "WzFd", "W1sxXSwiYSJd", "WzEsMl0", "e30", "W251bGwsMSwyLDMsImEiXQ", "A" * 2001],
)
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        Cursor.parse(text)


def test_a_place_of_another_sort_is_a_place() -> None:
    for value in ((None,), ("text",), (1.0,), (1.0, "x"), (float("nan"), None)):
        for sort in ("", "priority", "cluster_published", "-failed_rules", "ordered"):
            page = TABLE.page(Question.of(sort=sort), N, Cursor(value, "icsd-9"))
            assert len(page.rows) <= N


def test_columns_are_those_of_the_table() -> None:
    assert column_names("priority,material_id,priority") == ["priority", "material_id"]
    assert column_names("") == [column.field for column in COLUMNS]
    with pytest.raises(ConfigurationError):
        column_names("inputs_hash")
