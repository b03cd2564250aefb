"""How often intervals hold the truth, over synthetic walks: of a diffusivity, and of E_a and σ(300 K) at the end.

Run with ``python benchmarks/diffusion_coverage.py diffusivity [repeats]`` for the first table of *Ion dynamics*, and
with ``end-to-end`` for the second. The level of the intervals is 95 %. Walks of the status ``upper_bound`` count as
covered when the bound is above the truth.

End to end, materials are drawn (E_a even in 0.1 to 0.8 eV, log10 of D0 normal about −3 ± 1.5), walked at 800, 1000,
1200 and 1400 K and analysed as in the product; the first 2 ps are left out, as there. "Decided" is P(σ(300 K) ≥ 10⁻⁴
S/cm) from 95 % on or to 5 %; "wrong" the decided ones that are not so. The weighted line is shown beside the posterior.
Some curves bend: of two mechanisms in parallel the steeper rules when hot; at a phase transition the barrier changes, D
does not jump.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mtl_flows.science.dynamics import (
    DiffusionParameters,
    DiffusionResult,
    DiffusionStatus,
    analyse_diffusion,
    fit_arrhenius,
    nernst_einstein,
)
from mtl_flows.science.dynamics.conductivity import BOLTZMANN_EV_PER_K
from mtl_flows.science.dynamics.synthetic import SyntheticWalk
from mtl_flows.science.dynamics.transport import CONDUCTING_S_PER_CM, Observed

TEMPERATURES_K = (800.0, 1000.0, 1200.0, 1400.0)
ROOM_K = 300.0
DISCARD_PS = 2.0
Curve = Callable[[float], float]
"""D in cm²/s at a temperature in K."""

CASES = {
    "Gaussian, 12 ions, 20 ps": SyntheticWalk(n_ions=12, jump_A=0.0),
    "Gaussian, 40 ions, 20 ps": SyntheticWalk(n_ions=40, jump_A=0.0),
    "Gaussian, 12 ions, 100 ps": SyntheticWalk(n_ions=12, jump_A=0.0, duration_ps=100.0),
    "Gaussian, 2 ions, 50 ps": SyntheticWalk(n_ions=2, jump_A=0.0, duration_ps=50.0, D_cm2_per_s=5e-5),
    "jumps, 12 ions, 20 ps": SyntheticWalk(n_ions=12, D_cm2_per_s=2e-5),
    "jumps, 40 ions, 20 ps": SyntheticWalk(n_ions=40),
    "fast jumps, 20 ions, 20 ps": SyntheticWalk(n_ions=20, D_cm2_per_s=1e-4),
    "jumps, 12 ions, 100 ps": SyntheticWalk(n_ions=12, duration_ps=100.0),
    "jumps, 40 ions, 200 ps": SyntheticWalk(n_ions=40, duration_ps=200.0, timestep_fs=40.0),
    "rare jumps, 20 ions, 20 ps": SyntheticWalk(n_ions=20, D_cm2_per_s=1e-6),
    "jumps by threes, 24 ions, 20 ps": SyntheticWalk(n_ions=24, D_cm2_per_s=3e-5, ions_per_jump=3),
    "jumps by threes, 24 ions, 100 ps": SyntheticWalk(
        n_ions=24, D_cm2_per_s=3e-5, ions_per_jump=3, duration_ps=100.0
    ),
}


def diffusivity_table(repeats: int) -> None:
    """Print one row a case: coverage, mean claimed and true relative error, shares of the statuses."""
    print("| walk | coverage % | claimed error % | scatter % | bias % | converged % | bound % |")
    print("|---|---|---|---|---|---|---|")
    for name, walk in CASES.items():
        results = [analyse_diffusion(walk.trajectory(seed), "Li", 1000.0) for seed in range(repeats)]
        truth = walk.D_cm2_per_s
        covered = [r.interval_cm2_per_s[0] <= truth <= r.interval_cm2_per_s[1] for r in results]
        slopes = np.array([r.fit.D_cm2_per_s for r in results])
        claimed = np.median([r.fit.standard_error_cm2_per_s for r in results]) / truth
        share = {status: np.mean([r.status is status for r in results]) for status in DiffusionStatus}
        row = (
            np.mean(covered),
            claimed,
            slopes.std() / truth,
            slopes.mean() / truth - 1.0,
            share[DiffusionStatus.CONVERGED],
            share[DiffusionStatus.UPPER_BOUND],
        )
        print(f"| {name} | " + " | ".join(f"{100 * value:.0f}" for value in row) + " |", flush=True)


def straight(rng: np.random.Generator) -> Curve:
    """One mechanism."""
    energy_eV, D0 = rng.uniform(0.1, 0.8), 10.0 ** rng.normal(-3.0, 1.5)
    return lambda T: float(D0 * np.exp(-energy_eV / (BOLTZMANN_EV_PER_K * T)))


def two_mechanisms(rng: np.random.Generator) -> Curve:
    """A second one in parallel, with a barrier 0.2 to 0.5 eV higher, as fast as the first at 1000 K."""
    first, further_eV = straight(rng), rng.uniform(0.2, 0.5)
    inverse_K = 1.0 / 1000.0
    return lambda T: first(T) * float(1.0 + np.exp(-further_eV / BOLTZMANN_EV_PER_K * (1.0 / T - inverse_K)))


def transition(rng: np.random.Generator) -> Curve:
    """Below a temperature of 400 to 900 K the barrier is 0.1 to 0.4 eV higher."""
    above, further_eV, at_K = straight(rng), rng.uniform(0.1, 0.4), rng.uniform(400.0, 900.0)
    return lambda T: (
        above(T) * float(np.exp(-further_eV / BOLTZMANN_EV_PER_K * max(1.0 / T - 1.0 / at_K, 0.0)))
    )


CURVES = {"straight": straight, "two mechanisms": two_mechanisms, "phase transition": transition}
RUNS = (
    *(("straight", 12, length_ps) for length_ps in (4.0, 8.0, 20.0, 100.0)),
    *(("straight", 40, length_ps) for length_ps in (4.0, 8.0, 20.0, 100.0, 200.0)),
    ("straight", 2, 20.0),
    ("straight", 2, 200.0),
    ("straight", 80, 20.0),
    ("two mechanisms", 40, 20.0),
    ("two mechanisms", 40, 100.0),
    ("phase transition", 40, 20.0),
    ("phase transition", 40, 100.0),
)
"""Kind of curve, mobile ions, length of each production with its equilibration, ps."""


@dataclass
class Tally:
    """How often something was so."""

    n: int = 0
    held_energy: int = 0
    held_sigma: int = 0
    decided: int = 0
    wrong: int = 0

    def add(
        self,
        energy: tuple[float, float],
        sigma: tuple[float, float],
        conducts: float,
        truth: tuple[float, float],
    ) -> None:
        """Count one material: intervals, probability of conducting, true E_a and σ."""
        self.n += 1
        self.held_energy += energy[0] <= truth[0] <= energy[1]
        self.held_sigma += sigma[0] <= truth[1] <= sigma[1]
        if not 0.05 < conducts < 0.95:
            self.decided += 1
            self.wrong += (conducts > 0.5) != (truth[1] >= CONDUCTING_S_PER_CM)

    def cells(self, materials: int) -> list[str]:
        """Coverage among those with an answer, and shares of all materials, in per cent."""
        held = [f"{100 * k / self.n:.0f}" if self.n else "–" for k in (self.held_energy, self.held_sigma)]
        return [*held, *(f"{100 * k / materials:.0f}" for k in (self.decided, self.wrong))]


def end_to_end_table(repeats: int, runs: tuple[tuple[str, int, float], ...] = RUNS) -> None:
    """Print one row a case: what the posterior says, then what the line says."""
    print(
        "| curve | ions | ps | posterior: E_a held % | σ held % | decided % | wrong % | line: E_a held % | σ held % "
        "| decided % | wrong % | no line % |"
    )
    print("|" + "---|" * 12)
    for kind, n_ions, length_ps in runs:
        posterior, line = Tally(), Tally()
        for seed in range(repeats):
            rng = np.random.default_rng([seed, n_ions, round(length_ps)])
            curve = CURVES[kind](rng)
            results = [_analysed(curve(T), n_ions, length_ps, T, rng) for T in TEMPERATURES_K]
            # A curve that bends has the E_a that it has at room temperature.
            slope = np.log(curve(ROOM_K + 1.0) / curve(ROOM_K - 1.0)) / (
                1.0 / (ROOM_K - 1.0) - 1.0 / (ROOM_K + 1.0)
            )
            density = results[0].number_density_per_A3
            truth = float(slope) * BOLTZMANN_EV_PER_K, nernst_einstein(curve(ROOM_K), density, 1.0, ROOM_K)
            seen = Observed.of([results])
            if not seen.temperatures_K:
                continue
            said = seen.transport(seen.belief())
            posterior.add(
                said.activation_energy_eV.interval, said.conductivity_S_per_cm.interval, said.conducts, truth
            )
            fit = fit_arrhenius(results).fit
            if fit is not None:
                low, high = fit.conductivity_interval_S_per_cm
                half = 1.96 * fit.activation_energy_error_eV
                energy = fit.activation_energy_eV - half, fit.activation_energy_eV + half
                conducts = 1.0 if low >= CONDUCTING_S_PER_CM else 0.0 if high < CONDUCTING_S_PER_CM else 0.5
                line.add(energy, (low, high), conducts, truth)
        cells = [kind, str(n_ions), f"{length_ps:g}", *posterior.cells(repeats), *line.cells(repeats)]
        print("| " + " | ".join([*cells, f"{100 * (1 - line.n / repeats):.0f}"]) + " |", flush=True)


def _analysed(
    D_cm2_per_s: float, n_ions: int, length_ps: float, temperature_K: float, rng: np.random.Generator
) -> DiffusionResult:
    walk = SyntheticWalk(
        D_cm2_per_s, n_ions=n_ions, duration_ps=length_ps, timestep_fs=20.0 if length_ps <= 20.0 else 100.0
    )
    trajectory = walk.trajectory(int(rng.integers(2**31)))
    return analyse_diffusion(
        trajectory, "Li", temperature_K, DiffusionParameters(discard_ps=DISCARD_PS, n_surrogates=50)
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=("diffusivity", "end-to-end"))
    parser.add_argument("repeats", type=int, nargs="?", default=300)
    chosen = parser.parse_args()
    {"diffusivity": diffusivity_table, "end-to-end": end_to_end_table}[chosen.table](chosen.repeats)
