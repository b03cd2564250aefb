"""The article's figures: what they show is what is stored, and each can be written."""

from pathlib import Path

import numpy as np
import pytest
from samples import KNOWN, SCREENED, crystal, fill_screened
from typer.testing import CliRunner

from mtl_flows.cli.app import app
from mtl_flows.errors import NotFoundError
from mtl_flows.evaluation.verdict_table import published_table, read_quantities
from mtl_flows.plotting.barcodes import barcode_data, plot_barcodes, plot_persistence
from mtl_flows.plotting.clusters import clusters_data, feature_map, principal_components
from mtl_flows.plotting.conduction import article_candidates, conduction_data, plot_conduction
from mtl_flows.plotting.distributions import connectivity_data, cycles_data, plot_distribution
from mtl_flows.plotting.funnel import FunnelData, funnel_data, plot_funnel
from mtl_flows.plotting.ranking import ranked_points
from mtl_flows.plotting.structure import crystal_drawing, element_colours, plot_structure
from mtl_flows.plotting.style import subscripts
from mtl_flows.science.priority import priority
from mtl_flows.science.topology import PrescreenThresholds, compute_topology
from mtl_flows.science.verdict import CONDUCTIVITY
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

LIMITS = PrescreenThresholds()


@pytest.fixture
def screened(store: MTLStore) -> MTLStore:
    return fill_screened(store)


def test_the_funnel_has_both_protocols_the_ranking_and_the_article(screened: MTLStore) -> None:
    data = funnel_data(screened, LIMITS)
    first, *_, last = data.steps
    assert first.counts == dict.fromkeys(("published", "text", "ranked"), len(SCREENED))
    assert (first.article, last.article, last.is_gate) == (2590, 14, False)
    for protocol in ("published", "text"):
        counts = [step.counts[protocol] for step in data.steps if step.is_gate]
        assert counts == sorted(counts, reverse=True)
        survivors = screened.candidates.count({f"survives_{protocol}": True, "is_representative": True})
        assert counts[-1] == survivors
    # Under other thresholds the article's counts say nothing.
    other = funnel_data(screened, PrescreenThresholds(4.0, 0.6))
    assert [step.article for step in other.steps][1:] == [None] * (len(other.steps) - 1)
    assert not data.is_empty
    bars = plot_funnel(data).axes[0].containers
    assert [round(bars[0][k].get_width()) for k in range(2)] == [
        s.counts["published"] for s in data.steps[:2]
    ]


def test_distributions_are_of_what_comes_to_the_gate(screened: MTLStore) -> None:
    rows = list(screened.candidates.gates())
    all_of_them = connectivity_data(rows, LIMITS)
    assert (len(all_of_them.values), len(all_of_them.known)) == (len(SCREENED), len(KNOWN))
    connected = sum(value < LIMITS.r_connected_A for value in all_of_them.values)
    loops = cycles_data(rows, LIMITS, "published")
    assert (loops.figure, len(loops.values)) == ("2f", connected)
    for data in (all_of_them, loops, connectivity_data([], LIMITS)):
        (axes,) = plot_distribution(data).axes
        assert axes.get_title(loc="left").startswith(f"{sum(v < data.threshold for v in data.values)} of ")


def test_clusters_hold_what_was_clustered(screened: MTLStore) -> None:
    run = screened.clusterings.current("text")
    data = clusters_data(run)
    assert sum(bar.size for bar in data.clusters) == data.n_materials
    assert sum(bar.known for bar in data.clusters) == sum(len(c.known_conductors) for c in run.clusters) > 0
    points = feature_map(screened, "text")
    assert len(points.x) == len(points.materials) == data.n_materials
    assert {points.materials[k] for k, known in enumerate(points.known) if known} <= set(KNOWN)
    assert 0.0 < points.explained[1] <= points.explained[0] <= 1.0


def test_principal_components_keep_distances_of_a_plane() -> None:
    rng = np.random.default_rng(1)
    flat = rng.normal(size=(30, 2))
    rotation, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    points, explained = principal_components(flat @ rotation[:2] + 5.0)
    assert sum(explained) == pytest.approx(1.0)
    apart = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    assert np.linalg.norm(points[:, None] - points[None], axis=2) == pytest.approx(apart)
    for few in (np.zeros((0, 4)), np.ones((1, 4)), np.ones((3, 4))):
        assert principal_components(few)[1] == (0.0, 0.0)


def test_the_articles_candidates_stand_beside_what_was_simulated(screened: MTLStore) -> None:
    article = {found.material_id: found for found in article_candidates()}
    assert len(article) == 14
    best = article["icsd-15631"]
    assert (best.activation_energy_eV.value, best.conductivity_S_per_cm.high) == (0.228, 7.634e-3)
    fitted = {
        **{f"activation_energy{end}_eV": value for end, value in (("", 0.3), ("_low", 0.2), ("_high", 0.4))},
        **{
            f"conductivity_300K{end}_S_per_cm": value
            for end, value in (("", 1e-4), ("_low", 1e-6), ("_high", 1e-2))
        },
    }
    screened.candidates.raw.update_one({"material_id": KNOWN[0]}, {"$set": fitted})
    data = conduction_data(screened.candidates.find())
    (own,) = data.simulated
    assert (own.material_id, own.known, own.origin) == (KNOWN[0], True, "fit")
    assert (own.conductivity_S_per_cm.low, data.energy_range_eV) == (1e-6, (0.1, 1.0))
    shown = plot_conduction(data).axes[0].texts
    assert len(shown) == 15


def test_what_is_given_at_face_value_is_read_so() -> None:
    rows = read_quantities(published_table(), [CONDUCTIVITY])
    assert sum(row.measured[CONDUCTIVITY].value is not None for row in rows) == 14


def test_points_of_the_ranking_are_in_its_order(screened: MTLStore) -> None:
    points = ranked_points(screened.candidates.find())
    assert points
    assert [p.priority for p in points] == sorted((p.priority for p in points), reverse=True)
    assert all(p.priority == pytest.approx(priority(p.v3_over_d3, p.E_3D_eV)) for p in points)


def test_bars_that_are_alike_are_counted() -> None:
    result = compute_topology(crystal("li3ocl"), "Li")
    data = barcode_data(result.barcodes, result.r_connected_A, 10.0)
    for cloud, known in (
        (data.clouds[0], result.barcodes.cell_mobile),
        (data.clouds[1], result.barcodes.cell_framework),
    ):
        assert cloud.n_points == known.n_points == sum(n for _, _, n in cloud.components)
        assert sum(n for _, _, n in cloud.loops) == len(known.h1_A)
        assert (
            sum(n for _, death, n in cloud.components if death is None) == np.isinf(known.h0_deaths_A).sum()
        )
    deaths = [death for _, death, n in data.clouds[2].components if death is not None for _ in range(n)]
    finite = result.barcodes.orbits[0].mobile.h0_deaths_A
    assert sorted(deaths) == pytest.approx(sorted(finite[np.isfinite(finite)]), abs=0.006)
    assert [len(axes.get_legend().get_texts()) for axes in plot_barcodes(data).axes] == [3] * 4
    assert len(plot_persistence(data).axes) == 4


def test_a_drawing_tells_sites_and_occupancies() -> None:
    structure = crystal("li7p3s11")
    drawing = crystal_drawing(structure.as_dict(), "Li")
    assert len(drawing.sites) == len(structure)
    mobile = sum(drawing.kinds[kind].mobile for kind, *_ in drawing.sites)
    assert mobile == sum("Li" in {e.symbol for e in site.species.elements} for site in structure)
    assert element_colours()["S"].startswith("#")
    assert len(plot_structure(drawing).axes) == 3


def test_numbers_of_a_formula_are_set_low() -> None:
    assert subscripts("Li10Ge(P0.5S2)3") == "Li$_{10}$Ge(P$_{0.5}$S$_{2}$)$_{3}$"
    assert subscripts("") == ""
    assert subscripts("$x") == "\\$x"


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            ["funnel"],
            ["connectivity"],
            ["cycle-density", "--protocol", "text"],
            ["cluster"],
            ["feature-map"],
        ),
        *(["conduction"], ["ranking"]),
        *(["structure", "li3ocl"], ["barcode", "li3ocl"], ["persistence", "li3ocl"]),
    ],
    ids=lambda arguments: arguments[0],
)
def test_every_figure_can_be_written(
    screened: MTLStore,
    address: Connection,
    project: Path,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    answer = CliRunner().invoke(app, ["plot", *arguments, "-o", "figure.svg"], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    assert (project / "figure.svg").read_bytes().startswith(b"<?xml")


def test_an_empty_store_has_an_empty_funnel_and_nothing_to_simulate(
    store: MTLStore, address: Connection, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data: FunnelData = funnel_data(store, LIMITS)
    assert data.is_empty
    assert plot_funnel(data).axes
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    for arguments in (["cluster"], ["structure", "nobody"], ["msd", "nobody"], ["window", "nobody"]):
        answer = CliRunner().invoke(app, ["plot", *arguments, "-o", "figure.png"])
        assert isinstance(answer.exception, NotFoundError), arguments
    assert list(project.iterdir()) == []
