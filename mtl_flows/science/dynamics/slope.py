"""The slope of the mean square displacement, and how far it can be trusted.

The estimator is linear: D = Σ_k w_k MSD(τ_k), a weighted straight-line fit with an intercept (vibration).
Its error has three parts, all measured on the trajectory at hand (docs/explanation/dynamics.md gives the derivation and
the coverage obtained):

- the variance of a Gaussian walker under the same weights, which is known exactly: windows that overlap are
  correlated, and the covariance of their means needs no estimate (Qian, Sheetz, Elson, Biophys. J. 60, 910
  (1991), doi:10.1016/S0006-3495(91)82125-7);
- the shot noise of discrete jumps, from the kurtosis of the displacements;
- the scatter between ions, pooled with the two above as a prior of a few degrees of freedom;

and all are multiplied by a design effect: by how much ions moving together raise the variance of their mean
above that of as many independent ions.
"""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

# Weight of the model variance when pooled with the scatter of the ions, in degrees of freedom.
_PRIOR_DOF = 8.0

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SlopeEstimate:
    """A diffusivity and its error, in the units of the displacements (Å²/ps).

    Attributes
    ----------
    D
        Slope of the mean square displacement over six; may be negative by chance.
    standard_error
        Standard error of ``D``.
    degrees_of_freedom
        Of ``standard_error``, for Student's t.
    design_effect
        Variance of the mean over that of independent ions, at least 1.
    """

    D: float
    standard_error: float
    degrees_of_freedom: float
    design_effect: float

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided interval: log-normal, or from zero where D is not positive."""
        quantile = float(scipy.stats.t.ppf(0.5 + 0.5 * confidence, self.degrees_of_freedom))
        if self.D <= 0.0:
            return 0.0, max(0.0, self.D + quantile * self.standard_error)
        spread = np.exp(quantile * np.sqrt(np.log1p((self.standard_error / self.D) ** 2)))
        return self.D / float(spread), self.D * float(spread)


def slope_weights(lags_ps: FloatArray) -> FloatArray:
    """Return w with Σ w_k MSD(τ_k) = D: least squares with an intercept, weights 1/τ².

    The standard deviation of a windowed MSD grows at least in proportion to the lag.

    Parameters
    ----------
    lags_ps
        At least two different lags.
    """
    design = np.stack([lags_ps, np.ones_like(lags_ps)], axis=1)
    weighted = design / lags_ps[:, None] ** 2
    weights: FloatArray = np.linalg.solve(weighted.T @ design, weighted.T)[0] / 6.0
    return weights


def estimate_slope(
    displacements_A: FloatArray,
    lags: NDArray[np.intp],
    timestep_ps: float,
    *,
    n_blocks: int,
    n_surrogates: int,
    seed: int,
) -> SlopeEstimate:
    """Estimate the diffusivity of a set of ions.

    Parameters
    ----------
    displacements_A
        Displacements of the ions, shape (n_ions, n_frames, 3).
    lags
        Lags of the fit in frames, ascending.
    timestep_ps
        Time between frames.
    n_blocks, n_surrogates, seed
        Of the test for collective motion.
    """
    n_ions = len(displacements_A)
    weights = slope_weights(lags * timestep_ps)
    contributions = block_contributions(displacements_A, lags, weights, n_blocks)
    per_ion = contributions.sum(axis=1)
    D = float(per_ion.mean())
    model = _model_variance(displacements_A, lags, weights, D, timestep_ps)
    sample = float(per_ion.var(ddof=1)) if n_ions > 1 else 0.0
    design_effect, effect_dof = _design_effect(contributions, np.random.default_rng(seed), n_surrogates)
    pooled = (_PRIOR_DOF * model + (n_ions - 1) * sample) / (_PRIOR_DOF + n_ions - 1)
    # Relative variances of the two factors of the squared error add up (Satterthwaite); the design effect is
    # uncertain as far as it departs from one.
    factor_dof = _PRIOR_DOF + max(n_ions / design_effect - 1.0, 0.0)
    collective = 1.0 - 1.0 / design_effect
    return SlopeEstimate(
        D=D,
        standard_error=float(np.sqrt(pooled * design_effect / n_ions)),
        degrees_of_freedom=1.0 / (1.0 / factor_dof + collective**2 / effect_dof),
        design_effect=design_effect,
    )


def block_contributions(
    displacements_A: FloatArray, lags: NDArray[np.intp], weights: FloatArray, n_blocks: int
) -> FloatArray:
    """Split Σ_k w_k MSD(τ_k) of each ion over blocks of time origins.

    Returns
    -------
    numpy.ndarray
        Shape (n_ions, n_blocks); the sum over blocks is the ion's estimate.
    """
    n_ions, n_frames, _ = displacements_A.shape
    contributions = np.zeros((n_ions, n_blocks))
    for lag, weight in zip(lags, weights, strict=True):
        squared = ((displacements_A[:, lag:] - displacements_A[:, :-lag]) ** 2).sum(axis=2)
        n_origins = n_frames - lag
        starts = np.arange(n_blocks) * n_origins // n_blocks
        contributions += weight / n_origins * np.add.reduceat(squared, starts, axis=1)
    return contributions


def gaussian_walk_variance(n_frames: int, lags: NDArray[np.intp], weights: FloatArray) -> float:
    """Return the variance of Σ w_k MSD(τ_k) for one isotropic Gaussian walker.

    Parameters
    ----------
    n_frames
        Length of the walk.
    lags
        Lags in frames.
    weights
        Weight of each lag.

    Returns
    -------
    float
        In units of σ⁴, with σ² the variance of one step along one axis.

    Notes
    -----
    Squared displacements over windows that share ``o`` steps have covariance 2 (o σ²)² along each axis; the
    double sum over origins collapses to one over the offset between them.
    """
    covariance = np.empty((len(lags), len(lags)))
    for row, short in enumerate(lags):
        for column, long in enumerate(lags[row:], start=row):
            n_short, n_long = n_frames - short, n_frames - long
            offset = np.arange(1 - long, short)
            shared = np.minimum(short, offset + long) - np.maximum(0, offset)
            pairs = np.minimum(n_short, n_long - offset) - np.maximum(0, -offset)
            total = float((np.clip(pairs, 0, None) * shared.astype(np.float64) ** 2).sum())
            covariance[row, column] = covariance[column, row] = 6.0 * total / (n_short * n_long)
    return float(weights @ covariance @ weights)


def _model_variance(
    displacements_A: FloatArray,
    lags: NDArray[np.intp],
    weights: FloatArray,
    D: float,
    timestep_ps: float,
) -> float:
    """Return the variance of one ion's estimate: Gaussian walk plus shot noise of its jumps."""
    n_frames = displacements_A.shape[1]
    lag = int(lags[len(lags) // 2])
    moved = (displacements_A[:, lag:] - displacements_A[:, :-lag]).reshape(-1, 3)
    covariance = moved.T @ moved / len(moved)
    trace, trace_of_square = float(np.trace(covariance)), float((covariance**2).sum())
    if trace == 0.0:
        return 0.0
    anisotropy = 3.0 * trace_of_square / trace**2
    step_variance = 2.0 * max(D, 0.0) * timestep_ps
    gaussian = anisotropy * step_variance**2 * gaussian_walk_variance(n_frames, lags, weights)
    # A walk of jumps of length a has ⟨r⁴⟩ above the Gaussian value by a² · 6Dτ.
    fourth = float(((moved**2).sum(axis=1) ** 2).mean())
    excess = max(fourth - trace**2 - 2.0 * trace_of_square, 0.0)
    shot = excess / (36.0 * lag * timestep_ps * n_frames * timestep_ps)
    return gaussian + shot


def _design_effect(
    contributions: FloatArray, rng: np.random.Generator, n_surrogates: int
) -> tuple[float, float]:
    """Return by how much correlation between ions raises the variance of their mean (at least 1).

    The ratio of the variance of block sums over ions to the sum of variances is compared with its mean after
    each ion's blocks have been shifted in time by a random amount, which keeps every ion's own correlations.
    The spread of the shifted ratios tells how many degrees of freedom the comparison has: the second number.
    """
    n_ions, n_blocks = contributions.shape
    residual = contributions - contributions.mean()
    if n_ions == 1 or not residual.any():
        return 1.0, np.inf
    observed = float((residual.sum(axis=0) ** 2).sum())
    blocks = np.arange(n_blocks)
    shifted = np.empty(n_surrogates)
    for surrogate in range(n_surrogates):
        order = (blocks + rng.integers(n_blocks, size=(n_ions, 1))) % n_blocks
        total = np.take_along_axis(residual, order, axis=1).sum(axis=0)
        shifted[surrogate] = (total**2).sum()
    mean = float(shifted.mean())
    if mean == 0.0:
        return 1.0, np.inf
    effect = min(max(observed / mean, 1.0), float(n_ions))
    return effect, max(2.0 * mean**2 / float(shifted.var()), 1.0)
