"""Affinity propagation on a matrix of similarities, in compiled passes over blocks of rows."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Indices = NDArray[np.intp]

_NOISE_ROWS = 64
_ALONE_BELOW = 500  # points whose rows are done before a second thread has begun
_Pass = Callable[[int, int], None]
_Spread = Callable[[_Pass, int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """What the messages say when they settle, or when the iterations are used up.

    Attributes
    ----------
    exemplars
        Indices of the exemplars, ascending, shape (n_clusters,); empty if no point has become one.
    labels
        Position in `exemplars` of each point's own, shape (n,); -1 where there are none.
    n_iterations
        Iterations run; 0 where nothing had to be passed.
    converged
        Whether the exemplars stood still as long as asked for.
    """

    exemplars: Indices
    labels: Indices
    n_iterations: int
    converged: bool


class Similarities:
    """Similarities of points with their preferences, ready for messages at any damping.

    Parameters
    ----------
    matrix
        Similarities, shape (n, n), C order; changed in place.
    preference
        Of every point: takes the place of the diagonal.
    seed
        Of the noise, relative 2⁻⁵², that tells equal similarities apart.
    """

    def __init__(self, matrix: FloatArray, preference: float, seed: int) -> None:
        self._equal = _all_equal(matrix)
        self._matrix = matrix
        if self._equal:
            self._all_alone = preference >= matrix.flat[len(matrix) - 1]
            return
        np.fill_diagonal(matrix, preference)
        # NumPy's legacy generator, whose stream scikit-learn draws from.
        random = np.random.RandomState(seed)
        spacing, floor = np.finfo(np.float64).eps, np.finfo(np.float64).tiny * 100
        for start in range(0, len(matrix), _NOISE_ROWS):
            rows = matrix[start : start + _NOISE_ROWS]
            rows += (spacing * rows + floor) * random.standard_normal(rows.shape)

    def settle(
        self,
        damping: float,
        *,
        max_iterations: int,
        convergence_iterations: int,
        threads: int | None = None,
        block_bytes: int = 8_000_000,
    ) -> Settled:
        """Pass messages until the exemplars stand still.

        As scikit-learn 1.3.2's ``affinity_propagation``, to the last bit (B. J. Frey and D. Dueck,
        doi:10.1126/science.1136800). It takes 16 n² bytes beside the similarities.

        Parameters
        ----------
        damping
            Share of the old message that is kept, in [0.5, 1).
        max_iterations, convergence_iterations
            Most iterations, and those for which the exemplars must stay the same.
        threads
            Threads; by default `available_threads`. The result does not depend on it.
        block_bytes
            Responsibilities updated in one go, few enough to be in a cache still when their columns are summed.
            Nor does it depend on these.
        """
        n = len(self._matrix)
        if self._equal:
            exemplars = np.arange(n) if self._all_alone else np.zeros(1, dtype=np.intp)
            labels = np.arange(n) if self._all_alone else np.zeros(n, dtype=np.intp)
            return Settled(exemplars, labels, 0, converged=True)

        from mtl_flows.parallel import available_threads

        if threads is None:
            threads = 1 if n < _ALONE_BELOW else available_threads()
        with _spread(threads) as spread:
            chosen, n_iterations, converged = self._exchange(
                damping, max_iterations, convergence_iterations, spread, max(1, block_bytes // (8 * n))
            )
        exemplars, labels = self._assign(chosen)
        return Settled(exemplars, labels, n_iterations, converged)

    def _exchange(
        self, damping: float, max_iterations: int, convergence_iterations: int, spread: _Spread, rows: int
    ) -> tuple[Indices, int, bool]:
        """Pass messages; return the exemplars at the end, the iterations, and whether they stood still."""
        from mtl_flows.science.clustering.messages import add_columns, update_rows

        n = len(self._matrix)
        availabilities, responsibilities = np.zeros((n, n)), np.zeros((n, n))
        own_responsibilities = responsibilities.diagonal()
        own_availabilities, sums = np.zeros(n), np.zeros(n)
        stood = np.zeros((convergence_iterations, n), dtype=bool)
        for iteration in range(max_iterations):
            matrices = (self._matrix, availabilities, responsibilities)
            update = partial(update_rows, *matrices, own_availabilities, sums, damping)
            sums = np.zeros(n)
            for top in range(0, n, rows):
                bottom = min(top + rows, n)
                spread(update, top, bottom)
                spread(partial(add_columns, responsibilities, sums, top, bottom), 0, n)
            # The other availabilities follow in the next pass; the diagonal tells who is an exemplar.
            own_availabilities = own_availabilities * damping - (own_responsibilities - sums) * (1 - damping)
            is_exemplar = own_availabilities + own_responsibilities > 0
            stood[iteration % convergence_iterations] = is_exemplar
            if iteration >= convergence_iterations and is_exemplar.any():
                times = np.count_nonzero(stood, axis=0)
                if np.all((times == convergence_iterations) | (times == 0)):
                    return np.flatnonzero(is_exemplar), iteration + 1, True
        return np.flatnonzero(is_exemplar), max_iterations, False

    def _assign(self, exemplars: Indices) -> tuple[Indices, Indices]:
        """Give each point its most similar exemplar, let each cluster choose its best one, and assign again."""
        matrix = self._matrix
        if not len(exemplars):
            return exemplars, np.full(len(matrix), -1)
        numbers = np.arange(len(exemplars))
        chosen = matrix[:, exemplars].argmax(axis=1)
        chosen[exemplars] = numbers
        for k in numbers:
            members = np.flatnonzero(chosen == k)
            exemplars[k] = members[np.argmax(matrix[members[:, np.newaxis], members].sum(axis=0))]
        chosen = matrix[:, exemplars].argmax(axis=1)
        chosen[exemplars] = numbers
        found, labels = np.unique(exemplars[chosen], return_inverse=True)
        return found, labels


def _all_equal(matrix: FloatArray) -> bool:
    """Whether all similarities of different points are the same."""
    first = matrix.flat[1] if len(matrix) > 1 else 0.0
    return all(
        bool(np.all(row[:i] == first) and np.all(row[i + 1 :] == first)) for i, row in enumerate(matrix)
    )


@contextmanager
def _spread(threads: int) -> Iterator[_Spread]:
    """Yield what runs a pass over a range in parts, one for each thread, and waits for all.

    Threads of Python serve, since compiled loops let go of the interpreter; numba's own cannot be shared by callers at
    once, nor survive a fork.
    """
    if threads == 1:
        yield lambda run, first, last: run(first, last)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield partial(_in_parts, pool, threads)


def _in_parts(pool: Executor, threads: int, run: _Pass, first: int, last: int) -> None:
    bounds = np.linspace(first, last, threads + 1).astype(int).tolist()
    for _ in pool.map(run, bounds[:-1], bounds[1:]):
        pass
