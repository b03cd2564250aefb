"""`mtl backup` and `mtl restore` as they are typed."""

import json
from pathlib import Path

from cli_answers import Mtl
from samples import contents, fill_screened

from mtl_flows.store.database import MTLStore


def test_there_and_back(store: MTLStore, server: str, mtl_here: Mtl, project: Path) -> None:
    fill_screened(store)
    before = contents(store)
    written = json.loads(mtl_here("backup", "b.mtl", "--json").out)
    assert written["documents"]["candidates"] == len(before["candidates"])
    again = mtl_here("backup", "b.mtl")
    assert again.code == 4
    assert "--force" in again.err
    assert "whole" in mtl_here("restore", "b.mtl", "--check").err
    store.candidates.raw.delete_many({})
    told = mtl_here("restore", "b.mtl")
    assert told.code == 0, told
    assert contents(store) == before
    (project / "b.mtl").write_bytes(b"nothing")
    damaged = mtl_here("restore", "b.mtl")
    assert (damaged.code, "no backup" in damaged.err) == (6, True)
    assert contents(store) == before
