"""`mtl run`: from a folder to the candidate table, twice."""

import json
from pathlib import Path

import pytest
from cli_answers import Mtl
from samples import contents, write_cifs

from mtl_flows.store.database import MTLStore

SHORT = (
    *("--engine", "toy_engines.Conductor", "--temperatures", "900,1200", "--heat-ps", "0.2"),
    *("--production-ps", "2.2", "--discard-ps", "0.2", "--budget-ps", "2.2", "--chunk-ps", "1.1"),
    *("--max-lag", "0.5", "--max-atoms", "60", "--workers", "0"),
)


@pytest.fixture
def delivery(project: Path) -> Path:
    """Five crystals, one of which survives beside the conductor it resembles, and a file that is none."""
    folder = write_cifs(project / "crystals", "li3ocl", "li3obr", "licl", "li3n", "li7sbo6")
    (folder / "broken.cif").write_text("no crystal")
    (project / "labels.csv").write_text("id,known_conductor\nli3ocl,true\n")
    return folder


def test_everything_and_then_nothing(
    mtl: Mtl, mtl_here: Mtl, server: str, store: MTLStore, delivery: Path
) -> None:
    arguments = ("run", delivery, "--labels", "labels.csv", "--protocol", "text", "--limit", 1, *SHORT)
    first = mtl(*arguments, MTL_MONGO_URI=server)
    assert first.code == 0, first
    assert "refused crystals/broken.cif: no data block" in first.err
    assert "5 structures to compute, 0 are there already" in first.err
    (survivor,) = [c for c in store.candidates.survivors("text") if c.dynamics_status]
    assert survivor.material_id in first.out
    assert survivor.dynamics_status in first.out
    assert [d.temperature_K for d in survivor.diffusivities] == [900.0, 1200.0]
    assert {s.status for s in store.dynamics.find()} <= {
        *("heated", "converged", "unconverged", "upper_bound", "framework_melted")
    }
    assert store.transport.complete([fit.id for fit in store.transport.find()])
    assert f"-m mtl_flows explain {survivor.material_id}" in first.out

    before = contents(store)
    second = mtl_here(*arguments)
    assert second.code == 0, second
    assert "5 unchanged" in second.err
    assert "nothing to do, 5 structures are screened" in second.err
    assert f"{survivor.material_id} is done" in second.err
    assert "Fireworks" not in second.err  # not a job was handed in
    assert contents(store) == before
    assert json.loads(mtl_here("status", "--json").out)["failures"] == []
