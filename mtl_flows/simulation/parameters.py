"""Parameters of one molecular-dynamics stage: a heating ramp or a run at one temperature."""

from dataclasses import dataclass

import numpy as np
from pymatgen.core import Composition

from mtl_flows.errors import ConfigurationError
from mtl_flows.records import Record

HYDROGEN_TIMESTEP_FS = 1.0
HOT_HYDROGEN_TIMESTEP_FS = 0.5
DEFAULT_TIMESTEP_FS = 2.0
_HOT_K = 1000.0


def default_timestep_fs(composition: Composition, temperature_K: float) -> float:
    """Return 2 fs; 1 fs where hydrogen (or deuterium) is present, and 0.5 fs for that above 1000 K."""
    if not any(species.Z == 1 for species in composition):
        return DEFAULT_TIMESTEP_FS
    return HOT_HYDROGEN_TIMESTEP_FS if temperature_K > _HOT_K else HYDROGEN_TIMESTEP_FS


@dataclass(frozen=True, slots=True)
class MDParameters(Record):
    """One stage of NVT molecular dynamics.

    Attributes
    ----------
    temperature_K
        Target temperatures; one value is held, several are visited linearly over ``n_steps``
        (``(300.0, 1200.0)`` is the heating ramp).
    n_steps
        Length of the whole stage in steps; a chunk covers part of it.
    timestep_fs
        Integration step.
    frame_interval
        Steps between stored frames.
    taut_fs
        Relaxation time of the Bussi thermostat.
    seed
        Seed of the initial velocities and of the thermostat.
    mobile_ion
        Element that is allowed to diffuse; every other atom is framework.
    max_temperature_ratio
        The run stops when the instantaneous temperature exceeds this multiple of the target (plus eight
        standard deviations of the canonical fluctuation, which matter in small cells).
    max_framework_msd_A2
        The run stops when the framework's mean square displacement from its reference exceeds this:
        far above thermal motion, so only a framework that is gone is caught while running. The analysis of
        the finished trajectory applies the stricter criterion.
    """

    temperature_K: tuple[float, ...] = (1000.0,)
    n_steps: int = 10_000
    timestep_fs: float = DEFAULT_TIMESTEP_FS
    frame_interval: int = 10
    taut_fs: float = 100.0
    seed: int = 0
    mobile_ion: str = "Li"
    max_temperature_ratio: float = 3.0
    max_framework_msd_A2: float = 9.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "temperature_K", tuple(float(t) for t in np.atleast_1d(self.temperature_K)))
        problems = [
            name
            for name, valid in (
                ("temperature_K", len(self.temperature_K) > 0 and min(self.temperature_K) > 0),
                ("n_steps", self.n_steps > 0),
                ("timestep_fs", self.timestep_fs > 0),
                ("frame_interval", self.frame_interval > 0),
                ("taut_fs", self.taut_fs > 0),
                ("max_temperature_ratio", self.max_temperature_ratio > 0),
                ("max_framework_msd_A2", self.max_framework_msd_A2 > 0),
            )
            if not valid
        ]
        if problems:
            raise ConfigurationError(f"not positive: {', '.join(problems)}", subject="MDParameters")

    def target_temperature_K(self, step: int) -> float:
        """Return the thermostat's temperature at ``step``; the last one holds beyond ``n_steps``."""
        knots = np.linspace(0, self.n_steps, max(len(self.temperature_K), 2))
        values = self.temperature_K if len(self.temperature_K) > 1 else self.temperature_K * 2
        return float(np.interp(step, knots, values))
