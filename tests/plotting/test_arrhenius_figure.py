"""The Arrhenius figure: what it shows is what is stored, and it can be written."""

from pathlib import Path

import numpy as np
import pytest
from samples import fill
from simulated import simulate
from typer.testing import CliRunner

from mtl_flows.cli.app import app
from mtl_flows.errors import NotFoundError
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.plotting.arrhenius import arrhenius_data, plot_arrhenius
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore


@pytest.fixture
def simulated(store: MTLStore) -> MTLStore:
    fill(store, "licl")
    simulate(store, 800.0, 0.9)
    simulate(store, 1200.0, 0.35)
    rebuild_candidates(store, ScreeningParameters())
    return store


def test_points_bounds_and_bands_are_those_of_the_row(simulated: MTLStore) -> None:
    data = arrhenius_data(simulated, "licl")
    assert [(p.temperature_K, p.D_cm2_per_s is None) for p in data.points] == [(800.0, True), (1200.0, False)]
    assert data.points[0].status == "upper_bound"
    assert (data.simulated.temperatures_K.min(), data.simulated.temperatures_K.max()) == pytest.approx(
        (300.0, 1200.0)
    )
    assert (data.simulated.low < data.simulated.median).all()
    assert (data.crystal.high - data.crystal.low > data.simulated.high - data.simulated.low).all()
    # The posterior goes through what was measured.
    hot = int(data.simulated.temperatures_K.argmax())
    assert data.simulated.median[hot] == pytest.approx(
        np.log10(data.points[1].D_cm2_per_s or np.nan), abs=0.2
    )
    figure = plot_arrhenius(data)
    (axes,) = figure.axes
    assert len(axes.collections) >= 2
    assert "P(σ(300 K) ≥ 10⁻⁴ S/cm)" in axes.get_title(loc="left")


def test_the_command_writes_a_picture_and_refuses_what_it_cannot_write(
    simulated: MTLStore, address: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    for name, begins in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")):
        answer = runner.invoke(app, ["plot", "arrhenius", "licl", "-o", name], catch_exceptions=False)
        assert answer.exit_code == 0, answer.output
        assert (tmp_path / name).read_bytes().startswith(begins)
    wrong = runner.invoke(app, ["plot", "arrhenius", "licl", "-o", "a.xyz"])
    assert wrong.exit_code != 0


def test_a_material_without_dynamics_says_so(store: MTLStore) -> None:
    fill(store, "licl")
    rebuild_candidates(store, ScreeningParameters())
    with pytest.raises(NotFoundError, match="no temperature"):
        arrhenius_data(store, "licl")
