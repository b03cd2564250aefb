"""Documents of every stage for one material, and the row that is built of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from samples import structure_document

from mtl_flows.schemas.barrier import BarrierDocument
from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.schemas.chemistry import ChemistryDocument
from mtl_flows.schemas.clustering import AssignmentDocument
from mtl_flows.schemas.dynamics import TrajectoryDocument, TransportDocument
from mtl_flows.schemas.stability import StabilityDocument
from mtl_flows.schemas.topology import TopologyDocument
from mtl_flows.science.dynamics.ensemble import Line
from mtl_flows.science.topology import FEATURE_NAMES, PROTOCOLS, Protocol
from mtl_flows.stages import BARRIER, CHEMISTRY, TOPOLOGY, ScreeningParameters
from mtl_flows.stages.candidates import CandidateInputs
from mtl_flows.stages.candidates import build as build_row
from mtl_flows.stages.evidence import Evidence
from mtl_flows.stages.subjects import RunSource

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
