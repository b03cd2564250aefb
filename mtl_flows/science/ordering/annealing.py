"""Simulated annealing of species over sites: electrostatics plus excluded distances."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

_CONFLICT_EV = 200.0  # above any gain that two ions too close together could bring


@dataclass(frozen=True, slots=True, eq=False)
class OrderingProblem:
    """Sites, what they interact by, and which may exchange their contents.

    Attributes
    ----------
    matrix
        Ewald matrix of all sites, eV/e².
    charges
        Charge of each kind of occupant; kind 0 is the vacancy.
    neighbours
        For each site, (other site, distance) of the pairs that could be too close.
    closest_A
        Smallest allowed distance between two kinds; 0 for vacancies.
    pools
        Sites among which occupants are exchanged.
    """

    matrix: NDArray[np.float64]
    charges: tuple[float, ...]
    neighbours: tuple[tuple[tuple[int, float], ...], ...]
    closest_A: tuple[tuple[float, ...], ...]
    pools: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Arrangement:
    """Outcome of an annealing.

    Attributes
    ----------
    kinds
        Kind on each site.
    energy_eV
        Ewald energy.
    n_conflicts
        Pairs closer than allowed.
    """

    kinds: tuple[int, ...]
    energy_eV: float
    n_conflicts: int


def anneal(
    problem: OrderingProblem,
    kinds: Sequence[int],
    rng: np.random.Generator,
    *,
    sweeps: int,
    hot_eV: float,
    cold_eV: float,
    deadline_s: float = float("inf"),
    clock: Callable[[], float] = time.monotonic,
) -> Arrangement:
    """Shuffle the occupants within each pool, then exchange them while cooling.

    Parameters
    ----------
    problem
        What to minimise.
    kinds
        Kind on each site to start from; the numbers of each kind in a pool are kept.
    rng
        Source of randomness.
    sweeps
        Attempts for each site that can change.
    hot_eV, cold_eV
        First and last temperature, cooled geometrically.
    deadline_s
        Reading of ``clock`` after which cooling jumps to its end.
    clock
        Source of time.

    Returns
    -------
    Arrangement
    """
    occupants = np.array(kinds)
    for pool in problem.pools:
        sites = np.array(pool)
        occupants[sites] = rng.permutation(occupants[sites])
    state = _State(problem, occupants)
    n_moving = sum(len(pool) for pool in problem.pools)
    temperatures = np.geomspace(hot_eV, cold_eV, sweeps)
    weights = np.array([len(pool) for pool in problem.pools], dtype=float)
    for temperature in temperatures if n_moving else ():
        late = clock() > deadline_s
        pool_of = rng.choice(len(weights), size=n_moving, p=weights / weights.sum()).tolist()
        picks = rng.random((n_moving, 3)).tolist()
        for p, (first, second, luck) in zip(pool_of, picks, strict=True):
            pool = problem.pools[p]
            i, j = pool[int(first * len(pool))], pool[int(second * len(pool))]
            if state.kinds[i] == state.kinds[j]:
                continue
            change = state.change(i, j)
            if change <= 0.0 or luck < exp(-change / temperature):
                state.exchange(i, j)
        if late:
            break
    return Arrangement(tuple(state.kinds), state.energy_eV(), state.n_conflicts())


class _State:
    """Present arrangement with its electrostatic potentials kept up to date."""

    def __init__(self, problem: OrderingProblem, kinds: NDArray[np.int64]) -> None:
        self.problem = problem
        self.kinds: list[int] = kinds.tolist()
        self.charges = np.array(problem.charges)[kinds]
        self.potential = problem.matrix @ self.charges

    def energy_eV(self) -> float:
        """Ewald energy, computed afresh."""
        return float(self.charges @ self.problem.matrix @ self.charges)

    def n_conflicts(self) -> int:
        """Pairs closer than allowed."""
        total = sum(len(self._conflicts(site, self.kinds[site])) for site in range(len(self.kinds)))
        return total // 2

    def change(self, i: int, j: int) -> float:
        """Return the change of energy if the occupants of sites i and j changed places."""
        charges, matrix = self.problem.charges, self.problem.matrix
        kind_i, kind_j = self.kinds[i], self.kinds[j]
        step = charges[kind_j] - charges[kind_i]
        change = 0.0
        if step:
            change = 2.0 * step * float(self.potential[i] - self.potential[j]) + step * step * float(
                matrix[i, i] + matrix[j, j] - 2.0 * matrix[i, j]
            )
        if self.problem.neighbours[i] or self.problem.neighbours[j]:
            before = sum(self._conflicts(i, kind_i)) + sum(self._conflicts(j, kind_j))
            self.kinds[i], self.kinds[j] = kind_j, kind_i
            after = sum(self._conflicts(i, kind_j)) + sum(self._conflicts(j, kind_i))
            self.kinds[i], self.kinds[j] = kind_i, kind_j
            change += _CONFLICT_EV * (after - before)
        return change

    def exchange(self, i: int, j: int) -> None:
        """Let the occupants of sites i and j change places."""
        kind_i, kind_j = self.kinds[i], self.kinds[j]
        step = self.problem.charges[kind_j] - self.problem.charges[kind_i]
        self.kinds[i], self.kinds[j] = kind_j, kind_i
        if step:
            self.charges[i] += step
            self.charges[j] -= step
            self.potential += step * (self.problem.matrix[i] - self.problem.matrix[j])

    def _conflicts(self, site: int, kind: int) -> list[float]:
        """Return a severity in (1, 2] for each neighbour too close to an occupant of ``kind``."""
        closest = self.problem.closest_A[kind]
        kinds = self.kinds
        return [
            2.0 - distance / closest[kinds[other]]
            for other, distance in self.problem.neighbours[site]
            if distance < closest[kinds[other]]
        ]
