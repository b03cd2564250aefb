"""Parameters of the diffusion analysis."""

from dataclasses import dataclass

from mtl_flows.errors import ConfigurationError
from mtl_flows.records import Record

# pymatgen-analysis-diffusion averages no lag below this.
SHORTEST_LAG_PS = 1.0


@dataclass(frozen=True, slots=True)
class DiffusionParameters(Record):
    """How a trajectory becomes a diffusivity, and when that diffusivity counts.

    Attributes
    ----------
    discard_ps
        Equilibration, cut off the front.
    min_lag_ps
        Shortest lag of the fit (at least 1 ps: vibration is over by then).
    max_lag_fraction
        Longest lag of the fit as a fraction of the production time; longer lags have too few windows.
    hop_distance_A
        Length of one jump, for counting jumps and for the bound of an ion that does not jump.
    min_effective_hops
        Fewer jumps' worth of displacement give an upper bound and no diffusivity.
    max_relative_error
        Largest standard error of D, relative to D, of a converged run.
    max_nonlinearity
        Largest difference of the slopes of the early and the late half of the fit window, relative to D,
        of a converged run (only where it exceeds three standard errors).
    max_framework_msd_A2
        The framework is gone when even its slowest element has moved this far (mean square, vibration
        averaged out; the slowest, since anions of a rotating group move while its centre stays).
    max_framework_displacement_A
        The framework is gone when any of its atoms (hydrogen left out) has moved this far; rotation of a
        tetrahedral group stays below.
    vibration_ps
        Time over which positions are averaged to remove vibration.
    n_blocks
        Time blocks in which ions are tested for moving together.
    n_surrogates
        Random realignments of the ions that calibrate that test.
    confidence
        Level of every interval.
    max_frames
        Longer trajectories are thinned evenly to at most this many frames.
    seed
        Seed of the realignments.
    """

    discard_ps: float = 2.0
    min_lag_ps: float = SHORTEST_LAG_PS
    max_lag_fraction: float = 0.3
    hop_distance_A: float = 3.0
    min_effective_hops: float = 10.0
    max_relative_error: float = 0.3
    max_nonlinearity: float = 0.5
    max_framework_msd_A2: float = 3.0
    max_framework_displacement_A: float = 5.0
    vibration_ps: float = 0.5
    n_blocks: int = 20
    n_surrogates: int = 200
    confidence: float = 0.95
    max_frames: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.min_lag_ps < SHORTEST_LAG_PS:
            raise ConfigurationError(f"min_lag_ps is below {SHORTEST_LAG_PS} ps")
        if not 0.0 < self.max_lag_fraction <= 0.5:
            raise ConfigurationError("max_lag_fraction is not in (0, 0.5]")
        if not 0.0 < self.confidence < 1.0:
            raise ConfigurationError("confidence is not in (0, 1)")
