"""What the dynamics of one crystal gave, as a file that says where it comes from."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtl_flows import __version__
from mtl_flows.errors import ConfigurationError, InputError, MTLError
from mtl_flows.in_folder.dynamics import FolderRun
from mtl_flows.schemas.base import content_hash, library_versions, utc_now
from mtl_flows.schemas.candidates import DynamicsPart
from mtl_flows.schemas.dynamics import (
    OrderingDocument,
    RelaxationDocument,
    TrajectoryDocument,
    TransportDocument,
)
from mtl_flows.science.dynamics.belief import Priors
from mtl_flows.science.dynamics.transport import CONDUCTING_S_PER_CM, ENERGIES_EV
from mtl_flows.science.reading import reduced_formula
from mtl_flows.science.verdict import (
    ACTIVATION_ENERGY,
    CONDUCTIVITY,
    Criterion,
    Verdict,
    VerdictThresholds,
)
from mtl_flows.stages.candidates import dynamics_part
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.evidence import Evidence
from mtl_flows.stages.known_errors import by_potential
from mtl_flows.stages.simulation import FAILED
from mtl_flows.stages.verdict import judge
from mtl_flows.whole_files import write_whole

RESULT = "result.json"


def criteria(potential_error_eV: float | None = None) -> VerdictThresholds:
    """Return what a crystal is judged by: E_a and σ(300 K); competing phases, and so the window, are not asked for."""
    low_eV, high_eV = ENERGIES_EV
    return VerdictThresholds(
        (
            Criterion(ACTIVATION_ENERGY, minimum=low_eV, maximum=high_eV),
            Criterion(CONDUCTIVITY, minimum=CONDUCTING_S_PER_CM),
        ),
        potential_error_eV=potential_error_eV,
    )


@dataclass(frozen=True)
class FolderResult:
    """The dynamics of a crystal, judged.

    Attributes
    ----------
    run
        What was computed.
    evidence
        The same as a row of the candidate table would rest on.
    dynamics
        What the row would say.
    verdict
        On E_a and σ(300 K).
    """

    run: FolderRun
    evidence: Evidence
    dynamics: DynamicsPart
    verdict: Verdict

    @classmethod
    def of(cls, run: FolderRun, thresholds: VerdictThresholds) -> "FolderResult":
        """Judge what was computed."""
        evidence = Evidence(
            trajectories=run.simulations,
            fits=run.fits,
            every_fit=run.fits,
            comparisons=by_potential(run.potentials),
            formula=_formula(run),
        )
        dynamics = dynamics_part(evidence, thresholds)
        return cls(run, evidence, dynamics, judge(dynamics, None, thresholds))

    @property
    def formula(self) -> str:
        """Reduced formula; empty where no crystal was read."""
        return _formula(self.run)

    @property
    def complete(self) -> bool:
        """Whether every temperature of every cell came to an end that says something."""
        run = self.run
        all_ended = bool(run.fits) and all(fit.complete for fit in run.fits)
        return run.refused is None and all_ended and not any(s.status == FAILED for s in run.simulations)

    def as_dict(self, parameters: DynamicsParameters) -> dict[str, Any]:
        """Return what the file holds."""
        run, row = self.run, self.dynamics
        told: dict[str, Any] = {
            "material": run.crystal.name,
            "formula": self.formula,
            "file": {"name": run.crystal.file.name, "sha256": run.crystal.file_sha256},
            "crystal_id": run.crystal.subject.crystal_id if run.crystal.subject else None,
            "complete": self.complete,
            "refused": _refusal(run.refused),
            "parameters": parameters.as_dict(),
            "potential_id": parameters.potential_id,
            "dynamics": parameters.dynamics_stage().hash,
            "engine": run.relaxations[0].engine if run.relaxations else None,
            "cells": [_cell(ordering, run.relaxations) for ordering in run.orderings],
            "heating": [_simulation(ramp) for ramp in run.ramps],
            "temperatures": [_simulation(simulation) for simulation in run.simulations],
            "lines": [_line(fit) for fit in run.fits],
            "posterior": _posterior(row),
            "verdict": self.verdict.as_dict(),
        }
        return {
            **told,
            "content_hash": content_hash(_content(told)),
            "program": {"name": "mtl_flows", "version": __version__, "libraries": library_versions()},
            "written_at": utc_now().isoformat(),
        }

    def write(self, folder: Path, parameters: DynamicsParameters) -> dict[str, Any]:
        """Write `RESULT` into a folder and return what it holds."""
        told = self.as_dict(parameters)
        write_whole(folder / RESULT, json.dumps(told, indent=2, default=str).encode())
        return told


def demand_same_crystal(folder: Path, crystal: str | None, parameters: DynamicsParameters) -> None:
    """Refuse a folder that holds the result of something else, which the new one would replace.

    Longer runs, other temperatures and another analysis are no other thing.

    Raises
    ------
    ConfigurationError
        If there is a result of another crystal, potential or way to simulate.
    """
    path = folder / RESULT
    if crystal is None or not path.exists():
        return
    try:
        standing = json.loads(path.read_text())
        before = (standing["crystal_id"], standing["dynamics"])
    except (ValueError, KeyError, TypeError):
        before = (None, None)
    if before[0] is not None and before != (crystal, parameters.dynamics_stage().hash):
        raise ConfigurationError(
            f"holds the result of {standing['material']} by {standing['parameters']['engine']}, which is another one",
            subject=str(path),
            remedy="choose another folder",
        )


def _refusal(error: MTLError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    lines = list(error.lines) if isinstance(error, InputError) else []
    return {"reason": error.reason, "message": error.message, "remedy": error.remedy, "lines": lines}


def _cell(ordering: OrderingDocument, relaxations: list[RelaxationDocument]) -> dict[str, Any]:
    of_cell = ("ordering", "n_atoms", "n_mobile", "supercell", "was_ordered", "composition_error")
    of_relaxed = (
        "converged",
        "n_steps",
        "energy_eV_per_atom",
        "volume_change",
        "density_ratio",
        "density_off",
    )
    relaxed = next((r for r in relaxations if r.approximant_id == ordering.approximant_id), None)
    return {
        **{name: getattr(ordering, name) for name in of_cell},
        "relaxed": None
        if relaxed is None
        else {name: getattr(relaxed, name) for name in of_relaxed} | {"structure": relaxed.structure},
    }


def _simulation(simulation: TrajectoryDocument) -> dict[str, Any]:
    names = (
        *("ordering", "temperature_K", "status", "reason", "timestep_fs", "frame_interval", "steps_done"),
        *("diffusivity_cm2_per_s", "diffusivity_low_cm2_per_s", "diffusivity_high_cm2_per_s", "diffusion"),
    )
    return {
        **{name: getattr(simulation, name) for name in names},
        "simulated_ps": simulation.steps_done * simulation.timestep_fs * 1e-3,
        "wall_s": sum(chunk.wall_s for chunk in simulation.chunks),
        "frames_sha256": [block.sha256 for chunk in simulation.chunks for block in chunk.blocks],
    }


def _line(fit: TransportDocument) -> dict[str, Any]:
    names = (
        *("ordering", "status", "reason", "complete", "temperatures_K", "excluded", "activation_energy_eV"),
        *("activation_energy_error_eV", "conductivity_300K_S_per_cm", "conductivity_300K_low_S_per_cm"),
        "conductivity_300K_high_S_per_cm",
    )
    return {name: getattr(fit, name) for name in names}


def _posterior(row: DynamicsPart) -> dict[str, Any] | None:
    """Both distributions, of the simulation and of the crystal; None where no temperature says anything."""
    if not row.posterior_temperatures_K:
        return None
    told = {
        kind: {
            "activation_energy_eV": getattr(row, f"activation_energy_{kind}_eV"),
            "activation_energy_interval_eV": [
                getattr(row, f"activation_energy_{kind}_low_eV"),
                getattr(row, f"activation_energy_{kind}_high_eV"),
            ],
            "conductivity_300K_S_per_cm": getattr(row, f"conductivity_300K_{kind}_S_per_cm"),
            "conductivity_300K_interval_S_per_cm": [
                getattr(row, f"conductivity_300K_{kind}_low_S_per_cm"),
                getattr(row, f"conductivity_300K_{kind}_high_S_per_cm"),
            ],
            "P_conducts": getattr(row, f"P_conducts_{kind}"),
            "P_energy": getattr(row, f"P_energy_{kind}"),
        }
        for kind in ("simulated", "crystal")
    }
    return {
        "temperatures_K": row.posterior_temperatures_K,
        "priors": Priors().as_dict(),
        **told,
        "potential_error_eV": row.potential_error_eV,
        "potential_bias_eV": row.potential_bias_eV,
        "potential_error_source": row.potential_error_source,
        "what_more": row.what_more,
    }


def _content(told: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on when and how fast it was computed."""
    left_out = ("wall_s",)
    timeless = {
        name: [{k: v for k, v in one.items() if k not in left_out} for one in told[name]]
        for name in ("heating", "temperatures")
    }
    return {**told, **timeless}


def _formula(run: FolderRun) -> str:
    structure = run.crystal.structure
    return "" if structure is None else reduced_formula(structure.composition.element_composition)
