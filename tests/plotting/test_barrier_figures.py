"""Barriers against activation energies: what is gathered, how it is summarised, and that it can be drawn."""

import json
from math import isnan
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from samples import fill_screened

from mtl_flows.cli import app
from mtl_flows.errors import ConfigurationError
from mtl_flows.plotting.barriers import BarrierPoint, barrier_points, plot_barriers, residuals
from mtl_flows.store.database import MTLStore

TABLE = """id,formula,activation_energy_eV,activation_energy_eV_error,source
LiCl,LiCl,0.50,0.05,10.1/one
li3ocl,Li3OCl,0.40,,10.1/one
icsd-34280,Li3N,0.30,,10.1/one
licoo2,LiCoO2,0.9,,10.1/two
li2sio3,Li2SiO3,,,10.1/two
nobody,NaCl,0.2,,10.1/two
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "measured.csv"
    path.write_text(TABLE)
    return path


def point(barrier_eV: float, energy_eV: float, origin: str = "a") -> BarrierPoint:
    return BarrierPoint("id", "LiX", barrier_eV, energy_eV, energy_eV - 0.1, energy_eV + 0.1, origin)


def test_fits_and_published_values_stand_beside_the_barrier(store: MTLStore, table: Path) -> None:
    fill_screened(store)
    barriers = {row.material_id: row.E_3D_eV for row in store.candidates.find()}
    assert barrier_points(store) == []
    # What a fit leaves in the row: the rest of it is what the dynamics stage tests.
    fitted = {"activation_energy_eV": 0.33, "activation_energy_low_eV": 0.3, "activation_energy_high_eV": 0.4}
    store.candidates.raw.update_one({"material_id": "li7sbo6"}, {"$set": fitted})
    points = {(p.material_id, p.origin): p for p in barrier_points(store, table)}
    assert points.keys() == {
        ("li7sbo6", "fit"),
        *(("licl", "10.1/one"), ("li3ocl", "10.1/one"), ("icsd-34280", "10.1/one"), ("licoo2", "10.1/two")),
    }
    assert all(p.E_3D_eV == barriers[material] for (material, _), p in points.items())
    fit = points["li7sbo6", "fit"]
    assert (fit.activation_energy_eV, fit.low_eV, fit.high_eV) == (0.33, 0.3, 0.4)
    published = points["licl", "10.1/one"]
    assert published.low_eV == pytest.approx(0.5 - 1.96 * 0.05, abs=1e-3)
    (table.parent / "bad.csv").write_text("id\nlicl\n")
    with pytest.raises(ConfigurationError, match="activation_energy_eV"):
        barrier_points(store, table.parent / "bad.csv")


def test_residuals_keep_origins_apart():
    shifted = [point(x, x + 0.2 + d) for x, d in ((0.1, 0.1), (0.4, 0.0), (0.9, -0.1))]
    one, other = residuals([*shifted, point(1.0, 0.3, "b"), point(1.0, 0.4, "b")])
    assert (one.origin, one.n) == ("a", 3)
    assert one.mean_eV == pytest.approx(0.2)
    assert one.spread_eV == pytest.approx(np.std([0.3, 0.2, 0.1], ddof=1))
    assert one.rank_correlation == pytest.approx(1.0)
    assert (other.n, isnan(other.spread_eV), isnan(other.rank_correlation)) == (2, True, True)
    (flat,) = residuals([point(0.5, energy) for energy in (0.1, 0.2, 0.3)])
    assert isnan(flat.rank_correlation)
    assert residuals([]) == []


def test_figures_can_be_saved(tmp_path: Path) -> None:
    plot_barriers([point(0.3, 0.4), point(0.5, 0.45), point(0.8, 0.7), point(0.2, 0.9, "b")]).savefig(
        tmp_path / "figure.svg"
    )
    assert ET.parse(tmp_path / "figure.svg").getroot().tag.endswith("svg")
    plot_barriers([]).savefig(tmp_path / "empty.png")
    assert (tmp_path / "empty.png").stat().st_size > 0


def test_the_command_tells_and_draws(
    store: MTLStore,
    address: object,
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fill_screened(store)
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)  # type: ignore[attr-defined]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "sys.argv", ["mtl", "benchmark", "barrier", "--measured", str(table), "-o", "f.png", "--json"]
    )
    with pytest.raises(SystemExit) as end:
        app.main()
    assert not end.value.code
    told = json.loads(capsys.readouterr().out)
    assert len(told["points"]) == 4
    assert [r["n"] for r in told["residuals"]] == [3, 1]
    assert (tmp_path / "f.png").stat().st_size > 0
    monkeypatch.setattr("sys.argv", ["mtl", "benchmark", "barrier", "--measured", str(table)])
    with pytest.raises(SystemExit):
        app.main()
    assert "10.1/two" in capsys.readouterr().out
