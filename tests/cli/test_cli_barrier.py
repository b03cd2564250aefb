"""`mtl barrier`, and the barriers that `mtl launch` refines and `mtl explain` tells."""

import json

import pytest
from cli_answers import Mtl
from samples import fill_screened

from mtl_flows.store.database import MTLStore


@pytest.fixture
def screened(store: MTLStore, server: str) -> MTLStore:
    return fill_screened(store)


def test_barriers_are_refined_kept_and_shown(mtl_here: Mtl, screened: MTLStore) -> None:
    before = screened.barriers.count()
    told = mtl_here("barrier", "licl", "icsd-34280", "--json")
    assert told.code == 0, told
    found = json.loads(told.out)
    assert screened.barriers.count() == before + 2
    for levels in found.values():
        assert levels["ranking"]["change_eV"] is None
        assert levels["refined"]["change_eV"] <= 0.01
        assert levels["refined"]["E_3D_eV"] == pytest.approx(levels["ranking"]["E_3D_eV"], abs=0.1)
    shown = mtl_here("barrier", "licl")
    assert f"{found['licl']['refined']['E_3D_eV']:.3f}".rstrip("0") in shown.out
    assert screened.barriers.count() == before + 2
    explained = mtl_here("explain", "licl", "--full").out
    assert f"Refined: E_3D {found['licl']['refined']['E_3D_eV']:.2f}" in explained
    assert "Refined" not in mtl_here("explain", "li3ocl", "--full").out
    nobody = mtl_here("barrier", "nobody")
    assert (nobody.code, "nobody" in nobody.err) == (5, True)


def test_what_is_launched_is_refined(mtl_here: Mtl, screened: MTLStore) -> None:
    launched = mtl_here("launch", "licl", "--engine", "toy_engines.NoSuchEngine")
    assert (launched.code, "barriers: 1 refined" in launched.err) == (0, True)
    again = mtl_here("launch", "licl", "--engine", "toy_engines.NoSuchEngine")
    assert "refined" not in again.err
    assert json.loads(mtl_here("explain", "licl", "--json").out)["ranking"]["refined"]["E_3D_eV"] > 0
