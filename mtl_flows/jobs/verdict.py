"""The verdict on one material: its window and its activation energy against the article's thresholds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mtl_flows.schemas.stability import StabilityDocument
from mtl_flows.science.verdict import ACTIVATION_ENERGY, WINDOW, Measured, Verdict, decide, measured_window

WINDOW_UNCERTAINTY_V = 0.2
"""Half-width of the interval of a window; typical of GGA energies and of potentials trained on them."""

_95_PERCENT = 1.96


def judge(fields: Mapping[str, Any], window: StabilityDocument | None) -> Verdict:
    """Decide from a candidate's dynamics and the newest window.

    Parameters
    ----------
    fields
        Of the candidate: engine, status of the dynamics, activation energy and its error.
    window
        None where no window was computed; the verdict then waits for it.
    """
    return decide(
        {
            ACTIVATION_ENERGY: _activation_energy(fields),
            WINDOW: Measured.unusable("not computed")
            if window is None
            else measured_window(window, WINDOW_UNCERTAINTY_V, f"{window.energies} ({window.energy_scale})"),
        }
    )


def window_fields(windows: Sequence[StabilityDocument]) -> tuple[StabilityDocument | None, dict[str, Any]]:
    """Newest window of a material, and what the candidate table shows of it."""
    if not windows:
        return None, {}
    newest = max(windows, key=lambda window: window.provenance.created_at)
    return newest, {
        "window_status": newest.status,
        "window_low_V": newest.low_V,
        "window_high_V": newest.high_V,
        "e_above_hull_eV_per_atom": newest.e_above_hull_eV_per_atom,
    }


def _activation_energy(fields: Mapping[str, Any]) -> Measured:
    status, value = fields.get("dynamics_status"), fields.get("activation_energy_eV")
    origin = str(fields.get("engine") or "not computed")
    if value is None:
        melted = status == "framework_melted"
        return Measured.unusable(origin, "framework_melted" if melted else "unconverged", note=f"{status}")
    error = fields.get("activation_energy_error_eV")
    spread = math.inf if error is None else _95_PERCENT * error
    return Measured(value, value - spread, value + spread, origin, "converged")
