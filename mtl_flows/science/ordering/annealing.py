"""Simulated annealing of species over sites: electrostatics plus excluded distances."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from mtl_flows.science.ordering.ewald import COULOMB_EV_A

_CONFLICT_EV = 25.0  # what two atoms too close together cost, beyond the attraction they feel


@dataclass(frozen=True, slots=True)
class Pool:
    """Sites among which occupants change places.

    Attributes
    ----------
    sites
        Indices.
    kinds
        Kinds that may move here.
    """

    sites: tuple[int, ...]
    kinds: frozenset[int]


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
        Where occupants change places.
    """

    matrix: NDArray[np.float64]
    charges: tuple[float, ...]
    neighbours: tuple[tuple[tuple[int, float], ...], ...]
    closest_A: tuple[tuple[float, ...], ...]
    pools: tuple[Pool, ...]


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
        Kind on each site to start from; how many there are of each kind in a pool is kept.
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
    state = _State(problem, _shuffled(problem.pools, np.array(kinds), rng))
    sizes = np.array([len(pool.sites) for pool in problem.pools], dtype=float)
    n_attempts = int(sizes.sum())
    for temperature_eV in np.geomspace(hot_eV, cold_eV, sweeps) if n_attempts else ():
        late = clock() > deadline_s
        chosen = rng.choice(len(sizes), size=n_attempts, p=sizes / sizes.sum()).tolist()
        picks = rng.random((n_attempts, 3)).tolist()
        for index, (first, second, luck) in zip(chosen, picks, strict=True):
            pool = problem.pools[index]
            i, j = pool.sites[int(first * len(pool.sites))], pool.sites[int(second * len(pool.sites))]
            kind_i, kind_j = state.kinds[i], state.kinds[j]
            if kind_i == kind_j or kind_i not in pool.kinds or kind_j not in pool.kinds:
                continue
            change_eV = state.change_eV(i, j)
            if change_eV <= 0.0 or luck < exp(-change_eV / temperature_eV):
                state.exchange(i, j)
        if late:
            break
    return Arrangement(tuple(state.kinds), state.energy_eV(), state.n_conflicts())


def _shuffled(pools: Sequence[Pool], kinds: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return ``kinds`` with the occupants of each pool dealt out anew."""
    shuffled = kinds.copy()
    for pool in pools:
        movable = np.array([site for site in pool.sites if shuffled[site] in pool.kinds], dtype=np.intp)
        shuffled[movable] = rng.permutation(shuffled[movable])
    return shuffled


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
        return sum(len(self._conflicts_eV(site)) for site in range(len(self.kinds))) // 2

    def change_eV(self, i: int, j: int) -> float:
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
            before = sum(self._conflicts_eV(i)) + sum(self._conflicts_eV(j))
            self.kinds[i], self.kinds[j] = kind_j, kind_i
            change += sum(self._conflicts_eV(i)) + sum(self._conflicts_eV(j)) - before
            self.kinds[i], self.kinds[j] = kind_i, kind_j
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

    def _conflicts_eV(self, site: int) -> list[float]:
        """Return the cost of each neighbour too close to the occupant of a site."""
        kinds, charges = self.kinds, self.problem.charges
        closest = self.problem.closest_A[kinds[site]]
        charge = charges[kinds[site]]
        return [
            _CONFLICT_EV * (2.0 - distance / closest[kinds[other]])
            - min(charge * charges[kinds[other]] * COULOMB_EV_A / distance, 0.0)
            for other, distance in self.problem.neighbours[site]
            if distance < closest[kinds[other]]
        ]
