"""Figures for notebooks, and surfaces for print: they show the numbers that were gathered."""

from pathlib import Path

import numpy as np
import pytest
from reported import SIMULATED
from samples import KNOWN, SCREENED, crystal, fill_screened
from simulated import simulate, walk
from typer.testing import CliRunner

from mtl_flows.cli.app import app
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.plotting import interactive
from mtl_flows.plotting.arrhenius import arrhenius_data
from mtl_flows.plotting.barcodes import barcode_data
from mtl_flows.plotting.clusters import clusters_data, feature_map
from mtl_flows.plotting.conduction import conduction_data
from mtl_flows.plotting.distributions import connectivity_data
from mtl_flows.plotting.funnel import funnel_data
from mtl_flows.plotting.msd import displacement_data
from mtl_flows.plotting.ranking import ranked_points
from mtl_flows.plotting.structure import crystal_drawing
from mtl_flows.plotting.volumes import (
    VolumeData,
    density_volume,
    landscape_volume,
    plot_volume,
    surface_quads,
    volume_chart,
)
from mtl_flows.plotting.window import Plateau, WindowData
from mtl_flows.science.barrier import BarrierParameters, coarse_surface, landscape_of
from mtl_flows.science.topology import PrescreenThresholds, compute_topology
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore


def test_figures_of_a_store(
    store: MTLStore, address: Connection, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_screened(store)
    simulate(store, 800.0, 0.9, SIMULATED)
    simulate(store, 1200.0, 0.35, SIMULATED)
    rebuild_candidates(store, ScreeningParameters())
    limits = PrescreenThresholds()
    rows = list(store.candidates.find())

    funnel = interactive.funnel_chart(funnel_data(store, limits))
    assert [trace.name for trace in funnel.data] == ["published", "text", "ranked", "article"]
    assert funnel.data[0].x[0] == len(SCREENED)
    distribution = interactive.distribution_chart(connectivity_data(store.candidates.gates(), limits))
    assert [sum(trace.y) for trace in distribution.data] == [len(SCREENED), len(KNOWN)]
    run = clusters_data(store.clusterings.current("text"))
    clusters = interactive.clusters_chart(run)
    assert sum(sum(trace.x) for trace in clusters.data) == run.n_materials
    features = interactive.feature_map_chart(feature_map(store, "text"))
    assert sum(len(trace.x) for trace in features.data) == run.n_materials
    points = ranked_points(rows)
    assert len(interactive.ranking_chart(points).data[0].x) == len(points)
    displacements = interactive.displacement_chart(displacement_data(store.simulations(SIMULATED), "Li"))
    assert {trace.name for trace in displacements.data} == {"800 K, no. 0", "1200 K, no. 0"}
    data = arrhenius_data(store, SIMULATED)
    arrhenius = interactive.arrhenius_chart(data)
    shown = next(trace for trace in arrhenius.data if trace.name == "simulated")
    told = [p for p in data.points if p.D_cm2_per_s is not None]
    assert list(shown.x) == pytest.approx([1000.0 / p.temperature_K for p in told])
    assert list(shown.y) == [p.D_cm2_per_s for p in told]
    at_most = next(trace for trace in arrhenius.data if trace.name == "at most")
    assert len(told) + len(at_most.x) == len(data.points)
    conduction = interactive.conduction_chart(conduction_data(r for r in rows if r.dynamics_status))
    assert len(conduction.data[0].x) == 14
    for figure in (funnel, distribution, clusters, features, displacements, arrhenius, conduction):
        assert figure.to_json()

    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    command = ["plot", "landscape", SIMULATED, "--level", "0.8", "-o", "landscape.png"]
    drawn = CliRunner().invoke(app, command, catch_exceptions=False)
    assert drawn.exit_code == 0
    assert (project / "landscape.png").stat().st_size > 10_000


def test_bars_and_windows_are_drawn_as_they_are() -> None:
    topology = compute_topology(crystal("li3n"), "Li")
    data = barcode_data(topology.barcodes, topology.r_connected_A, 10.0)
    components, loops = interactive.barcode_chart(data, 1).data
    for trace, bars in ((components, data.clouds[1].components), (loops, data.clouds[1].loops)):
        assert len(trace.x) == 3 * sum(n for _, _, n in bars)
    persistence = interactive.persistence_chart(data)
    assert list(persistence.data[0].x) == [birth for birth, _, _ in data.clouds[0].components]
    window = WindowData(
        *("Li<b>", "Li", [Plateau(0.5, 1.0, []), Plateau(2.0, -1.0, [])]),
        *(0.5, 2.0, "", "", [], [], None, False),
    )
    chart = interactive.window_chart(window)
    assert (chart.layout.shapes[0].x0, chart.layout.shapes[0].x1) == (0.5, 2.0)
    assert list(chart.data[0].y) == [1.0, -1.0, -1.0]


def test_a_surface_lies_at_its_level() -> None:
    n = 24
    axis = (np.arange(n) + 0.5) / n
    from_middle = np.sqrt(sum((x - 0.5) ** 2 for x in np.meshgrid(axis, axis, axis, indexing="ij")))
    drawing = crystal_drawing(crystal("licl").as_dict(), "Li")
    ball = VolumeData("a ball", drawing, np.full(3, 0.5 / n), from_middle, 0.3, below=True)
    quads = surface_quads(ball)
    radii = np.linalg.norm(quads.reshape(-1, 3) - 0.5, axis=1)
    assert radii == pytest.approx(np.full(len(radii), 0.3), abs=0.01)
    # Closed: every edge belongs to two faces; and the area is that of a sphere.
    ends = np.round(quads, 6)
    edges = [
        frozenset(map(tuple, (face[k].tolist(), face[(k + 1) % 4].tolist())))
        for face in ends
        for k in range(4)
    ]
    assert {edges.count(edge) for edge in set(edges[:200])} == {2}
    area = 0.5 * np.linalg.norm(np.cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]), axis=1).sum()
    assert area == pytest.approx(4.0 * np.pi * 0.3**2, rel=0.03)
    everywhere = VolumeData("all", drawing, np.zeros(3), from_middle, 9.0, below=True)
    assert surface_quads(everywhere).shape == (0, 4, 3)
    assert plot_volume(everywhere).axes[0].get_title() == "all"


def test_landscapes_and_densities_are_surfaces(tmp_path: Path) -> None:
    structure = crystal("li3n")
    surface = coarse_surface(landscape_of(structure, "Li", BarrierParameters()))
    drawing = crystal_drawing(structure.as_dict(), "Li")
    landscape = landscape_volume(surface, drawing)
    assert landscape.level == surface.level_eV
    density = density_volume(walk(1200.0, 0.35).trajectory(1), "Li", 1200.0, 2.0, share=0.5)
    held = density.values[density.values >= density.level].sum() / density.values.sum()
    assert held == pytest.approx(0.5, abs=0.12)
    for data in (landscape, density):
        figure = plot_volume(data)
        faces = sum(len(collection.get_paths()) for collection in figure.axes[0].collections)
        assert faces >= len(surface_quads(data)) > 0
        figure.savefig(tmp_path / "volume.pdf")
        mesh, atoms = volume_chart(data).data
        assert len(mesh.x) == 4 * len(surface_quads(data))
        assert len(mesh.i) == 2 * len(surface_quads(data))
        assert len(atoms.x) == sum(not data.drawing.kinds[kind].mobile for kind, *_ in data.drawing.sites)
