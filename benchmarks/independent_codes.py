"""One run, analysed by other authors' codes: ``python benchmarks/independent_codes.py --material li6ps5cl``.

Takes a run of ``benchmarks/conductors.py``, writes its frames as ``mtl trajectory`` does, and has the files analysed
by pymatgen-analysis-diffusion, kinisi (extra ``kinisi``) and GEMDAT (extra ``gemdat``), beside this package itself.
Every code does its own unwrapping, removal of drift, averages and fit. Prints how far the mean square displacements
are apart at shared lags, and the diffusivities with 95 % intervals. A code that is not installed is named.

``--walks 30`` does the same to synthetic walks of known diffusivity and counts how often each interval holds it.
"""

import argparse
import tempfile
import warnings
from collections import defaultdict
from dataclasses import dataclass, replace
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from ase.io import read
from conductors import simulated
from numpy.typing import NDArray
from pymatgen.analysis.diffusion.analyzer import DiffusionAnalyzer
from pymatgen.io.vasp import Xdatcar

from mtl_flows.science.dynamics import DiffusionParameters, Trajectory, analyse_diffusion
from mtl_flows.science.dynamics.parameters import SHORTEST_LAG_PS
from mtl_flows.science.dynamics.synthetic import SyntheticWalk
from mtl_flows.simulation.trajectory_files import write_frames

# The runs are short, so as much of them as can be; walks are analysed as the package does it by default.
OF_RUNS = DiffusionParameters(discard_ps=0.5, max_lag_fraction=0.5)
WALKS = {
    "Gaussian, 12 ions": SyntheticWalk(n_ions=12, jump_A=0.0),
    "jumps, 40 ions": SyntheticWalk(n_ions=40),
    "jumps by threes, 24 ions": SyntheticWalk(n_ions=24, D_cm2_per_s=3e-5, ions_per_jump=3),
}
CM2_PER_S = 1e4  # from m²/s
NOMINAL_K = 1000.0  # asked for, but without bearing on a diffusivity
PARTS = 5  # of the run, for GEMDAT's scatter


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A diffusivity: how it was fitted, its value and interval in cm²/s (NaN where none is given)."""

    how: str
    D: float
    low: float = np.nan
    high: float = np.nan


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a code says of a run: its fits, and the mean square displacement in Å² by lag in whole fs."""

    package: str
    fits: tuple[Fit, ...]
    msd_A2: dict[int, float]


def curve(lag_ps: NDArray[np.float64], msd_A2: NDArray[np.float64]) -> dict[int, float]:
    """Return mean square displacements by lag in whole fs."""
    return dict(zip(np.round(1e3 * lag_ps).astype(int).tolist(), msd_A2.tolist(), strict=True))


def ours(trajectory: Trajectory, parameters: DiffusionParameters) -> Answer:
    """Analyse the whole run; the files begin where its equilibration ends."""
    result = analyse_diffusion(trajectory, "Li", NOMINAL_K, parameters)
    if result.fit is None:
        raise SystemExit(f"{result.reason}: run conductors.py for longer")
    fit = Fit("", result.fit.D_cm2_per_s, *(result.interval_cm2_per_s or (np.nan, np.nan)))
    return Answer("mtl-flows", (fit,), curve(np.array(result.fit.lag_ps), np.array(result.fit.msd_A2)))


def by_pymatgen(folder: Path, frame_fs: float) -> Answer:
    """Let pymatgen unwrap frames that are folded into the cell, and fit its line."""
    structures = Xdatcar(folder / "folded.xdatcar").structures
    analyser = DiffusionAnalyzer.from_structures(structures, "Li", NOMINAL_K, frame_fs, step_skip=1)
    D, error = analyser.diffusivity, analyser.diffusivity_std_dev
    fit = Fit("", D, D - 1.96 * error, D + 1.96 * error)
    return Answer("pymatgen-analysis-diffusion", (fit,), curve(1e-3 * analyser.dt, analyser.msd))


def by_kinisi(folder: Path, frame_fs: float) -> Answer:
    """Let kinisi sample the lines through its mean square displacements from 1 ps on."""
    from kinisi.analyze import DiffusionAnalyzer as Kinisi

    quiet = {"progress": False}
    analyser = Kinisi.from_ase(
        read(folder / "frames.extxyz", index=":"),
        # In ps; in fs where kinisi reads an XDATCAR.
        parser_params=quiet | {"specie": "Li", "time_step": 1e-3 * frame_fs, "step_skip": 1},
        uncertainty_params=quiet,
    )
    analyser.diffusion(SHORTEST_LAG_PS, quiet | {"random_state": np.random.RandomState(0)})
    low, D, high = np.percentile(analyser.D.samples, (2.5, 50.0, 97.5))
    return Answer("kinisi", (Fit("", D, low, high),), curve(analyser.dt, analyser.msd))


def by_gemdat(folder: Path, frame_fs: float) -> Answer:
    """Let GEMDAT take the displacement from start to end, of the run and of its parts."""
    import gemdat

    read_in = gemdat.Trajectory.from_ase_trajectory(folder / "frames.traj", time_step_ps=1e-3 * frame_fs)
    lithium = read_in.apply_drift_correction(floating_species="Li").filter("Li")
    whole = CM2_PER_S * float(lithium.metrics().tracer_diffusivity(dimensions=3))
    parts = gemdat.metrics.TrajectoryMetricsStd(lithium.split(PARTS)).tracer_diffusivity(dimensions=3)
    D, scatter = CM2_PER_S * parts.n, CM2_PER_S * parts.s
    msd_A2 = lithium.mean_squared_displacement().mean(axis=0)
    fits = (
        Fit("start to end", whole),
        Fit(f"{PARTS} parts", D, D - 1.96 * scatter, D + 1.96 * scatter),
    )
    return Answer("gemdat", fits, curve(1e-3 * frame_fs * np.arange(len(msd_A2)), msd_A2))


CODES = {"pymatgen.analysis.diffusion": by_pymatgen, "kinisi": by_kinisi, "gemdat": by_gemdat}


def write_files(production: Trajectory, folder: Path) -> None:
    """Write the frames in the formats of ``mtl trajectory``, and once folded into the cell."""
    for name in ("frames.extxyz", "frames.traj"):
        write_frames(production, folder / name)
    cell = production.lattice_A
    fractional = np.asarray(production.positions_A, dtype=np.float64) @ np.linalg.inv(cell)
    write_frames(replace(production, positions_A=(fractional % 1.0) @ cell), folder / "folded.xdatcar")


def answers(trajectory: Trajectory, parameters: DiffusionParameters) -> list[Answer]:
    """Return what each installed code says of a run, ours first."""
    said = [ours(trajectory, parameters)]
    with tempfile.TemporaryDirectory() as name:
        write_files(trajectory.from_time(parameters.discard_ps), Path(name))
        said += [analyse(Path(name), trajectory.timestep_fs) for analyse in CODES.values()]
    return said


def compare(trajectory: Trajectory) -> None:
    """Print what each code makes of a run."""
    said = answers(trajectory, OF_RUNS)
    print("| code | fit | D / 10⁻⁵ cm²/s | 95 % | MSD, largest deviation |")
    print("|---|---|---|---|---|")
    for answer in said:
        shared = answer.msd_A2.keys() & said[0].msd_A2.keys()
        apart = max(abs(answer.msd_A2[lag] / said[0].msd_A2[lag] - 1.0) for lag in shared)
        version = metadata.version(answer.package)
        for fit in answer.fits:
            interval = "–" if np.isnan(fit.low) else f"{1e5 * fit.low:.2f}–{1e5 * fit.high:.2f}"
            print(
                f"| {answer.package} {version} | {fit.how} | {1e5 * fit.D:.2f} | {interval} "
                f"| {apart:.0e} at {len(shared)} lags |"
            )


def judge(n_walks: int) -> None:
    """Print how the codes do on walks of known diffusivity."""
    print("| walk, 20 ps | code | fit | bias % | scatter % | coverage % |")
    print("|---|---|---|---|---|---|")
    for name, walk in WALKS.items():
        fits = defaultdict(list)
        for seed in range(n_walks):
            for answer in answers(walk.trajectory(seed), DiffusionParameters()):
                for fit in answer.fits:
                    fits[answer.package, fit.how].append(fit)
        for (package, how), several in fits.items():
            D = np.array([fit.D for fit in several]) / walk.D_cm2_per_s
            covered = 100 * np.mean([fit.low <= walk.D_cm2_per_s <= fit.high for fit in several])
            share = "–" if np.isnan(several[0].low) else f"{covered:.0f}"
            print(
                f"| {name} | {package} | {how} | {100 * D.mean() - 100:.0f} | {100 * D.std():.0f} | {share} |",
                flush=True,
            )


def main() -> None:
    """Compare the codes on one run, or on walks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("conductors"), help="as of conductors.py")
    parser.add_argument("--engine", default="chgnet")
    parser.add_argument("--material", default="li10gep2s12")
    parser.add_argument("--temperature", type=float, default=1200.0, help="K")
    parser.add_argument("--walks", type=int, default=0, help="so many synthetic walks instead of a run")
    arguments = parser.parse_args()
    for package in [package for package in CODES if find_spec(package) is None]:
        print(f"{package} is not installed")
        del CODES[package]
    warnings.simplefilter("ignore")  # kinisi's, of units and triclinic cells
    if arguments.walks:
        judge(arguments.walks)
        return
    trajectory = simulated(arguments.material, arguments.temperature, arguments.folder / arguments.engine)
    if trajectory is None:
        parser.error("no run of this material and temperature, or none beyond its equilibration")
    print(f"{arguments.material}, {arguments.temperature:g} K, {trajectory.duration_ps:g} ps")
    compare(trajectory)


if __name__ == "__main__":
    main()
