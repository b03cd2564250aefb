"""One run, analysed by other authors' codes: ``python benchmarks/independent_codes.py --material li6ps5cl``.

Takes a run of ``benchmarks/conductors.py``, writes its frames as ``mtl trajectory`` does, and has the files analysed
by pymatgen-analysis-diffusion, kinisi (extra ``kinisi``) and GEMDAT (extra ``gemdat``), beside this package itself.
Every code does its own unwrapping, removal of drift, averages and fit. Prints how far the mean square displacements
are apart at shared lags, and the diffusivities with 95 % intervals. A code that is not installed is named.
"""

import argparse
import tempfile
import warnings
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import numpy as np
from ase.io import read
from conductors import ANALYSIS, simulated
from numpy.typing import NDArray
from pymatgen.analysis.diffusion.analyzer import DiffusionAnalyzer
from pymatgen.io.vasp import Xdatcar

from mtl_flows.report.trajectories import write_frames
from mtl_flows.science.dynamics import Trajectory, analyse_diffusion

CM2_PER_S = 1e4  # from m²/s
PARTS = 5  # of the run, for GEMDAT's scatter


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A diffusivity: how it was fitted, its value and interval in cm²/s (the value NaN where only a bound is given)."""

    how: str
    D: float
    low: float = np.nan
    high: float = np.nan

    def __str__(self) -> str:
        interval = "–" if np.isnan(self.low) else f"{1e5 * self.low:.2f}–{1e5 * self.high:.2f}"
        return f"{'–' if np.isnan(self.D) else f'{1e5 * self.D:.2f}'} | {interval} | {self.how}"


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a code says of a run: its fits, and the mean square displacement in Å² by lag in whole fs."""

    package: str
    fits: tuple[Fit, ...]
    msd_A2: dict[int, float]


def curve(lag_ps: NDArray[np.float64], msd_A2: NDArray[np.float64]) -> dict[int, float]:
    """Return mean square displacements by lag in whole fs."""
    return dict(zip(np.round(1e3 * lag_ps).astype(int).tolist(), msd_A2.tolist(), strict=True))


def ours(trajectory: Trajectory, temperature_K: float) -> Answer:
    """Analyse the whole run; the files begin where its equilibration ends."""
    result = analyse_diffusion(trajectory, "Li", temperature_K, ANALYSIS)
    if result.fit is None:
        raise SystemExit(f"{result.reason}: run conductors.py for longer")
    how = f"lags {result.fit.window_ps[0]:g}–{result.fit.window_ps[1]:g} ps; {result.status}"
    interval = result.interval_cm2_per_s or (np.nan, np.nan)
    fit = Fit(how, result.fit.D_cm2_per_s, *interval)
    return Answer("mtl-flows", (fit,), curve(np.array(result.fit.lag_ps), np.array(result.fit.msd_A2)))


def by_pymatgen(folder: Path, frame_fs: float, temperature_K: float) -> Answer:
    """Let pymatgen unwrap frames that are folded into the cell, and fit its line."""
    structures = Xdatcar(folder / "folded.xdatcar").structures
    analyser = DiffusionAnalyzer.from_structures(structures, "Li", temperature_K, frame_fs, step_skip=1)
    D, error = analyser.diffusivity, analyser.diffusivity_std_dev
    fit = Fit("its own line, error of the residuals", D, D - 1.96 * error, D + 1.96 * error)
    return Answer("pymatgen-analysis-diffusion", (fit,), curve(1e-3 * analyser.dt, analyser.msd))


def by_kinisi(folder: Path, frame_fs: float, temperature_K: float) -> Answer:
    """Let kinisi sample the lines through its mean square displacements from 1 ps on."""
    from kinisi.analyze import DiffusionAnalyzer as Kinisi

    frames = read(folder / "frames.extxyz", index=":")
    quiet = {"progress": False}
    step = {"specie": "Li", "time_step": 1e-3 * frame_fs, "step_skip": 1}  # ps; fs where it reads an XDATCAR
    longest_ps = ANALYSIS.max_lag_fraction * 1e-3 * frame_fs * (len(frames) - 1)
    answers = []
    for how, window in (("lags from 1 ps to the end", {}), ("the same lags", {"max_dt": longest_ps})):
        analyser = Kinisi.from_ase(frames, parser_params=step | quiet | window, uncertainty_params=quiet)
        analyser.diffusion(ANALYSIS.min_lag_ps, quiet | {"random_state": np.random.RandomState(0)})
        low, D, high = np.percentile(analyser.D.samples, (2.5, 50.0, 97.5))
        answers.append(Answer("kinisi", (Fit(how, D, low, high),), curve(analyser.dt, analyser.msd)))
    return Answer("kinisi", tuple(a.fits[0] for a in answers), answers[0].msd_A2 | answers[1].msd_A2)


def by_gemdat(folder: Path, frame_fs: float, temperature_K: float) -> Answer:
    """Let GEMDAT take the displacement from start to end, of the run and of its parts."""
    import gemdat

    read_in = gemdat.Trajectory.from_ase_trajectory(folder / "frames.traj", time_step_ps=1e-3 * frame_fs)
    lithium = read_in.apply_drift_correction(floating_species="Li").filter("Li")
    whole = CM2_PER_S * float(lithium.metrics().tracer_diffusivity(dimensions=3))
    parts = gemdat.metrics.TrajectoryMetricsStd(lithium.split(PARTS)).tracer_diffusivity(dimensions=3)
    D, scatter = CM2_PER_S * parts.n, CM2_PER_S * parts.s
    msd_A2 = lithium.mean_squared_displacement().mean(axis=0)
    fits = (
        Fit("displacement from start to end", whole),
        Fit(f"the same over {PARTS} parts, their scatter", D, D - 1.96 * scatter, D + 1.96 * scatter),
    )
    return Answer("gemdat", fits, curve(1e-3 * frame_fs * np.arange(len(msd_A2)), msd_A2))


CODES = {"pymatgen-analysis-diffusion": by_pymatgen, "kinisi": by_kinisi, "gemdat": by_gemdat}


def write_files(production: Trajectory, folder: Path) -> None:
    """Write the frames in the formats of ``mtl trajectory``, and once folded into the cell."""
    for name in ("frames.extxyz", "frames.traj"):
        write_frames(production, folder / name)
    cell = production.lattice_A
    fractional = np.asarray(production.positions_A, dtype=np.float64) @ np.linalg.inv(cell)
    write_frames(replace(production, positions_A=(fractional % 1.0) @ cell), folder / "folded.xdatcar")


def compare(trajectory: Trajectory, temperature_K: float, folder: Path) -> None:
    """Print what each code makes of a run."""
    write_files(trajectory.from_time(ANALYSIS.discard_ps), folder)
    answers = [ours(trajectory, temperature_K)]
    for package, analyse in CODES.items():
        try:
            answers.append(analyse(folder, trajectory.timestep_fs, temperature_K))
        except ModuleNotFoundError as error:
            print(f"{package}: not run, {error.name} is not installed")
    reference = answers[0].msd_A2
    print("| code | MSD, largest deviation | D / 10⁻⁵ cm²/s | 95 % | fitted |")
    print("|---|---|---|---|---|")
    for answer in answers:
        shared = [lag for lag in answer.msd_A2 if lag in reference]
        apart = max(abs(answer.msd_A2[lag] / reference[lag] - 1.0) for lag in shared)
        for fit in answer.fits:
            print(
                f"| {answer.package} {metadata.version(answer.package)} "
                f"| {apart:.1e} at {len(shared)} lags | {fit} |"
            )


def main() -> None:
    """Compare the codes on one run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("conductors"), help="as of conductors.py")
    parser.add_argument("--engine", default="chgnet")
    parser.add_argument("--material", required=True)
    parser.add_argument("--temperature", type=float, default=1200.0, help="K")
    arguments = parser.parse_args()
    trajectory = simulated(arguments.material, arguments.temperature, arguments.folder / arguments.engine)
    if trajectory is None:
        parser.error("no run of this material and temperature, or none beyond its equilibration")
    print(f"{arguments.material}, {arguments.temperature:g} K, {trajectory.duration_ps:g} ps")
    warnings.simplefilter("ignore")  # kinisi's, of units and triclinic cells
    with tempfile.TemporaryDirectory() as folder:
        compare(trajectory, arguments.temperature, Path(folder))


if __name__ == "__main__":
    main()
