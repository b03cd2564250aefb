"""Compiled loops of affinity propagation; imported where they are needed.

One pass over the matrices does what takes about ten with whole-array operations: while a row is in the cache its
availabilities are brought up to date with the sums of the iteration before, its two best candidates are found, and its
responsibilities follow. Every number is made by the same operations in the same order as in scikit-learn 1.3.2, column
sums from the first row to the last, so that results are equal to the last bit, whatever the number of threads.
"""

import numpy as np
from numpy.typing import NDArray

from mtl_flows.science.compiled import compiled

FloatArray = NDArray[np.float64]


@compiled
def update_rows(
    similarities: FloatArray,
    availabilities: FloatArray,
    responsibilities: FloatArray,
    self_availabilities: FloatArray,
    sums: FloatArray,
    damping: float,
    first: int,
    last: int,
) -> None:
    """Finish the availabilities of some rows and compute their next responsibilities, in place.

    Parameters
    ----------
    similarities, availabilities, responsibilities
        Shape (n, n); row i holds the messages between point i and all candidates.
    self_availabilities
        Diagonal of the availabilities, already up to date, shape (n,).
    sums
        Of the positive responsibilities of each candidate, its own as it is; see `add_columns`.
    damping
        Share of the old message that is kept.
    first, last
        Rows ``first <= i < last``.
    """
    taken = 1.0 - damping
    for i in range(first, last):
        s, a, r = similarities[i], availabilities[i], responsibilities[i]
        for k in range(len(a)):
            support = (r[k] if r[k] > 0.0 else 0.0) - sums[k]
            a[k] = a[k] * damping - (support if support > 0.0 else 0.0) * taken
        a[i] = self_availabilities[i]

        best, second, at = -np.inf, -np.inf, 0
        for k in range(len(a)):
            value = a[k] + s[k]
            if value > second:
                if value > best:
                    best, second, at = value, best, k
                else:
                    second = value

        to_best = r[at] * damping + (s[at] - second) * taken
        for k in range(len(r)):
            r[k] = r[k] * damping + (s[k] - best) * taken
        r[at] = to_best


@compiled
def add_columns(
    responsibilities: FloatArray, sums: FloatArray, top: int, bottom: int, first: int, last: int
) -> None:
    """Add positive responsibilities of the rows ``top <= i < bottom`` to the sums of the columns ``first <= k < last``.

    A candidate's responsibility for itself counts whatever its sign.
    """
    for i in range(top, bottom):
        r = responsibilities[i, first:last]
        into = sums[first:last]
        own = i - first
        if 0 <= own < len(r):
            before = into[own]
        for k in range(len(r)):
            into[k] += r[k] if r[k] > 0.0 else 0.0
        if 0 <= own < len(r):
            into[own] = before + r[own]
