"""The verdict of a candidate: its dynamics and its stored window against the article's thresholds."""

from typing import Any

import pytest

from mtl_flows.schemas.base import Provenance, StageParameters
from mtl_flows.schemas.candidates import DynamicsPart
from mtl_flows.schemas.stability import StabilityDocument
from mtl_flows.science.verdict import VerdictThresholds
from mtl_flows.stages.evidence import chosen_window
from mtl_flows.stages.verdict import judge

STAGE = StageParameters(stage="stability", algorithm_version=1, mobile_ion="Li", values={})
ARTICLE = VerdictThresholds()


def fitted(energy_eV: float = 0.3, error_eV: float = 0.05) -> DynamicsPart:
    return DynamicsPart(
        dynamics_status="fitted",
        engine="chgnet",
        activation_energy_eV=energy_eV,
        activation_energy_low_eV=energy_eV - 1.96 * error_eV,
        activation_energy_high_eV=energy_eV + 1.96 * error_eV,
    )


UNCONVERGED = DynamicsPart(dynamics_status="unconverged", engine="chgnet")


def window(**changes: Any) -> StabilityDocument:
    fields: dict[str, Any] = {
        "id": "a.r1:w",
        "material_id": "a",
        "crystal_id": "c",
        "parent_id": "c",
        "relaxation_id": "r",
        "parameters_hash": STAGE.hash,
        "provenance": Provenance.record(STAGE, {}),
        "ordering_id": "a.r1:o:0",
        "engine_name": "chgnet",
        "energies": "chgnet",
        "energy_scale": "PBE",
        "formula": "Li6PS5Cl",
        "status": "known",
        "missing": [],
        "open_edges": [],
        "low_V": 1.0,
        "high_V": 2.0,
        "width_V": 1.0,
        "stability": "stable",
        "on_hull": True,
        "e_above_hull_eV_per_atom": 0.0,
        "decomposition": [],
        "reduction_products": [],
        "oxidation_products": [],
        "voltage_profile": [],
        "n_competing_phases": 10,
        "skipped": {},
    }
    return StabilityDocument(**{**fields, **changes})


@pytest.mark.parametrize(
    ("dynamics", "width", "outcome"),
    [
        (fitted(), window(), "pass"),
        (fitted(), window(width_V=0.2, high_V=1.2), "fail"),
        (fitted(), window(width_V=0.6, high_V=1.6), "undecided"),  # 0.4 … 0.8 straddles 0.5
        (fitted(1.5), window(), "fail"),
        (fitted(error_eV=0.2), window(), "undecided"),
        (UNCONVERGED, window(), "undecided"),
        (fitted(), None, "undecided"),
    ],
)
def test_outcome_follows_from_the_intervals(
    dynamics: DynamicsPart, width: StabilityDocument | None, outcome: str
) -> None:
    verdict = judge(dynamics, width, ARTICLE)
    assert verdict.outcome == outcome
    assert bool(verdict.what_would_decide) == (outcome == "undecided")


def test_an_unknown_window_is_never_zero() -> None:
    unknown = window(status="unknown", missing=["Cl"], low_V=None, high_V=None, width_V=None)
    verdict = judge(fitted(), unknown, ARTICLE)
    assert verdict.outcome == "undecided"
    assert "Cl" in verdict.what_would_decide[0]


def test_the_newest_window_is_shown() -> None:
    old = window(low_V=0.5)
    new = window(
        low_V=0.7,
        provenance=old.provenance.model_copy(
            update={"created_at": old.provenance.created_at.replace(year=2100)}
        ),
    )
    assert chosen_window([new, old]) is new
    assert chosen_window([]) is None
    from_file = old.model_copy(update={"provider": "file"})
    assert chosen_window([new, from_file]) is from_file
    nothing = from_file.model_copy(update={"status": "unknown"})
    assert chosen_window([new, nothing]) is new
