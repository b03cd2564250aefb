"""OPTIMADE's filter language, all of it, on entries that a reader can judge."""

from datetime import UTC, datetime
from typing import Any

import pytest

from mtl_flows.errors import QueryError
from mtl_flows.serve.optimade.catalogue import Catalogue, Order
from mtl_flows.serve.optimade.entries import proportions
from mtl_flows.serve.optimade.filters import LONGEST_FILTER, chosen_by
from mtl_flows.serve.optimade.properties import properties

NAMES = [name for name, one in properties().items() if one.is_queried]


def entry(entry_id: str, elements: str, ratios: tuple[float, ...], **others: Any) -> dict[str, Any]:
    symbols = tuple(elements.split())
    told = {
        "id": entry_id,
        "type": "structures",
        "elements": symbols,
        "nelements": len(symbols),
        "elements_ratios": ratios,
        "last_modified": datetime(2026, 1, len(symbols), tzinfo=UTC),
    }
    return dict.fromkeys(NAMES) | told | others


CATALOGUE = Catalogue(
    [
        entry(
            "a", "Cl Li", (0.5, 0.5), nsites=2, _mtl_r_connected=3.5, _mtl_ordered=True, structure_features=()
        ),
        entry("b", "Li O", (2 / 3, 1 / 3), nsites=3, _mtl_r_connected=4.5, _mtl_ordered=False),
        entry(
            "c", "Li P S", (0.25, 0.25, 0.5), nsites=8, _mtl_ordered=True, structure_features=("disorder",)
        ),
        entry('q"\\', "Li", (1.0,), nsites=1, _mtl_r_connected=2.0, chemical_formula_descriptive="(a+)+$"),
    ]
)
QUOTED = 'q"\\'


def found(text: str) -> str:
    """Ids of what a filter chooses, one letter each."""
    chosen = chosen_by(text, CATALOGUE)
    page = CATALOGUE.page(chosen.entries, Order(), 10)
    return "".join(one["id"][0] for one in CATALOGUE.told(page.entries, ["id"]))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", "abcq"),
        ("nsites=2", "a"),
        ("nsites != 2", "bcq"),
        ("2 < nsites", "bc"),
        ("nsites>=2 AND nsites<8", "ab"),
        ("nsites=2.0", "a"),
        ("nsites=1 OR nsites=2 AND nelements=3", "q"),
        ("(nsites=1 OR nsites=2) AND nelements=2", "a"),
        ("NOT nsites=2", "bcq"),
        ("NOT (nsites=2 OR nsites=3)", "cq"),
        ('type="structures"', "abcq"),
        ("1<2", "abcq"),
        ("1>=2 OR nsites=2", "a"),
        # Unknown values meet nothing, and nothing's contrary either.
        ("_mtl_r_connected<4", "aq"),
        ("NOT _mtl_r_connected<4", "b"),
        ("_mtl_r_connected!=3.5", "bq"),
        ("_mtl_r_connected IS UNKNOWN", "c"),
        ("NOT _mtl_r_connected IS KNOWN", "c"),
        ("_mtl_r_connected IS UNKNOWN OR _mtl_r_connected>4", "bc"),
        ("_mtl_r_connected>4 AND NOT _other_gap>2", ""),
        ("_mtl_r_connected>4 OR _other_gap>2", "b"),
        ("_other_gap IS UNKNOWN", "abcq"),
        ("_other_gap IS KNOWN", ""),
        ('references.id HAS "x"', ""),
        ("_mtl_ordered=TRUE", "ac"),
        ("_mtl_ordered!=TRUE", "b"),
        ("_mtl_ordered=FALSE", "b"),
        # Strings, and what is to be taken literally in them.
        ('id="a"', "a"),
        ('"b"<=id', "bcq"),
        ('id CONTAINS "q"', "q"),
        (r'id="q\"\\"', "q"),
        (r'id ENDS WITH "\\"', "q"),
        ('id STARTS "q"', "q"),
        ('id CONTAINS ".*"', ""),
        ('chemical_formula_descriptive CONTAINS "(a+)+$"', "q"),
        ('chemical_formula_descriptive STARTS WITH "(a" AND chemical_formula_descriptive ENDS "$"', "q"),
        # Lists.
        ('elements HAS "O"', "b"),
        ('elements HAS ALL "Li","S"', "c"),
        ('elements HAS ANY "O","S"', "bc"),
        ('elements HAS ONLY "Li","O","Cl"', "abq"),
        ('NOT elements HAS ANY "O","S"', "aq"),
        ('elements HAS < "D"', "a"),
        ('elements HAS ALL > "N", < "M"', "bc"),
        ("elements LENGTH 3", "c"),
        ("elements LENGTH >= 2", "abc"),
        ("elements LENGTH != 2", "cq"),
        ("elements_ratios HAS > 0.6", "bq"),
        ('structure_features HAS "disorder"', "c"),
        ('NOT structure_features HAS "disorder"', "a"),
        ('structure_features HAS ONLY "disorder"', "ac"),
        ('elements:elements_ratios HAS "Li":<0.3', "c"),
        ('elements:elements_ratios HAS ALL "Li":>0.4, "Cl":>0.4', "a"),
        ('elements:elements_ratios HAS ANY "Cl":0.5, "S":0.5', "ac"),
        ('elements:elements_ratios HAS ONLY "Li":>0.6, "O":<0.4', "bq"),
        ("elements_ratios:elements_ratios HAS >=0.4:<=0.5", "ac"),
        ('elements:_other_counts HAS "Li":2', ""),
        # Times.
        ('last_modified>="2026-01-02T00:00:00Z"', "abc"),
        ('last_modified<"2026-01-02T01:00:00+01:30"', "q"),
        ('last_modified="2026-01-03t00:00:00z"', "c"),
        ("nsites>.1E1 AND nsites<+10.01E-1", ""),
    ],
)
def test_a_filter_chooses(text: str, ids: str) -> None:
    assert found(text) == ids


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("nsites", 400),
        ("nsites==2", 400),
        ("nsites=2 nsites=3", 400),
        ("nsites = AND", 400),
        ("crazyfield=2", 400),
        ("_mtl_crazy=2", 400),
        ("$where=1", 400),
        ('id="a', 400),
        ("nsites={'$gt':0}", 400),
        ('last_modified>"yesterday"', 400),
        ("elements HAS ALL", 400),
        ('elements:elements_ratios HAS "Li"', 400),
        ('elements:elements_ratios HAS "Li":1:2', 400),
        ("(" * 200 + "nsites=1" + ")" * 200, 400),
        ('id="' + "x" * LONGEST_FILTER + '"', 400),
        ("nsites=1" + " OR nsites=1" * 300, 400),
        ("nsites=" + "9" * 5000, 501),
        ("nsites=1e999", 501),
        ('nsites="2"', 501),
        ("id=2", 501),
        ("_mtl_ordered>TRUE", 501),
        ("_mtl_ordered=1", 501),
        ("nsites=TRUE", 501),
        ('elements="Li"', 501),
        ("nsites=nelements", 501),
        ('"x"="x"', 501),
        ("nsites LENGTH 3", 501),
        ('nsites CONTAINS "2"', 501),
        ("elements HAS 2", 501),
        ('nsites HAS "2"', 501),
        ('species.name HAS "Li"', 501),
        ("lattice_vectors LENGTH 3", 501),
        ("elements HAS TRUE", 501),
    ],
)
def test_what_is_no_filter_or_not_offered_is_refused(text: str, status: int) -> None:
    with pytest.raises(QueryError) as refused:
        found(text)
    assert refused.value.status == status


def test_another_providers_properties_are_told() -> None:
    chosen = chosen_by("_exmpl_gap>2 OR _exmpl_gap<1 OR nsites=1", CATALOGUE)
    assert chosen.warnings == ("_exmpl_gap belongs to another provider, and is unknown here",)


@pytest.mark.parametrize(
    ("by", "ids"),
    [
        ((), "abcq"),
        ((("id", True),), "qcba"),
        ((("_mtl_r_connected", False),), "qabc"),
        ((("_mtl_r_connected", True),), "baqc"),
        ((("nelements", True), ("nsites", True)), "cbaq"),
        ((("_mtl_ordered", False), ("last_modified", True)), "bcaq"),
    ],
)
def test_pages_follow_each_other_in_any_order(by: tuple[tuple[str, bool], ...], ids: str) -> None:
    for limit in (1, 2, 3, 10):
        seen, after = "", []
        while True:
            page = CATALOGUE.page(CATALOGUE.everything, Order(by), limit, after)
            seen += "".join(one["id"][0] for one in CATALOGUE.told(page.entries, ["id"]))
            if page.last is None:
                break
            after = page.last
        assert (seen, page.total) == (ids, 4)


def test_a_page_begins_behind_what_is_gone() -> None:
    order = Order((("nsites", False),))
    page = CATALOGUE.page(CATALOGUE.everything, order, 10, [2, "zzz"])
    assert [one["id"] for one in CATALOGUE.told(page.entries, ["id"])] == ["b", "c"]
    with pytest.raises(TypeError):
        CATALOGUE.page(CATALOGUE.everything, order, 10, ["x", "a"])
    with pytest.raises(ValueError, match="zip"):
        CATALOGUE.page(CATALOGUE.everything, order, 10, [2])


@pytest.mark.parametrize(
    ("amounts", "whole"),
    [
        ({"Li": 1.0, "Cl": 1.0}, {"Cl": 1, "Li": 1}),
        ({"S": 12.0, "Li": 10.0, "Ge": 1.0, "P": 2.0}, {"Ge": 1, "Li": 10, "P": 2, "S": 12}),
        ({"Li": 5.5, "P": 1.0, "S": 4.5, "Cl": 1.5}, {"Cl": 3, "Li": 11, "P": 2, "S": 9}),
        ({"Li": 1 / 3, "O": 2 / 3}, {"Li": 1, "O": 2}),
        ({"Li": 0.001, "O": 1.0}, {"Li": 1, "O": 1000}),
    ],
)
def test_formulas_are_of_whole_numbers(amounts: dict[str, float], whole: dict[str, int]) -> None:
    assert proportions(amounts) == whole
