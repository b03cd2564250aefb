"""What the commands show of simulations: densities and frames of one, the fits of a material."""

import json
import re
from pathlib import Path

import pytest
from cli_answers import Mtl
from samples import fill
from toy_walk import simulate_walk

from mtl_flows.store.database import MTLStore

pytestmark = pytest.mark.filterwarnings("ignore:cd is deprecated")  # by jobflow's local manager


def test_of_one_material(mtl_here: Mtl, store: MTLStore, server: str, project: Path) -> None:
    fill(store, "licl")
    parameters = simulate_walk(store, "licl")
    own_ps = parameters.diffusion.discard_ps
    density = json.loads(mtl_here("density", "licl", "-o", "CHGCAR", "--json").out)
    assert (density["temperature_K"], density["discard_ps"]) == (1200.0, own_ps)
    told = mtl_here("density", "licl", "-o", "CHGCAR", "--temperature", 1000)
    assert f"the first {own_ps:g} ps left out" in told.err
    other = json.loads(mtl_here("density", "licl", "-o", "CHGCAR", "--discard-ps", 20, "--json").out)
    assert other["discard_ps"] == 20.0
    assert other["isosurface_per_A3"] != density["isosurface_per_A3"]
    assert (project / "CHGCAR").read_text().splitlines()[5].split() == ["Cl", "Li"]

    frames = mtl_here("trajectory", "licl", "-o", "walk.extxyz", "--every", 50)
    assert (frames.code, "at 1200 K" in frames.err) == (0, True)
    for command in ("density", "trajectory"):
        wrong = mtl_here(command, "licl", "-o", "walk.extxyz", "--temperature", 900)
        assert wrong.code == 5
        assert (
            "no simulation with frames at 900 K (there are 800, 1000, 1200 K of approximant 0)" in wrong.err
        )
        assert mtl_here(command, "nobody", "-o", "walk.extxyz").code == 5
        assert mtl_here(command, "licl", "-o", project / "nowhere" / "walk.extxyz").code == 4
    fits = json.loads(mtl_here("transport", "licl", "--json").out)["fits"]
    assert len(fits) == 1
    shown = mtl_here("transport", "licl").out
    assert f"{fits[0]['activation_energy_eV']:.2f} ± {fits[0]['activation_energy_error_eV']:.2f}" in shown
    for heading in ("T / K", "σ(300 K) / S/cm", "P(σ ≥ 10⁻⁴)", "D / cm²/s along x, y, z"):
        assert heading in shown
    assert "800, 1000, 1200" in shown
    assert not re.search(r"\d+e\+03", shown)

    row = json.loads(mtl_here("query", "--json", "--with-dropped").out)[0]
    mtl_here("query", "--csv", "--with-dropped", "-o", "rows.csv")
    cell = (project / "rows.csv").read_text().splitlines()[1]
    assert len(row["diffusivities"]) == 3
    assert '[{""temperature_K"": 800.0' in cell  # JSON, not the representation of Python
