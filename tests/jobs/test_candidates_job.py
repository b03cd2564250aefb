"""Candidate documents: every gate's word, once, and nothing that no longer holds."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import numpy as np
import pytest
from samples import KNOWN, SCREENED, fill, fill_screened, label, structure_document

from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.schemas.barrier import BarrierDocument
from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.schemas.chemistry import ChemistryDocument
from mtl_flows.schemas.clustering import AssignmentDocument
from mtl_flows.schemas.dynamics import TrajectoryDocument, TransportDocument
from mtl_flows.schemas.stability import StabilityDocument
from mtl_flows.schemas.topology import TopologyDocument
from mtl_flows.science.dynamics.ensemble import Line, summarise_orderings
from mtl_flows.science.topology import FEATURE_NAMES, PROTOCOLS, Protocol
from mtl_flows.stages import BARRIER, CHEMISTRY, TOPOLOGY, ScreeningParameters
from mtl_flows.stages.candidates import CandidateInputs
from mtl_flows.stages.candidates import build as build_row
from mtl_flows.stages.evidence import Evidence
from mtl_flows.stages.subjects import RunSource
from mtl_flows.store.database import MTLStore

P = ScreeningParameters()
STRUCTURE = structure_document("li3n").model_copy(update={"representative_id": "icsd-34280"})


SOURCE = RunSource("parent", STRUCTURE.crystal_id, STRUCTURE.id, STRUCTURE.material_id, current=True)


def topology(r_connected_A: float = 3.0, rho: float = 0.3, **changes: Any) -> TopologyDocument:
    fields = {
        "id": "t",
        "crystal_id": STRUCTURE.crystal_id,
        "parameters_hash": P.of(TOPOLOGY).hash,
        "provenance": Provenance.record(P.of(TOPOLOGY), {}),
        "n_sites": 4,
        "n_mobile": 3,
        "n_framework": 1,
        "r_connected_A": r_connected_A,
        "rho_cycles": dict.fromkeys(PROTOCOLS, rho),
        "features": {p: dict.fromkeys(FEATURE_NAMES[p], 1.0) for p in PROTOCOLS},
        **{f"d{k}_A": 2.0 for k in (1, 2, 3)},
        **{f"v{k}_A": 1.0 for k in (1, 2, 3)},
        "timings_s": {},
    }
    return TopologyDocument(**{**fields, **changes})


def chemistry(*failures: int) -> ChemistryDocument:
    return ChemistryDocument(
        id="c",
        crystal_id=STRUCTURE.crystal_id,
        parameters_hash=P.of(CHEMISTRY).hash,
        provenance=Provenance.record(P.of(CHEMISTRY), {}),
        formula="Li3N",
        passed=not failures,
        failures=list(failures),
        rules=[],
    )


def assignment(protocol: Protocol, *, selected: bool) -> AssignmentDocument:
    return AssignmentDocument(
        id=f"{protocol}:a",
        clustering_id=protocol,
        protocol=protocol,
        material_id=STRUCTURE.material_id,
        crystal_id=STRUCTURE.crystal_id,
        cluster="c001",
        exemplar_distance=0.0,
        selected=selected,
        provisional=False,
        is_known_conductor=False,
        nearest_known="",
        nearest_known_distance=None,
    )


def build(**changes: Any) -> CandidateDocument:
    runs = {name: changes.pop(name, ()) for name in ("trajectories", "fits", "windows")}
    by_parent = [{"parent": list(runs[name])} if runs[name] else {} for name in ("trajectories", "fits")]
    evidence = Evidence.of([SOURCE], *by_parent, {STRUCTURE.crystal_id: list(runs["windows"])})
    stages = ("topology", "barrier", "chemistry")
    results = {noun: changes.pop(noun) for noun in stages if changes.get(noun) is not None}
    others = {name: value for name, value in changes.items() if name not in stages}
    row, _ = build_row(CandidateInputs(STRUCTURE, results, evidence=evidence, **others), P)
    return row


def test_a_fresh_structure_has_everything_before_it() -> None:
    candidate = build()
    assert (candidate.furthest_stage, candidate.pending) == ("ingested", ["topology", "chemistry"])
    assert (candidate.survives_published, candidate.passes_chemistry, candidate.failed_rules) == (None,) * 3
    assert (candidate.id, candidate.is_representative, candidate.elements) == (
        "Li:icsd-34280",
        True,
        ["Li", "N"],
    )


@pytest.mark.parametrize(
    ("rho", "selected", "failures"),
    list(product((0.3, 0.9), (True, False, None), ((), (1,), None))),
)
def test_survival_is_what_all_gates_say(
    rho: float, selected: bool | None, failures: tuple[int, ...] | None
) -> None:
    candidate = build(
        topology=topology(rho=rho),
        chemistry=None if failures is None else chemistry(*failures),
        assignments={} if selected is None else {p: assignment(p, selected=selected) for p in PROTOCOLS},
        clustered=frozenset() if selected is None else frozenset(PROTOCOLS),
    )
    prescreened, chemical = rho < 0.6, None if failures is None else not failures
    # What failed the prescreen is not asked for its cluster.
    chosen = selected if prescreened else False
    gates = (prescreened, chosen, chemical)
    survives = False if False in gates else None if None in gates else True
    for protocol in PROTOCOLS:
        assert getattr(candidate, f"passes_prescreen_{protocol}") is prescreened
        assert getattr(candidate, f"selected_{protocol}") is chosen
        assert getattr(candidate, f"survives_{protocol}") is survives
    assert candidate.survives is bool(survives)
    pending = [*(["dynamics"] if survives else []), *(["clustering"] if chosen is None else [])]
    assert candidate.pending == [*pending, *(["chemistry"] if chemical is None else [])]


def test_the_protocols_are_judged_apart() -> None:
    candidate = build(
        topology=topology(rho=0.0),
        chemistry=chemistry(),
        assignments={"text": assignment("text", selected=True)},
        clustered=frozenset(PROTOCOLS),
    )
    assert (candidate.passes_prescreen_published, candidate.passes_prescreen_text) == (False, True)
    assert (candidate.survives_published, candidate.survives_text, candidate.survives) == (False, True, True)
    assert (candidate.furthest_stage, candidate.pending) == ("chemistry", ["dynamics"])


def barrier(E_3D_eV: float | None) -> BarrierDocument:
    return BarrierDocument(
        id="b",
        crystal_id=STRUCTURE.crystal_id,
        parameters_hash=P.of(BARRIER).hash,
        provenance=Provenance.record(P.of(BARRIER), {}),
        mobile_entropy_kB_per_nm3=0.0,
        E_1D_eV=E_3D_eV,
        E_2D_eV=E_3D_eV,
        E_3D_eV=E_3D_eV,
        reason="" if E_3D_eV is not None else "no bond-valence parameters for Li beside Si (-4)",
    )


def test_the_priority_is_a_wide_path_of_short_hops_over_low_barriers() -> None:
    wide = build(topology=topology(v3_A=1.5, d3_A=3.0), barrier=barrier(0.4))
    assert (wide.v3_over_d3, wide.E_3D_eV) == (0.5, 0.4)
    assert wide.priority == pytest.approx(np.log(0.5) - 0.8)
    closed = build(topology=topology(d3_A=float("inf")), barrier=barrier(9.0))
    assert (closed.v3_over_d3, closed.priority) == (0.0, pytest.approx(np.log(0.05) - 6.0))
    # Without a barrier there is the ratio alone.
    for unknown in (None, barrier(None)):
        row = build(topology=topology(v3_A=1.5, d3_A=3.0), barrier=unknown)
        assert (row.v3_over_d3, row.E_3D_eV, row.priority) == (0.5, None, None)
    assert build(topology=topology(v3_A=None, d3_A=None), barrier=barrier(0.4)).priority is None


def line(energy_eV: float, log10_sigma: float) -> Line:
    sigma = 10.0**log10_sigma
    return Line(energy_eV, 0.02, sigma, (sigma / 2.0, sigma * 2.0))


NOW = datetime(2024, 1, 1, tzinfo=UTC)


def simulated(run: str, temperature_K: float, *, age_h: int = 0, **changes: Any) -> TrajectoryDocument:
    created = Provenance.record(P.of(TOPOLOGY), {}).model_copy(
        update={"created_at": NOW - timedelta(hours=age_h)}
    )
    fields = {
        "id": f"o:0:{run}:{temperature_K:g}K",
        "material_id": STRUCTURE.material_id,
        "crystal_id": STRUCTURE.crystal_id,
        "parent_id": "parent",
        "series": "o",
        "approximant_id": "cell",
        "replica": changes.get("ordering", 0),
        "potential_id": run,
        "relaxation_id": f"o:{changes.get('ordering', 0)}:{run}",
        "parameters_hash": run,
        "provenance": created,
        "ordering_id": "o:0",
        "ordering": 0,
        "engine": {"name": run},
        "engine_name": run,
        "trajectory_stage": "production",
        "temperature_K": temperature_K,
        "timestep_fs": 2.0,
        "frame_interval": 10,
        "steps_done": 0,
        "steps_wanted": 1,
        "status": "converged",
    }
    return TrajectoryDocument(**{**fields, **changes})


def fitted(
    run: str,
    energy_eV: float | None,
    *,
    age_h: int = 0,
    status: str = "fitted",
    ordering: int = 0,
    sigma_S_per_cm: float = 1e-3,
    engine: str = "",
    judgement: str = "judgement",
) -> TransportDocument:
    created = Provenance.record(P.of(TOPOLOGY), {}).model_copy(
        update={"created_at": NOW - timedelta(hours=age_h)}
    )
    return TransportDocument(
        id=f"o:{ordering}:{run}:{judgement}",
        material_id=STRUCTURE.material_id,
        crystal_id=STRUCTURE.crystal_id,
        parent_id="parent",
        series="o",
        approximant_id="cell",
        replica=ordering,
        potential_id=run,
        relaxation_id=f"o:{ordering}:{run}",
        dynamics_hash=run,
        parameters_hash=judgement,
        provenance=created,
        ordering_id=f"o:{ordering}",
        ordering=ordering,
        engine_name=engine or run,
        status=status,
        complete=True,
        temperatures_K=[],
        excluded={},
        activation_energy_eV=energy_eV,
        activation_energy_error_eV=None if energy_eV is None else 0.02,
        conductivity_300K_S_per_cm=None if energy_eV is None else sigma_S_per_cm,
        conductivity_300K_low_S_per_cm=None if energy_eV is None else sigma_S_per_cm / 2.0,
        conductivity_300K_high_S_per_cm=None if energy_eV is None else sigma_S_per_cm * 2.0,
    )


def window(run: str, low_V: float, high_V: float, *, age_h: int = 0) -> StabilityDocument:
    created = Provenance.record(P.of(TOPOLOGY), {}).model_copy(
        update={"created_at": NOW - timedelta(hours=age_h)}
    )
    return StabilityDocument(
        id=f"o:0:{run}:window",
        material_id=STRUCTURE.material_id,
        crystal_id=STRUCTURE.crystal_id,
        parent_id="parent",
        relaxation_id=f"o:0:{run}",
        parameters_hash="x",
        provenance=created,
        ordering_id="o:0",
        engine_name=run,
        energies=run,
        energy_scale="toy",
        formula="Li3N",
        status="known",
        missing=[],
        open_edges=[],
        low_V=low_V,
        high_V=high_V,
        width_V=high_V - low_V,
        stability="stable",
        on_hull=True,
        e_above_hull_eV_per_atom=0.0,
        decomposition=[],
        reduction_products=[],
        oxidation_products=[],
        voltage_profile=[],
        n_competing_phases=3,
        skipped={},
    )


def test_runs_of_the_dynamics_are_not_mixed() -> None:
    """The newest run is shown, with its own fit; what other parameters gave is left in its collection."""
    old = [simulated("old", T, age_h=9) for T in (800.0, 1000.0)]
    new = [simulated("new", 1200.0, age_h=1, status="running"), simulated("new", 900.0, age_h=1)]
    while_running = build(trajectories=[*old, *new], fits=[fitted("old", 0.2, age_h=8)])
    assert [d.temperature_K for d in while_running.diffusivities] == [900.0, 1200.0]
    assert (while_running.engine, while_running.dynamics_status) == ("new", "running")
    assert while_running.activation_energy_eV is None
    done = build(
        trajectories=[*new, *old],
        fits=[fitted("new", 0.4, age_h=2, judgement="before"), fitted("new", 0.3), fitted("old", 0.2)],
    )
    assert (done.engine, done.dynamics_status, done.activation_energy_eV) == ("new", "fitted", 0.3)
    assert (done.furthest_stage, done.verdict) == ("dynamics", "undecided")
    with_window = build(
        trajectories=[*new, *old],
        fits=[fitted("new", 0.3), fitted("old", 0.2)],
        windows=[window("new", 0.0, 3.0, age_h=3), window("old", 0.0, 0.1)],
    )
    assert (with_window.window_status, with_window.window_high_V) == ("known", 3.0)
    assert (with_window.verdict, with_window.furthest_stage) == ("pass", "verdict")


def test_a_row_summarises_the_orderings_of_its_run_and_no_others() -> None:
    runs = [
        simulated("new", 900.0, ordering=k, ordering_id=f"o:{k}", id=f"o:{k}:new:900K") for k in (0, 1, 2)
    ]
    lines = [line(0.30, -3.0), line(0.36, -4.0)]
    fits = [
        fitted("new", 0.30, sigma_S_per_cm=1e-3),
        fitted("new", 0.36, sigma_S_per_cm=1e-4, ordering=1),
        fitted("new", None, status="upper_bound", ordering=2, age_h=-1),
        # The newest of all, yet of another run.
        fitted("old", 0.9, sigma_S_per_cm=1e-9, age_h=-5, ordering=1, engine="new"),
    ]
    row = build(trajectories=[*runs, simulated("old", 900.0, age_h=2)], fits=fits)
    expected = summarise_orderings(lines)
    assert (row.n_orderings, row.n_fits, row.dynamics_status) == (3, 2, "fitted")
    assert row.activation_energy_eV == pytest.approx(0.33)
    assert row.activation_energy_error_eV == pytest.approx(expected.activation_energy_error_eV)
    assert row.activation_energy_spread_eV == pytest.approx(0.06 / np.sqrt(2))
    assert row.conductivity_300K_S_per_cm == pytest.approx(10**-3.5)
    assert row.conductivity_300K_spread_decades == pytest.approx(1 / np.sqrt(2))
    assert (row.conductivity_300K_low_S_per_cm, row.conductivity_300K_high_S_per_cm) == pytest.approx(
        expected.conductivity_interval_S_per_cm
    )
    # Another protocol of the same potential is no second opinion.
    assert (row.compared_engines, row.potentials_agree) == ([], None)


def test_two_orderings_that_differ_are_too_few_for_a_verdict_on_their_mean() -> None:
    runs = [simulated("new", 900.0, ordering=k, ordering_id=f"o:{k}", id=f"o:{k}:new:900K") for k in (0, 1)]
    wide, narrow = (
        build(
            trajectories=runs,
            fits=[fitted("new", 0.6 - apart, ordering=0), fitted("new", 0.6 + apart, ordering=1)],
            windows=[window("new", 0.0, 3.0)],
        )
        for apart in (0.05, 0.005)
    )
    # Student's t with one degree of freedom: 12.7 standard errors.
    assert wide.activation_energy_low_eV == pytest.approx(0.6 - 12.706 * 0.05, abs=1e-3)
    assert (wide.verdict, narrow.verdict) == ("undecided", "pass")


def test_one_fit_is_shown_as_it_is_and_without_a_spread() -> None:
    row = build(trajectories=[simulated("toy", 900.0)], fits=[fitted("toy", 0.3)])
    assert (row.n_orderings, row.n_fits, row.activation_energy_eV) == (1, 1, 0.3)
    assert row.activation_energy_error_eV == pytest.approx(0.02)
    assert (row.conductivity_300K_low_S_per_cm, row.conductivity_300K_high_S_per_cm) == pytest.approx(
        (5e-4, 2e-3)
    )
    assert (row.activation_energy_spread_eV, row.conductivity_300K_spread_decades) == (None, None)


@pytest.mark.parametrize(("sigma_S_per_cm", "agree"), [(1.5e-3, True), (1e-5, False)])
def test_a_second_potential_is_compared_and_not_mixed_in(sigma_S_per_cm: float, agree: bool) -> None:
    runs = [simulated("new", 900.0), simulated("old", 900.0, age_h=9)]
    fits = [
        fitted("new", 0.3),
        fitted("old", 0.31, sigma_S_per_cm=sigma_S_per_cm, age_h=8),
        # An older protocol of that potential, and a third one without a line, say nothing.
        fitted("old", 0.9, sigma_S_per_cm=1e-12, age_h=20, judgement="before"),
        fitted("third", None, status="failed"),
    ]
    row = build(trajectories=runs, fits=fits)
    assert (row.engine, row.n_fits, row.activation_energy_eV) == ("new", 1, 0.3)
    assert (row.compared_engines, row.potentials_agree) == (["old"], agree)
    # The order in which documents come does not matter, and the newest run decides which is shown.
    assert build(trajectories=runs[::-1], fits=fits[::-1]) == row
    other = build(trajectories=[simulated("new", 900.0, age_h=10), runs[1]], fits=fits)
    assert (other.engine, other.activation_energy_eV, other.compared_engines) == ("old", 0.31, ["new"])


@pytest.mark.parametrize(
    ("energy_eV", "high_V", "verdict"),
    [
        (0.3, 3.0, "pass"),
        (1.5, 3.0, "fail"),
        (0.3, 0.1, "fail"),
        (0.99, 3.0, "undecided"),
        (None, 3.0, "undecided"),
    ],
)
def test_the_verdict_takes_errors_into_account(energy_eV: float | None, high_V: float, verdict: str) -> None:
    status = "fitted" if energy_eV is not None else "unconverged"
    candidate = build(
        trajectories=[simulated("toy", 800.0)],
        fits=[fitted("toy", energy_eV, status=status)],
        windows=[window("toy", 0.0, high_V)],
    )
    assert candidate.verdict == verdict
    assert bool(candidate.what_would_decide) == (verdict == "undecided")
    assert candidate.furthest_stage == ("stability" if verdict == "undecided" else "verdict")


def test_a_row_shows_one_run_of_its_group_and_says_whose() -> None:
    """The material's own, else that of the one that stands for it, else the most complete; never pooled."""
    own = SOURCE
    head = RunSource("head", "c2", "head.r1", "head", current=True, kin="head")
    few = RunSource("few", "c3", "few.r1", "few", current=True, kin="member")
    many = RunSource("many", "c4", "many.r1", "many", current=True, kin="member")
    earlier = RunSource("before", "c5", "icsd-34280.r0", STRUCTURE.material_id, current=False)
    sources = [own, head, few, many, earlier]

    def shown(*simulated_ones: RunSource) -> RunSource | None:
        runs = {s.parent_id: [simulated("toy", 900.0, steps_done=len(s.parent_id))] for s in simulated_ones}
        return Evidence.of(sources, runs, {}, {}).source

    assert shown(*sources) == own
    assert shown(head, few, many, earlier) == head
    assert shown(few, many, earlier) == many
    assert shown(earlier) == earlier
    assert shown() is None


@pytest.fixture
def screened(store: MTLStore) -> MTLStore:
    return fill_screened(store)


def dump(store: MTLStore) -> list[dict[str, Any]]:
    return list(store.candidates.raw.find(sort=[("_id", 1)]))


def test_rebuilding_changes_nothing(screened: MTLStore) -> None:
    before = dump(screened)
    assert rebuild_candidates(screened, P) == 0
    assert dump(screened) == before
    screened.candidates.raw.delete_many({})
    assert rebuild_candidates(screened, P) == len(SCREENED)
    assert dump(screened) == before


def test_the_table_agrees_with_what_the_stages_wrote(screened: MTLStore) -> None:
    for candidate in screened.candidates.find():
        key = candidate.structure_id
        subjects = screened.structures.subjects([key])
        found = screened.topology.found(TOPOLOGY.keys(subjects, P.of(TOPOLOGY)))[key]
        verdict = screened.chemistry.found(CHEMISTRY.keys(subjects, P.of(CHEMISTRY)))[key]
        assert candidate.r_connected_A == found.r_connected_A
        assert candidate.rho_cycles_text == found.rho_cycles["text"]
        assert candidate.failed_rules == verdict.failures
        assert candidate.is_known_conductor == (candidate.material_id in KNOWN)
        for protocol in PROTOCOLS:
            run = screened.clusterings.current(protocol)
            mine = screened.assignments.of(run.id, [candidate.crystal_id]).get(candidate.crystal_id)
            assert getattr(candidate, f"cluster_{protocol}") == (mine.cluster if mine else None)
    survivors = {c.material_id for c in screened.candidates.survivors()}
    assert "li10gep2s12" in survivors
    assert not survivors & {"li3ocl", "licl", "licoo2", "li7p3s11"}


def test_labels_enter_whatever_their_case(screened: MTLStore) -> None:
    label(screened, "LiCl", known_conductor=True, conductivity_S_per_cm=1e-9)
    assert rebuild_candidates(screened, P) == 1
    candidate = screened.candidates.get("licl")
    assert (candidate.is_known_conductor, candidate.conductivity_measured_S_per_cm) == (True, 1e-9)


def test_withdrawn_and_superseded_structures_leave_the_table(screened: MTLStore) -> None:
    structures = screened.structures.raw
    structures.update_one({"_id": "licl.r1"}, {"$set": {"withdrawn": True}})
    newer = screened.structures.get("li3ocl.r1")
    structures.update_one({"_id": newer.id}, {"$set": {"current": False}})
    screened.structures.add(
        [newer.model_copy(update={"id": "li3ocl.r2", "revision": 2, "fingerprint": "other"})]
    )
    assert rebuild_candidates(screened, P, ["li7sbo6.r1"]) == 0  # a part says nothing of the rest
    assert screened.candidates.existing(["licl"])
    assert rebuild_candidates(screened, P) == 2
    assert not screened.candidates.existing(["licl"])
    revised = screened.candidates.get("li3ocl")
    assert (revised.structure_id, revised.furthest_stage) == ("li3ocl.r2", "prescreen")
    # The same crystal keeps its results; another has none yet.
    structures.update_one({"_id": "li3ocl.r2"}, {"$set": {"crystal_id": "another"}})
    assert rebuild_candidates(screened, P) == 1
    assert screened.candidates.get("li3ocl").furthest_stage == "ingested"


def test_duplicates_are_marked(store: MTLStore) -> None:
    ids = fill(store, "li3n", "licl")
    store.structures.raw.update_one({"_id": ids[1]}, {"$set": {"representative_id": "icsd-34280"}})
    rebuild_candidates(store, P)
    assert store.candidates.get("icsd-34280").is_representative
    duplicate = store.candidates.get("licl")
    assert (duplicate.is_representative, duplicate.representative_id) == (False, "icsd-34280")
