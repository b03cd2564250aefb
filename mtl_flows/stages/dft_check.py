"""The check of a potential by DFT: which frames of which simulation, and what they say."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Final

import numpy as np

from mtl_flows.errors import ConfigurationError
from mtl_flows.records import Record
from mtl_flows.schemas.base import StageParameters
from mtl_flows.schemas.dft_checks import DftCheckDocument
from mtl_flows.schemas.dynamics import TrajectoryDocument
from mtl_flows.science.dynamics.dft_check import Softening, softening
from mtl_flows.simulation.engine import Engine
from mtl_flows.simulation.registry import get_engine
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.runs import DFT_CHECK

_DFT: Final = "vasp"
_SAYS_NOTHING = ("failed", "framework_melted", "running")


@dataclass(frozen=True)
class DftCheckParameters(Record):
    """How many frames, and how DFT computes them.

    Attributes
    ----------
    n_frames
        Of the hottest sound simulation; 0 for no check.
    settings
        Of the engine ``vasp``: INCAR tags, and how it is run.
    """

    n_frames: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.n_frames < 0:
            raise ConfigurationError(f"{self.n_frames} is no number of frames", subject="--check-dft")

    def refuse_for(self, engine: Engine) -> None:
        """Refuse to hold DFT against itself.

        Raises
        ------
        ConfigurationError
            If frames are asked for of an engine that is DFT.
        """
        if self.n_frames and engine.name == self.dft().name:
            raise ConfigurationError(
                "frames of VASP are DFT already", subject="--check-dft", remedy="leave it out"
            )

    def dft(self) -> Engine:
        """Return VASP with these settings."""
        return get_engine(_DFT).configured(self.settings)

    def by_dft(self, parameters: DynamicsParameters) -> DynamicsParameters:
        """Return the parameters with VASP in the place of the potential that is held against it."""
        return replace(parameters, engine=_DFT, engine_settings=dict(self.settings), weights="")

    def stage(self, mobile_ion: str) -> StageParameters:
        """Key part that number of frames and functional make."""
        return DFT_CHECK.parameters({"n_frames": self.n_frames, **self.dft().potential()}, mobile_ion)


def hottest_sound(simulated: Iterable[TrajectoryDocument]) -> TrajectoryDocument | None:
    """Return the simulation whose frames are checked; None where none came to a sound end."""
    sound = [s for s in simulated if s.trajectory_stage == "production" and s.status not in _SAYS_NOTHING]
    return max(sound, key=lambda s: s.temperature_K, default=None)


def softening_of(document: DftCheckDocument) -> Softening | None:
    """Compare the frames that DFT has computed; None of none."""
    done = [f for f in document.frames if f.dft_forces_eV_per_A is not None and f.dft_energy_eV is not None]
    if not done:
        return None
    return softening(
        [np.asarray(f.forces_eV_per_A) for f in done],
        [np.asarray(f.dft_forces_eV_per_A) for f in done],
        [f.energy_eV for f in done],
        [f.dft_energy_eV or 0.0 for f in done],
    )


def compared_fields(found: Softening) -> dict[str, Any]:
    """Return what a document keeps of a comparison."""
    error = found.force_slope_error
    return {
        "n_checked": found.n_frames,
        "force_slope": found.force_slope,
        "force_slope_error": error if isfinite(error) else None,
        "energy_slope": found.energy_slope,
        "force_rmse_eV_per_A": found.force_rmse_eV_per_A,
    }
