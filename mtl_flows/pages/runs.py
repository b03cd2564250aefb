"""What the page of a material shows of its simulations and its window."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from mtl_flows.errors import DynamicsError, NotFoundError
from mtl_flows.jobs.evidence import gather
from mtl_flows.pages.origins import origin
from mtl_flows.plotting.arrhenius import ArrheniusData, Band, arrhenius_of
from mtl_flows.plotting.msd import displacement_data
from mtl_flows.plotting.volumes import SHARES, VolumeData, level_of_share, simulation_density
from mtl_flows.plotting.window import window_data
from mtl_flows.report.transport import transport_report
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.schemas.dynamics import TrajectoryDocument
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.evidence import Evidence
from mtl_flows.store.database import MTLStore

_STEPS: Final = 200  # of a density, from nothing to the densest hundredth
_HIGHEST: Final = 255


def run_records(
    store: MTLStore,
    parameters: ScreeningParameters,
    rows: Sequence[CandidateDocument],
    with_density: frozenset[str],
) -> dict[str, dict[str, Any]]:
    """Gather simulations, their posterior, the window, and the density of the ions of the hottest simulation.

    Returns
    -------
    dict
        By material, of those that were simulated or have a window.
    """
    concerned = {
        row.material_id: row
        for row in rows
        if row.dynamics_status is not None or row.window_status is not None or row.compared_engines
    }
    if not concerned:
        return {}
    evidence = gather(store, store.groups.sources(concerned), parameters.mobile_ion)
    return {
        material: _record(store, row, evidence[material], dense=material in with_density)
        for material, row in concerned.items()
    }


def _record(store: MTLStore, row: CandidateDocument, evidence: Evidence, *, dense: bool) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if evidence.trajectories:
        told["msd"] = displacement_data(evidence.trajectories, row.mobile_ion).as_dict()
        if dense:
            told["density"] = _density(store, evidence.trajectories, row.mobile_ion)
    arrhenius = arrhenius_of(f"{row.material_id}  {row.reduced_formula}", row, evidence)
    if arrhenius is not None:
        told["arrhenius"] = _arrhenius(arrhenius)
    if evidence.window is not None:
        told["window"] = window_data(evidence.window).as_dict()
    told["potentials"] = _potentials(store, row.material_id)
    told["origins"] = [
        *(origin(f"dynamics, {t.temperature_K:g} K", t.provenance) for t in evidence.trajectories),
        *(origin("transport", fit.provenance) for fit in evidence.fits),
        *([origin("stability", evidence.window.provenance)] if evidence.window else []),
    ]
    return told


def _arrhenius(data: ArrheniusData) -> dict[str, Any]:
    row = data.row
    numbers = (
        *("activation_energy", "conductivity_300K"),
        *("P_conducts", "P_energy", "potential_error", "potential_bias"),
    )
    fields = row.model_dump()
    return {
        "points": [
            [p.temperature_K, p.ordering, p.D_cm2_per_s, p.low_cm2_per_s, p.high_cm2_per_s, p.status]
            for p in data.points
        ],
        "simulated": _band(data.simulated),
        "crystal": _band(data.crystal),
        "numbers": {
            name: value
            for name, value in fields.items()
            if name.startswith(numbers) and not isinstance(value, list)
        },
        "engine": row.engine,
        "status": row.dynamics_status,
        "n_orderings": row.n_orderings,
        "compared_engines": row.compared_engines,
        "potentials_agree": row.potentials_agree,
    }


def _band(band: Band) -> dict[str, Any]:
    return {
        name: np.round(values, 3).tolist()
        for name, values in (
            ("T", band.temperatures_K),
            ("low", band.low),
            ("median", band.median),
            ("high", band.high),
        )
    }


def _potentials(store: MTLStore, material: str) -> dict[str, Any]:
    """What each potential and protocol gave, and how they compare."""
    try:
        report = transport_report(store, material)
    except NotFoundError:
        return {}
    return {name: report[name] for name in ("orderings", "posterior", "potentials", "directions")}


def _density(store: MTLStore, simulations: Sequence[TrajectoryDocument], ion: str) -> dict[str, Any] | None:
    """Where the ions of the hottest simulation were; None where its frames cannot be read."""
    simulation = max(simulations, key=lambda s: (s.temperature_K, s.steps_done))
    try:
        return density_record(simulation_density(store, simulation, ion), simulation.temperature_K)
    except DynamicsError:
        return None


def density_record(found: VolumeData, temperature_K: float) -> dict[str, Any]:
    """Gather the density of the mobile ions in steps, and the framework of the first frame.

    The levels of the surfaces that hold some shares of the ions are in steps, too.
    """
    density = found.values
    # What a few voxels hold beyond the densest hundredth needs no steps of its own.
    top = float(np.quantile(density[density > 0.0], 0.99))
    values = np.minimum(np.round(density / top * _STEPS), _HIGHEST).astype(int)
    return {
        "temperature_K": temperature_K,
        "drawing": found.drawing.as_dict(),
        "shape": list(values.shape),
        "origin": [0.0, 0.0, 0.0],
        "values": values.ravel().tolist(),
        "levels": {f"{share:g}": level_of_share(density, share) / top * _STEPS for share in SHARES},
    }
