"""What the dynamics say about one material: each fit, the spread over orderings, potentials side by side."""

from collections.abc import Iterable
from dataclasses import asdict
from itertools import combinations
from typing import Any

from mtl_flows.errors import NotFoundError
from mtl_flows.schemas.dynamics import TrajectoryDocument, TransportDocument
from mtl_flows.science.dynamics import DiffusionTensor
from mtl_flows.science.dynamics.ensemble import Line, compare_potentials, summarise_orderings
from mtl_flows.store.database import MTLStore


def transport_report(store: MTLStore, material_id: str) -> dict[str, Any]:
    """Return every fit of a material, a summary for each potential and protocol, and their comparison.

    Simulations with a diffusivity are listed with its principal values under `directions`.

    Raises
    ------
    NotFoundError
        If nothing was simulated.
    """
    fits = list(store.transport.find({"material_id": material_id}))
    if not fits:
        raise NotFoundError("no dynamics", subject=material_id, remedy="run mtl launch or mtl campaign start")
    groups: dict[str, list[TransportDocument]] = {}
    for fit in fits:
        groups.setdefault(_series(fit), []).append(fit)
    summaries = {}
    for series, members in groups.items():
        lines = [line for line in map(_line, members) if line is not None]
        if lines:
            summaries[series] = summarise_orderings(lines)
    return {
        "material": material_id,
        "fits": [
            {
                "series": _series(fit),
                "ordering": fit.ordering,
                "status": fit.status,
                "complete": fit.complete,
                "temperatures_K": fit.temperatures_K,
                "excluded": fit.excluded,
                "activation_energy_eV": fit.activation_energy_eV,
                "activation_energy_error_eV": fit.activation_energy_error_eV,
                "conductivity_300K_S_per_cm": fit.conductivity_300K_S_per_cm,
                "conductivity_300K_low_S_per_cm": fit.conductivity_300K_low_S_per_cm,
                "conductivity_300K_high_S_per_cm": fit.conductivity_300K_high_S_per_cm,
            }
            for fit in sorted(fits, key=lambda fit: (_series(fit), fit.ordering))
        ],
        "orderings": [{"series": series, **asdict(summary)} for series, summary in sorted(summaries.items())],
        "potentials": [
            {"first": a, "second": b, **asdict(compare_potentials(summaries[a], summaries[b]))}
            for a, b in combinations(sorted(summaries), 2)
            if a.split(" ")[0] != b.split(" ")[0]
        ],
        "directions": _directions(
            store.dynamics.find({"material_id": material_id, "trajectory_stage": "production"})
        ),
    }


def _directions(simulations: Iterable[TrajectoryDocument]) -> list[dict[str, Any]]:
    """How diffusion depends on the direction, for each simulation that has a diffusivity."""
    rows = []
    for simulation in sorted(simulations, key=lambda s: (s.ordering_id, s.engine_name, s.temperature_K)):
        stored = ((simulation.diffusion or {}).get("fit") or {}).get("tensor")
        if stored is None or simulation.diffusivity_cm2_per_s is None:
            continue
        tensor = DiffusionTensor.from_dict(stored)
        rows.append(
            {
                "engine": simulation.engine_name,
                "ordering": simulation.ordering,
                "temperature_K": simulation.temperature_K,
                "principal_cm2_per_s": tensor.principal_cm2_per_s,
                "error_cm2_per_s": tensor.principal_error_cm2_per_s,
                "axes": tensor.axes,
                "dimensionality": tensor.dimensionality,
            }
        )
    return rows


def _series(fit: TransportDocument) -> str:
    """Name of the fits that differ in nothing but the ordering."""
    dynamics = fit.id.split(":")[-2]
    return f"{fit.engine_name} {dynamics[:6]}-{fit.parameters_hash[:6]}"


def _line(fit: TransportDocument) -> Line | None:
    numbers = (
        fit.activation_energy_eV,
        fit.activation_energy_error_eV,
        fit.conductivity_300K_S_per_cm,
        fit.conductivity_300K_low_S_per_cm,
        fit.conductivity_300K_high_S_per_cm,
    )
    energy, error, sigma, low, high = numbers
    if energy is None or error is None or sigma is None or low is None or high is None:
        return None
    return Line(energy, error, sigma, (low, high))
