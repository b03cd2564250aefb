"""The verdict on one material: its window and its activation energy against thresholds."""

import math
from collections.abc import Mapping

from mtl_flows.schemas.base import Provenance, StageParameters
from mtl_flows.schemas.candidates import DynamicsPart
from mtl_flows.schemas.stability import StabilityDocument
from mtl_flows.schemas.verdicts import CriterionRecord, VerdictDocument
from mtl_flows.science.measured import Measured, measured_window
from mtl_flows.science.quantiles import Quantiles
from mtl_flows.science.verdict import (
    ACTIVATION_ENERGY,
    CONDUCTIVITY,
    HULL_HEIGHT,
    WINDOW,
    Verdict,
    VerdictThresholds,
    decide,
)
from mtl_flows.stages.base import Stage

VERDICT = Stage(noun="verdict", version=2, document=VerdictDocument)


def verdict_key(mobile_ion: str, thresholds: VerdictThresholds) -> StageParameters:
    """Key part that the thresholds make."""
    return VERDICT.parameters(thresholds.as_dict(), mobile_ion)


def judge(dynamics: DynamicsPart, window: StabilityDocument | None, thresholds: VerdictThresholds) -> Verdict:
    """Decide from what a row shows of the dynamics, and a window.

    Parameters
    ----------
    dynamics
        Of a row, or a whole row.
    window
        None where no window was computed; the verdict then waits for it.
    thresholds
        They may also bound ``e_above_hull_eV_per_atom`` and ``conductivity_300K_S_per_cm``.
    """
    quantities = {ACTIVATION_ENERGY: _activation_energy(dynamics), CONDUCTIVITY: _conductivity(dynamics)}
    if window is not None:
        origin = f"{window.energies} ({window.energy_scale})"
        quantities[WINDOW] = measured_window(window, thresholds.window_uncertainty_V, origin)
        if window.e_above_hull_eV_per_atom is not None:
            quantities[HULL_HEIGHT] = Measured.exact(window.e_above_hull_eV_per_atom, origin)
    return decide(quantities, thresholds)


def verdict_document(
    verdict: Verdict,
    key: StageParameters,
    *,
    material_id: str,
    structure_id: str,
    formula: str,
    inputs: Mapping[str, str],
    job: str = "",
) -> VerdictDocument:
    """Document a verdict.

    Parameters
    ----------
    inputs
        Ids of the documents that it rests on, by what they are.
    """
    told = verdict.as_dict()
    return VerdictDocument(
        id=f"{material_id}:{key.hash}",
        material_id=material_id,
        structure_id=structure_id,
        parameters_hash=key.hash,
        provenance=Provenance.record(key, inputs, job),
        formula=formula,
        outcome=verdict.outcome,
        criteria=[CriterionRecord(**criterion) for criterion in told["criteria"]],
        what_would_decide=told["what_would_decide"],
    )


def _activation_energy(dynamics: DynamicsPart) -> Measured:
    status, origin = dynamics.dynamics_status, dynamics.engine or "not computed"
    if dynamics.activation_energy_quantiles_eV:
        return Measured.distributed(
            Quantiles(tuple(dynamics.activation_energy_quantiles_eV)),
            origin,
            alone=Quantiles(tuple(dynamics.activation_energy_simulated_quantiles_eV)),
            note=dynamics.what_more.get(ACTIVATION_ENERGY, ""),
        )
    value, low, high = (
        dynamics.activation_energy_eV,
        dynamics.activation_energy_low_eV,
        dynamics.activation_energy_high_eV,
    )
    if status is None:
        return Measured.unusable(origin, note="no molecular dynamics yet")
    if value is None:
        melted = status == "framework_melted"
        return Measured.unusable(origin, "framework_melted" if melted else "unconverged", note=status)
    if low is None or high is None:
        return Measured(value, -math.inf, math.inf, origin, "converged")
    return Measured(value, low, high, origin, "converged")


def _conductivity(dynamics: DynamicsPart) -> Measured:
    low, high = dynamics.conductivity_300K_low_S_per_cm, dynamics.conductivity_300K_high_S_per_cm
    origin = dynamics.engine or "not computed"
    if dynamics.conductivity_300K_quantiles_S_per_cm:
        return Measured.distributed(
            Quantiles(tuple(dynamics.conductivity_300K_quantiles_S_per_cm), logarithmic=True),
            origin,
            alone=Quantiles(tuple(dynamics.conductivity_300K_simulated_quantiles_S_per_cm), logarithmic=True),
            note=dynamics.what_more.get(CONDUCTIVITY, ""),
        )
    if low is None or high is None or not 0 < low <= high:
        return Measured.unusable(origin, note="no conductivity yet")
    return Measured(math.sqrt(low) * math.sqrt(high), low, high, origin, "converged")
