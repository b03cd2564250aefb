"""The Arrhenius fit over the temperatures of one approximant."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mtl_flows.schemas.base import Provenance, StageParameters, content_hash
from mtl_flows.schemas.dynamics import OrderingDocument, Sample, TrajectoryDocument, TransportDocument
from mtl_flows.science.dynamics import DiffusionResult, fit_arrhenius
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.posterior import observed, posterior_record
from mtl_flows.stages.runs import TRANSPORT


def build_transport(
    approximant: OrderingDocument,
    simulated: Iterable[TrajectoryDocument],
    parameters: DynamicsParameters,
    job: str = "",
) -> TransportDocument:
    """Fit what the temperatures of one ordering's cell and replica gave.

    Only converged temperatures enter. A simulation that was stopped by a guard, has failed, or is missing, is listed
    among the excluded.

    Parameters
    ----------
    simulated
        Simulations of the sample; other temperatures than those of the parameters are left alone.
    """
    wanted = {t: parameters.trajectory_id(approximant.sample, t) for t in parameters.temperatures_K}
    found = {s.id: s for s in simulated}
    simulations = [found[key] for key in wanted.values() if key in found]
    missing = {t: "not simulated" for t, key in wanted.items() if key not in found}
    stage = transport_key(parameters)
    return TransportDocument(
        id=transport_id(approximant.sample, parameters),
        crystal_id=approximant.crystal_id,
        parent_id=approximant.parent_id,
        material_id=approximant.material_id,
        series=parameters.ordering_stage().hash,
        approximant_id=approximant.approximant_id,
        replica=approximant.replica,
        relaxation_id=parameters.relaxation_id(approximant.approximant_id),
        potential_id=parameters.potential_id,
        dynamics_hash=parameters.dynamics_stage().hash,
        parameters_hash=stage.hash,
        provenance=Provenance.record(stage, frames_of(simulations), job),
        ordering_id=approximant.id,
        ordering=approximant.ordering,
        engine_name=parameters.engine,
        **fitted(simulations, missing),
    )


def fitted(simulations: Sequence[TrajectoryDocument], missing: Mapping[float, str]) -> dict[str, Any]:
    """Fields of a fit that follow from simulations of one sample.

    Parameters
    ----------
    missing
        Temperatures that were to be simulated and were not, with the reason.
    """
    fit = fit_arrhenius([diffusion_of(s) for s in simulations if _is_judged(s)])
    excluded = {f"{t:g}": reason for t, reason in fit.excluded}
    excluded |= {f"{t:g}": reason for t, reason in missing.items()}
    excluded |= {f"{s.temperature_K:g}": f"{s.status}: {s.reason}" for s in simulations if not _is_judged(s)}
    seen = observed(simulations)
    line = fit.fit
    low, high = line.conductivity_interval_S_per_cm if line else (None, None)
    return {
        "status": _status(str(fit.status), simulations),
        "complete": not missing and all(s.status != "running" and not s.retry for s in simulations),
        "reason": "; ".join(f"{t} K {why}" for t, why in excluded.items()),
        "temperatures_K": list(fit.temperatures_K),
        "excluded": excluded,
        "activation_energy_eV": line.activation_energy_eV if line else None,
        "activation_energy_error_eV": line.activation_energy_error_eV if line else None,
        "conductivity_300K_S_per_cm": line.conductivity_S_per_cm if line else None,
        "conductivity_300K_low_S_per_cm": low,
        "conductivity_300K_high_S_per_cm": high,
        "fit": fit.as_dict(),
        "posterior": posterior_record(seen) if seen is not None and seen.temperatures_K else None,
    }


def transport_key(parameters: DynamicsParameters) -> StageParameters:
    """Key part that the temperatures and the analysis make."""
    values = {"temperatures_K": list(parameters.temperatures_K), "judgement": parameters.judgement_hash()}
    return TRANSPORT.parameters(values, parameters.mobile_ion)


def transport_id(sample: Sample, parameters: DynamicsParameters) -> str:
    """Id of the fit over the temperatures of one sample."""
    return f"{parameters.run_id(sample)}:{transport_key(parameters).hash}"


def diffusion_of(simulation: TrajectoryDocument) -> DiffusionResult:
    """Diffusion result that was stored with a simulation."""
    return DiffusionResult.from_dict(dict(simulation.diffusion or {}))


def _is_judged(simulation: TrajectoryDocument) -> bool:
    """Whether the stored analysis is of the simulation as it stands: one that failed later is older than its end."""
    return simulation.diffusion is not None and simulation.diffusion["status"] == simulation.status


def _status(fit_status: str, simulations: Sequence[TrajectoryDocument]) -> str:
    """``fitted``, or why there is no line: the status that most temperatures share."""
    if fit_status == "fitted" or not simulations:
        return fit_status
    statuses = [s.status for s in simulations if s.status != "converged"]
    return max(sorted(set(statuses)), key=statuses.count) if statuses else fit_status


def frames_of(simulations: Sequence[TrajectoryDocument]) -> dict[str, str]:
    """Content of the frames of each simulation, as a provenance keeps it."""
    # Keys of MongoDB documents should hold no dots.
    return {
        f"{s.temperature_K:g} K".replace(".", "_"): content_hash(
            [block.sha256 for c in s.chunks for block in c.blocks]
        )
        for s in simulations
    }
