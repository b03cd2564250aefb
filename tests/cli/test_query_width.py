"""The table of `mtl query` on a narrow terminal: ids and formulas stay whole."""

import io

import pytest
from cli_answers import Mtl
from rich.console import Console
from samples import fill_screened

from mtl_flows.cli import console, query
from mtl_flows.store.database import MTLStore


@pytest.mark.parametrize("by", ["priority", "barrier", "r"])
def test_no_id_and_no_formula_is_broken_at_80_columns(
    store: MTLStore, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_screened(store)
    rows = list(store.candidates.find())
    narrow = Console(file=io.StringIO(), width=80)
    for module in (console, query):
        monkeypatch.setattr(module, "out", narrow)
    query.print_candidates(rows, by, rules=store.candidates.rule_names())
    lines = narrow.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= 80
    shown = {word for line in lines for word in line.split()}
    assert {row.material_id for row in rows} | {row.reduced_formula for row in rows} <= shown
    assert sum(line.startswith("│") for line in lines) == len(rows)
    assert any(line.startswith("rule 5: studied ternary") for line in lines)
    assert {"priority": "priority", "barrier": "E_3D", "r": "r_conn"}[by] in shown


@pytest.mark.parametrize(("limit", "told"), [(2, "2 of more than 3 shown"), (12, "12 of 14 shown")])
def test_rows_far_beyond_those_shown_are_not_counted(
    store: MTLStore, server: str, mtl_here: Mtl, limit: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_screened(store)
    monkeypatch.setattr(query, "_COUNTED", 3)
    assert told in mtl_here("query", "--limit", limit).err
