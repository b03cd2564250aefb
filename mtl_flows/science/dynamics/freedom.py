"""Degrees of freedom of standard errors: what Student's t needs, and what becomes of them in sums."""

from collections.abc import Sequence

import numpy as np
import scipy


def freedom_of_sum(variances: Sequence[float], freedoms: Sequence[float | None]) -> float | None:
    """Return the degrees of freedom of a sum of independent variances (Welch and Satterthwaite).

    Parameters
    ----------
    variances
        Estimated variances, not negative, all of one unit.
    freedoms
        Degrees of freedom of each; None for a variance that is known or whose uncertainty is not.

    Returns
    -------
    float or None
        None where no term is uncertain: Student's t is then the normal distribution.
    """
    total = float(np.sum(variances))
    uncertain = sum(
        variance**2 / freedom
        for variance, freedom in zip(variances, freedoms, strict=True)
        if freedom is not None
    )
    return total**2 / uncertain if uncertain > 0.0 else None


def student_quantile(freedom: float | None, confidence: float = 0.95) -> float:
    """Return half the width of a two-sided interval in standard errors; None means the normal distribution."""
    return float(scipy.stats.t.ppf(0.5 + 0.5 * confidence, np.inf if freedom is None else freedom))
