"""How often the interval of a diffusivity holds the truth, over synthetic walks of known diffusivity.

Run with ``python benchmarks/diffusion_coverage.py [repeats]``; prints the table of docs/dynamics.md. The level of the
intervals is 95 %. Walks of the status ``upper_bound`` count as covered when the bound is above the truth.
"""

import sys

import numpy as np

from mtl_flows.science.dynamics import DiffusionStatus, analyse_diffusion
from mtl_flows.science.dynamics.synthetic import SyntheticWalk

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


def main(repeats: int) -> None:
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


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
