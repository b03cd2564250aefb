"""The verdict on one material: its window and its activation energy against thresholds, kept as a document."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mtl_flows.jobs.context import job_id
from mtl_flows.schemas.base import Provenance, StageParameters
from mtl_flows.schemas.stability import StabilityDocument
from mtl_flows.schemas.verdicts import CriterionRecord, VerdictDocument
from mtl_flows.science.verdict import (
    ACTIVATION_ENERGY,
    WINDOW,
    Measured,
    Verdict,
    VerdictThresholds,
    decide,
    measured_window,
)
from mtl_flows.store.database import MTLStore

ALGORITHM_VERSION = 1

WINDOW_UNCERTAINTY_V = 0.2
"""Half-width of the interval of a window; typical of GGA energies and of potentials trained on them."""

HULL_HEIGHT = "e_above_hull_eV_per_atom"
CONDUCTIVITY = "conductivity_300K_S_per_cm"

_95_PERCENT = 1.96


def judge(
    fields: Mapping[str, Any],
    window: StabilityDocument | None,
    thresholds: VerdictThresholds | None = None,
    *,
    window_uncertainty_V: float = WINDOW_UNCERTAINTY_V,
) -> Verdict:
    """Decide from a candidate's dynamics and a window.

    Parameters
    ----------
    fields
        Of the candidate: engine, status of the dynamics, activation energy and its interval (or else its error),
        conductivity.
    window
        None where no window was computed; the verdict then waits for it.
    thresholds
        Criteria; None for the published ones. They may also bound ``e_above_hull_eV_per_atom`` and
        ``conductivity_300K_S_per_cm``.
    window_uncertainty_V
        Half-width of the interval of the window.
    """
    quantities = {ACTIVATION_ENERGY: _activation_energy(fields), CONDUCTIVITY: _conductivity(fields)}
    if window is not None:
        origin = f"{window.energies} ({window.energy_scale})"
        quantities[WINDOW] = measured_window(window, window_uncertainty_V, origin)
        if window.e_above_hull_eV_per_atom is not None:
            quantities[HULL_HEIGHT] = Measured.exact(window.e_above_hull_eV_per_atom, origin)
    return decide(quantities, thresholds)


def verdict_stage(
    mobile_ion: str,
    thresholds: VerdictThresholds | None = None,
    *,
    window_uncertainty_V: float = WINDOW_UNCERTAINTY_V,
) -> StageParameters:
    """Key of the verdicts under some thresholds."""
    return StageParameters(
        stage="verdict",
        algorithm_version=ALGORITHM_VERSION,
        mobile_ion=mobile_ion,
        values={
            "criteria": list((thresholds or VerdictThresholds()).as_dict()["criteria"]),
            "window_uncertainty_V": window_uncertainty_V,
        },
    )


def verdict_document(
    verdict: Verdict,
    stage: StageParameters,
    *,
    material_id: str,
    structure_id: str,
    formula: str,
    inputs: Mapping[str, str],
) -> VerdictDocument:
    """Document a verdict."""
    told = verdict.as_dict()
    return VerdictDocument(
        id=f"{material_id}:{stage.hash}",
        material_id=material_id,
        structure_id=structure_id,
        parameters_hash=stage.hash,
        provenance=Provenance.record(stage, inputs, job_id()),
        formula=formula,
        outcome=verdict.outcome,
        criteria=[CriterionRecord(**criterion) for criterion in told["criteria"]],
        what_would_decide=told["what_would_decide"],
    )


def write_verdicts(store: MTLStore, documents: Iterable[VerdictDocument]) -> int:
    """Write verdicts that say something new; those that stand already keep their date. Gives their number."""
    new = list(documents)
    standing = {d.id: _says(d) for d in store.verdicts.find({"_id": {"$in": [d.id for d in new]}})}
    changed = [d for d in new if standing.get(d.id) != _says(d)]
    store.verdicts.put(changed)
    return len(changed)


def chosen_window(windows: Sequence[StabilityDocument]) -> StabilityDocument | None:
    """Return the window that a verdict rests on; None if there is none.

    A known one before an unknown one, then energies of a database or a file before those of a potential, then the
    newest.
    """
    return max(
        windows,
        key=lambda w: (w.status == "known", w.provider != "potential", w.provenance.created_at),
        default=None,
    )


def window_fields(window: StabilityDocument | None) -> dict[str, Any]:
    """What the candidate table shows of a window; nothing where there is none."""
    if window is None:
        return {}
    return {
        "window_status": window.status,
        "window_low_V": window.low_V,
        "window_high_V": window.high_V,
        "window_width_V": window.width_V,
        "e_above_hull_eV_per_atom": window.e_above_hull_eV_per_atom,
    }


def _says(document: VerdictDocument) -> dict[str, Any]:
    return document.model_dump(exclude={"provenance": {"created_at", "job"}})


def _activation_energy(fields: Mapping[str, Any]) -> Measured:
    status, value = fields.get("dynamics_status"), fields.get("activation_energy_eV")
    origin = str(fields.get("engine") or "not computed")
    if value is None:
        if status is None:
            return Measured.unusable(origin, note="no molecular dynamics yet")
        melted = status == "framework_melted"
        return Measured.unusable(origin, "framework_melted" if melted else "unconverged", note=f"{status}")
    low, high = fields.get("activation_energy_low_eV"), fields.get("activation_energy_high_eV")
    if low is None or high is None:
        error = fields.get("activation_energy_error_eV")
        spread = math.inf if error is None else _95_PERCENT * error
        low, high = value - spread, value + spread
    return Measured(value, low, high, origin, "converged")


def _conductivity(fields: Mapping[str, Any]) -> Measured:
    low, high = fields.get("conductivity_300K_low_S_per_cm"), fields.get("conductivity_300K_high_S_per_cm")
    origin = str(fields.get("engine") or "not computed")
    if low is None or high is None or not 0 < low <= high:
        return Measured.unusable(origin, note="no conductivity yet")
    return Measured(math.sqrt(low) * math.sqrt(high), low, high, origin, "converged")
