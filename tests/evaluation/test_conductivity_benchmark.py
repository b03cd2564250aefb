"""The whole benchmark, on made-up records with a known answer and on real structures."""

import json

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from mtl_flows.errors import InputError
from mtl_flows.evaluation.conductivity import (
    PROMISING_IF,
    TRIVIAL_NAMES,
    BenchmarkParameters,
    MeasuredConductivity,
    ScreenedMaterial,
    judge_materials,
    run_conductivity_benchmark,
    screen_material,
)
from mtl_flows.evaluation.conductivity.screened import CHEMICAL_RULES
from mtl_flows.plotting.conductivity import plot_benchmark
from mtl_flows.science.topology import FEATURE_NAMES, TopologyParameters

QUICK = BenchmarkParameters(n_bootstrap=100, n_splits=4, n_folds=3)
QUICKER = BenchmarkParameters(n_bootstrap=100, n_splits=1, n_folds=2)
N_FAMILIES, SIZE = 12, 6


def made_up_records(seed=0):
    """Families of alike features, of which priority alone tells the superionic members from the others.

    The composition knows the family and nothing else, and one family in two is mostly superionic.
    """
    rng = np.random.default_rng(seed)
    records = []
    for family in range(N_FAMILIES):
        centre = 20 * rng.standard_normal(22)
        for member in range(SIZE):
            superionic = member < (5 if family % 2 else 1)
            descriptors = {name: float(rng.random()) for name in PROMISING_IF}
            descriptors["v3_over_d3"] = superionic + 0.1 * rng.random()
            descriptors["d3_A"] = np.inf if member == 5 else 3.0 + rng.random()
            features = tuple((centre + rng.standard_normal(22)).tolist())
            records.append(
                ScreenedMaterial(
                    id=f"m{family:02d}{member}",
                    family=f"family {family}",
                    measured=MeasuredConductivity(f"m{family:02d}{member}", 1e-3 if superionic else 1e-7),
                    refused="",
                    gates={"r_connected": True, "published: prescreen": superionic, CHEMICAL_RULES: True},
                    descriptors=descriptors,
                    trivial={name: float(family) for name in TRIVIAL_NAMES},
                    features={"published": features, "text": features},
                )
            )
    return records


def refused(material_id, conductivity):
    return ScreenedMaterial(
        material_id, "lost", MeasuredConductivity(material_id, conductivity), "no_mobile_ion", {}, {}, {}, {}
    )


@pytest.fixture(scope="module")
def report():
    undecided = ScreenedMaterial(
        "open", "x", MeasuredConductivity("open", 1e-2, "<"), "no_mobile_ion", {}, {}, {}, {}
    )
    return judge_materials(
        [*made_up_records(), refused("zz", 1e-3), undecided],
        mobile_ion="Li",
        parameters=QUICK,
        known_ids={"M000", "m005", "elsewhere"},
        without_structure=["q", "p"],
    )


def row(rows, name):
    return next(
        r for r in rows if name in (getattr(r, "gate", ""), getattr(r, "score", ""), getattr(r, "model", ""))
    )


def test_counts(report):
    assert (report.n, report.n_superionic, report.n_families) == (73, 37, 13)
    assert report.base_rate == pytest.approx(37 / 73)
    assert report.refused == {"no_mobile_ion": ("zz",)}
    assert report.undecided == ("open",)
    assert report.without_structure == ("p", "q")
    assert (report.n_listed, report.n_listed_superionic) == (2, 1)


def test_a_perfect_gate(report):
    gate = row(report.gates, "published: prescreen")
    assert gate.precision.value == 1.0
    assert gate.recall.value == pytest.approx(36 / 37)  # the refused one is missed
    assert gate.enrichment.value == pytest.approx(73 / 37)
    assert gate.enrichment.by_family[0] > 1.2


def test_a_gate_that_says_nothing(report):
    gate = row(report.gates, "r_connected")
    assert gate.kept.value == pytest.approx(72 / 73)
    assert gate.enrichment.value == pytest.approx((36 / 72) / (37 / 73))


def test_scores(report):
    assert [r.score for r in report.scores] == list(PROMISING_IF)
    perfect = row(report.scores, "v3_over_d3")
    assert (perfect.auc.value, perfect.auc.by_family, perfect.held_out_auc.mean) == (1.0, (1.0, 1.0), 1.0)
    assert perfect.top_enrichment.value == pytest.approx(2.0)
    assert perfect.n == 72
    noise = row(report.scores, "v1_A")
    assert noise.auc.by_entry[0] < 0.5 < noise.auc.by_entry[1]
    hops = row(report.scores, "d3_A")  # no member 5, the infinite one, is superionic
    assert hops.promising == "low"
    assert hops.auc.value > 0.6


def test_a_ranking_is_compared_with_another_on_the_same_draws(report):
    comparisons = {c.score: c for c in report.comparisons}
    assert set(comparisons) == {"E_3D_eV", "priority"}
    against_perfect = comparisons["priority"]
    alone = row(report.scores, "priority")
    assert against_perfect.against == "v3_over_d3"
    assert against_perfect.auc_gain.value == pytest.approx(alone.auc.value - 1.0)
    assert against_perfect.held_out_auc_gain.mean == pytest.approx(alone.held_out_auc.mean - 1.0)
    low, high = against_perfect.auc_gain.by_family
    assert low <= against_perfect.auc_gain.value <= high < 0


def test_what_recognises_families_does_not_transfer(report):
    *forests, linear = report.models
    for model in forests:
        assert model.auc_same_families.value > 0.6
        assert model.auc_new_families.value < 0.6
    # It is told the descriptor that alone decides.
    assert linear.auc_new_families.value > 0.6
    assert [m.n_columns for m in report.models] == [7, 22, 22, 50]


def test_clusters_are_families_here(report):
    by_kind = {(r.clustering, r.halves): r for r in report.selections}
    assert len(by_kind) == 4
    for protocol in ("published", "text"):
        assert by_kind[protocol, "same families"].n_clusters == N_FAMILIES
        # seeds find the rest of their families; a lonely superionic member has none
        assert by_kind[protocol, "same families"].recall.mean > 0.6
        assert by_kind[protocol, "same families"].enrichment.mean > 1.2
        # no cluster reaches into a family without a seed
        assert by_kind[protocol, "new families"].kept.mean == 0.0
        assert np.isnan(by_kind[protocol, "new families"].enrichment.mean)
    listed = row(report.gates, "published: cluster of a listed conductor")
    assert listed.kept.value == pytest.approx(4 / 70)  # the family of the two listed
    assert listed.precision.value == 0.0


def test_a_clustering_that_fails_is_reported():
    records = made_up_records()
    same = {"published": records[0].features["published"], "text": records[0].features["text"]}
    alike = [
        ScreenedMaterial(r.id, r.family, r.measured, "", r.gates, r.descriptors, r.trivial, same)
        for r in records
    ]
    report = judge_materials(alike, mobile_ion="Li", parameters=QUICKER, known_ids={"m000"})
    assert all("have the same features" in r.failure for r in report.selections)
    assert not any("listed conductor" in r.gate for r in report.gates)


def test_order_of_the_records_does_not_matter(report):
    records = [*made_up_records(), refused("zz", 1e-3)]
    again = judge_materials(records[::-1], mobile_ion="Li", parameters=QUICKER, known_ids={"m000", "m005"})
    assert again.gates == report.gates
    assert [r.auc for r in again.scores] == [r.auc for r in report.scores]


def test_report_as_json_and_as_tables(report):
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["n"] == 73
    assert data["parameters"]["superionic_S_per_cm"] == 1e-4
    assert data["gates"][0]["enrichment"]["by_family"][0] > 0
    tables = report.tables()
    assert set(tables) == {"gates", "scores", "comparisons", "models", "selections"}
    assert tables["gates"][0]["gate"] == "r_connected"
    assert {"auc", "auc_entry_low", "auc_family_high", "held_out_auc", "held_out_auc_low"} <= set(
        tables["scores"][0]
    )


def test_figure(report, tmp_path):
    figure = plot_benchmark(report)
    left, right = figure.axes
    shown = [" ".join(label.get_text().split()) for label in left.get_yticklabels()]
    assert shown == [gate.gate for gate in report.gates]
    assert len(right.get_yticklabels()) == len(report.scores) + len(report.models)
    figure.savefig(tmp_path / "gates.png", dpi=40)
    assert (tmp_path / "gates.png").stat().st_size > 1000


@pytest.mark.parametrize(
    "wrong",
    [
        {"superionic_S_per_cm": 0.0},
        {"top_fraction": 1.0},
        {"n_bootstrap": 0},
        {"n_splits": 0},
        {"n_folds": 1},
    ],
)
def test_unusable_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BenchmarkParameters(**wrong)


def test_too_little_to_compare():
    records = made_up_records()
    superionic = [r for r in records if r.measured.value_S_per_cm > 1e-4]
    for few in ([], superionic, superionic[:1] + records[4:6], [refused("a", 1e-3), refused("b", 1e-9)]):
        with pytest.raises(InputError, match="too few to tell anything apart"):
            judge_materials(few, mobile_ion="Li", parameters=QUICK, known_ids=())


def rock_salt(anion, a):
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(a), ["Li", anion], [[0, 0, 0], [0.5, 0.5, 0.5]])


def antifluorite(anion, a):
    return Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(a), [anion, "Li"], [[0, 0, 0], [0.25, 0.25, 0.25]]
    )


def test_a_record_of_a_real_structure():
    record = screen_material(rock_salt("Cl", 5.14), MeasuredConductivity("licl", 1e-9, family="Rock salts"))
    assert (record.family, record.refused) == ("rock salt", "")
    assert record.descriptors["r_connected_A"] == pytest.approx(5.14 / np.sqrt(2))
    assert record.descriptors["d3_A"] == pytest.approx(5.14 / np.sqrt(2))
    assert record.descriptors["v3_over_d3"] == pytest.approx(
        record.descriptors["v3_A"] / record.descriptors["d3_A"]
    )
    assert set(record.descriptors) == set(PROMISING_IF)
    assert record.gates["r_connected"]
    assert record.gates["text: prescreen"] == (
        record.gates["text: rho_cycles"] and record.gates["r_connected"]
    )
    assert record.gates["published: prescreen"] == (
        record.gates["published: rho_cycles"]
        and record.gates["published: has_cycles"]
        and record.gates["r_connected"]
    )
    assert {p: len(f) for p, f in record.features.items()} == {p: len(n) for p, n in FEATURE_NAMES.items()}


def test_a_record_without_the_mobile_ion():
    record = screen_material(rock_salt("Cl", 5.14), MeasuredConductivity("licl", 1e-9), mobile_ion="Na")
    assert (record.refused, record.family, record.gates) == ("no_mobile_ion", "Cl-Li", {})


def test_percolation_must_be_asked_for():
    with pytest.raises(ValueError, match="extended"):
        screen_material(
            rock_salt("Cl", 5.14),
            MeasuredConductivity("licl", 1e-9),
            parameters=TopologyParameters(extended=False),
        )


@pytest.mark.parametrize("workers", [1, 2])
def test_from_structures_to_report(workers):
    structures = [
        ("LiF", rock_salt("F", 4.03)),
        ("licl", rock_salt("Cl", 5.14)),
        ("LiBr", rock_salt("Br", 5.49)),
        ("Li2O", antifluorite("O", 4.62)),
        ("li2s", antifluorite("S", 5.71)),
        ("unmeasured", rock_salt("I", 6.03)),
    ]
    table = [
        MeasuredConductivity("lif", 1e-12, "<", "rock salt"),
        MeasuredConductivity("LiCl", 1e-9, family="rock salt"),
        MeasuredConductivity("LiBr", 1e-8, family="rock salt", of_a_relative=True),
        MeasuredConductivity("Li2O", 1e-3),
        MeasuredConductivity("Li2S", 1e-2),
        MeasuredConductivity("Li3N", 1e-3),
    ]
    report = run_conductivity_benchmark(
        structures, table, parameters=QUICKER, known_ids=["li2s"], workers=workers
    )
    assert (report.n, report.n_superionic, report.n_families) == (5, 2, 3)
    assert report.without_structure == ("Li3N",)
    assert report.without_conductivity == ("unmeasured",)
    assert (report.n_listed, report.n_listed_superionic) == (1, 1)
    # of the six pairs only Li2S (2.855 Å) and LiF (2.850 Å) stand the wrong way round
    assert row(report.scores, "r_connected_A").auc.value == pytest.approx(5 / 6)
    if workers == 1:
        exact = BenchmarkParameters(n_bootstrap=10, n_splits=2, include_relatives=False)
        assert run_conductivity_benchmark(structures, table, parameters=exact).n == 4


def test_one_id_with_two_structures_is_refused():
    pair = [("a", rock_salt("F", 4.03)), ("A", rock_salt("F", 4.03))]
    with pytest.raises(InputError, match="A: the id comes with two structures"):
        run_conductivity_benchmark(pair, [MeasuredConductivity("a", 1.0)])
