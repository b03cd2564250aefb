"""What the dynamics say about one material: each fit, the spread over orderings, potentials side by side."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from mtl_flows.errors import NotFoundError
from mtl_flows.schemas.dynamics import TrajectoryDocument, TransportDocument
from mtl_flows.science.dynamics import DiffusionTensor
from mtl_flows.stages.ensembles import Series, series_comparisons, series_summaries
from mtl_flows.stages.posterior import observed
from mtl_flows.store.database import MTLStore


def transport_report(store: MTLStore, material_id: str) -> dict[str, Any]:
    """Return every fit of a material or a duplicate, a summary for each potential and protocol, their comparison.

    Simulations with a diffusivity are listed with its principal values under `directions`.

    Raises
    ------
    NotFoundError
        If nothing was simulated.
    """
    sources = store.groups.sources([material_id]).get(material_id, [])
    parents = {source.parent_id: source for source in reversed(sources)}
    orderings = store.orderings.samples(parents)
    fits = [fit for found in store.transport.of_samples(orderings).values() for fit in found]
    if not fits:
        raise NotFoundError("no dynamics", subject=material_id, remedy="run mtl launch or mtl campaign start")
    # Never pooled over members: the summaries are those of the first that has fits.
    first = next(
        parent
        for parent in dict.fromkeys(s.parent_id for s in sources)
        if any(f.parent_id == parent for f in fits)
    )
    summaries = series_summaries(fit for fit in fits if fit.parent_id == first)
    return {
        "material": material_id,
        "fits": [
            {
                "series": str(Series.of(fit)),
                "of": parents[fit.parent_id].structure_id,
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
            for fit in sorted(fits, key=lambda fit: (fit.parent_id, Series.of(fit), fit.ordering))
        ],
        "orderings": [{"series": str(series), **asdict(found)} for series, found in summaries.items()],
        "posterior": _posteriors(fit for fit in fits if fit.parent_id == first),
        "potentials": [
            {"first": str(a), "second": str(b), **asdict(consensus)}
            for a, b, consensus in series_comparisons(summaries)
        ],
        "directions": _directions(
            simulation
            for found in store.dynamics.of_samples(
                orderings, also={"trajectory_stage": "production"}
            ).values()
            for simulation in found
        ),
    }


def _posteriors(fits: Iterable[TransportDocument]) -> list[dict[str, Any]]:
    """What every temperature together says of the simulation, for each potential and protocol."""
    by_series: dict[Series, list[TransportDocument]] = {}
    for fit in fits:
        by_series.setdefault(Series.of(fit), []).append(fit)
    rows = []
    for series, found in sorted(by_series.items()):
        seen = observed((), found)
        if seen is None:
            continue
        said = seen.transport(seen.belief())
        rows.append(
            {
                "series": str(series),
                "orderings": len(seen.readings),
                "temperatures_K": list(seen.temperatures_K),
                "activation_energy_eV": said.activation_energy_eV.median,
                "activation_energy_interval_eV": list(said.activation_energy_eV.interval),
                "conductivity_300K_S_per_cm": said.conductivity_S_per_cm.median,
                "conductivity_300K_interval_S_per_cm": list(said.conductivity_S_per_cm.interval),
                "P_conducts": said.conducts,
            }
        )
    return rows


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
