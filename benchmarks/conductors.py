"""Good and poor conductors under one potential: ``python benchmarks/conductors.py --hours 3``.

Six crystals of ``examples/compounds.yaml`` are ordered, their positions relaxed in the published cell, and run with
the project's own chunks at 1200, 1000 and 800 K. Every round adds a chunk to each simulation, the hottest first, so
that there is something for each material after any time. A chunk leaves its frames and a checkpoint behind: started
again, the script goes on from there. ``--table`` analyses what there is, prints the table and the Arrhenius fit of
each material, and writes one JSON line for each simulation; ``--engine sevennet`` runs another potential beside, in a
folder of its own.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pymatgen.core import Structure

from mtl_flows.science.compounds import build_structure, load_compounds
from mtl_flows.science.dynamics import (
    DiffusionParameters,
    DiffusionResult,
    Trajectory,
    analyse_diffusion,
    fit_arrhenius,
    nernst_einstein,
)
from mtl_flows.science.elements import ion_charge
from mtl_flows.science.ordering import OrderingParameters, order_structure
from mtl_flows.simulation.engine import ChunkStatus, RelaxationGoal
from mtl_flows.simulation.frames import BlockFrameSink, FrameBlock, assemble_trajectory
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.registry import get_engine
from mtl_flows.simulation.state import MDState

EXAMPLES = Path(__file__).parents[1] / "examples" / "compounds.yaml"
MATERIALS = ("li10gep2s12", "li6ps5cl", "li3n", "li3ps4-beta", "li3po4-gamma", "lialo2-gamma")
TEMPERATURES_K = (1200.0, 1000.0, 800.0)
# Small cells, so that six materials fit into an evening on one core.
CELLS = OrderingParameters(min_plane_spacing_A=4.9, min_mobile_ions=8, max_atoms=64, time_limit_s=60.0)
# A tenth of a picosecond is enough to find the temperature; the first picosecond is left out.
ANALYSIS = DiffusionParameters(discard_ps=1.0, max_lag_fraction=0.4)


def stage(temperature_K: float, longest_ps: float) -> MDParameters:
    """Return the parameters of one simulation."""
    return MDParameters(
        temperature_K=(temperature_K,), n_steps=round(500.0 * longest_ps), seed=round(temperature_K)
    )


def prepared(material: str, folder: Path, engine: str) -> Structure:
    """Return the ordered cell with its positions relaxed, from the file of an earlier call if there is one."""
    path = folder / f"{material}.json"
    if path.is_file():
        return Structure.from_dict(json.loads(path.read_text()))
    (compound,) = (c for c in load_compounds(EXAMPLES) if c.id == material)
    (approximant,) = order_structure(build_structure(compound), "Li", CELLS)
    goal = RelaxationGoal(fmax_eV_per_A=0.1, max_steps=100, relax_cell=False)
    relaxed = get_engine(engine).relax(approximant.structure, goal).structure
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(relaxed.as_dict()))
    return relaxed


def advance(material: str, temperature_K: float, folder: Path, engine: str, to_ps: float) -> str:
    """Run one simulation to a length; return what ended it, ``completed`` if nothing did."""
    parameters = stage(temperature_K, 1000.0)
    run = folder / f"{material}-{temperature_K:g}K"
    checkpoint = run / "checkpoint.json"
    if checkpoint.is_file():
        stored = json.loads(checkpoint.read_text())
        start, status = MDState.from_dict(stored), stored["status"]
    else:
        start = MDState.from_structure(prepared(material, folder, engine), parameters)
        status = str(ChunkStatus.COMPLETED)
    missing = round(500.0 * to_ps) - start.step
    if missing <= 0 or status != ChunkStatus.COMPLETED:
        return status
    run.mkdir(parents=True, exist_ok=True)

    def store(block: FrameBlock) -> None:
        (run / f"frames_{int(block.steps[0]):09d}.npz").write_bytes(block.to_bytes())

    result = get_engine(engine).run_chunk(start, parameters, BlockFrameSink(store), max_steps=missing)
    partial = checkpoint.with_suffix(".part")
    partial.write_text(json.dumps({**result.state.as_dict(), "status": str(result.status)}))
    partial.replace(checkpoint)
    return str(result.status)


def simulated(material: str, temperature_K: float, folder: Path) -> Trajectory | None:
    """Return what was simulated so far, if that outlasts its equilibration."""
    run = folder / f"{material}-{temperature_K:g}K"
    if not (run / "checkpoint.json").is_file():
        return None
    state = MDState.from_dict(json.loads((run / "checkpoint.json").read_text()))
    timestep_fs = stage(300.0, 1.0).timestep_fs
    if state.step * timestep_fs <= 1e3 * ANALYSIS.discard_ps:
        return None
    # Frames beyond the checkpoint belong to a chunk that was cut off.
    stored = (FrameBlock.from_bytes(path.read_bytes()) for path in sorted(run.glob("frames_*.npz")))
    blocks = [block for block in stored if int(block.steps[-1]) <= state.step]
    return assemble_trajectory(blocks, species=state.species, lattice_A=state.cell_A, timestep_fs=timestep_fs)


def analysed(material: str, temperature_K: float, folder: Path) -> DiffusionResult | None:
    """Return the analysis of what was simulated so far, if that is anything."""
    trajectory = simulated(material, temperature_K, folder)
    return None if trajectory is None else analyse_diffusion(trajectory, "Li", temperature_K, ANALYSIS)


def report(folder: Path, engine: str) -> None:
    """Print Markdown tables of every simulation and of the fits, and write the simulations as JSON lines."""
    fingerprint = get_engine(engine).fingerprint()
    print(
        "| material | T / K | production / ps | atoms | D / 10⁻⁵ cm²/s | σ(T) / S/cm | framework MSD / Å² | status |"
    )
    print("|---|---|---|---|---|---|---|---|")
    lines = []
    by_material: dict[str, list[DiffusionResult]] = {}
    for material in MATERIALS:
        for temperature_K in TEMPERATURES_K:
            result = analysed(material, temperature_K, folder)
            if result is None:
                continue
            by_material.setdefault(material, []).append(result)
            n_atoms = len(prepared(material, folder, engine))
            interval = result.interval_cm2_per_s
            D, sigma = "–", "–"
            if interval is not None:
                density, charge = result.number_density_per_A3, ion_charge("Li")
                low, high = interval
                sigmas = [nernst_einstein(x, density, charge, temperature_K) for x in interval]
                bound = result.D_cm2_per_s is None
                value = "" if result.D_cm2_per_s is None else f"{1e5 * result.D_cm2_per_s:.2g} "
                D = f"< {1e5 * high:.2g}" if bound else f"{value}({1e5 * low:.2g}–{1e5 * high:.2g})"
                sigma = f"< {sigmas[1]:.2g}" if bound else f"{sigmas[0]:.2g}–{sigmas[1]:.2g}"
            print(
                f"| {material} | {temperature_K:g} | {result.production_ps:.1f} | {n_atoms} | {D} | {sigma} "
                f"| {result.framework_msd_A2:.1f} | {result.status} |"
            )
            lines.append(
                json.dumps(
                    {"material": material, "n_atoms": n_atoms, "engine": fingerprint} | result.as_dict()
                )
            )
    (folder / "results.jsonl").write_text("".join(f"{line}\n" for line in lines))
    print()
    report_fits(by_material)


def report_fits(by_material: Mapping[str, Sequence[DiffusionResult]]) -> None:
    """Print a Markdown table of the Arrhenius fit of each material, with the temperatures it could not use."""
    print("| material | E_a / eV (± standard error) | σ(300 K) / S/cm (95 %) | fitted / K | left out / K |")
    print("|---|---|---|---|---|")
    for material, results in by_material.items():
        outcome = fit_arrhenius(results)
        energy, sigma = str(outcome.status), "–"
        if outcome.fit is not None:
            fit = outcome.fit
            low, high = fit.conductivity_interval_S_per_cm
            energy = f"{fit.activation_energy_eV:.2f} ± {fit.activation_energy_error_eV:.2f}"
            sigma = f"{low:.1e}–{high:.1e}"
        used = ", ".join(f"{temperature_K:g}" for temperature_K in outcome.temperatures_K) or "–"
        left_out = "; ".join(f"{temperature_K:g} ({reason})" for temperature_K, reason in outcome.excluded)
        print(f"| {material} | {energy} | {sigma} | {used} | {left_out or '–'} |")


def main() -> None:
    """Simulate for so many hours, or print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("conductors"), help="where the runs are kept")
    parser.add_argument("--engine", default="chgnet")
    parser.add_argument("--materials", default=",".join(MATERIALS))
    parser.add_argument("--hours", type=float, default=1.0, help="start no chunk after so long")
    parser.add_argument(
        "--longest-ps", type=float, default=20.0, help="length of every simulation in the end"
    )
    parser.add_argument("--chunk-ps", type=float, default=1.0)
    parser.add_argument("--table", action="store_true", help="print what there is and run nothing")
    arguments = parser.parse_args()
    folder = arguments.folder / arguments.engine
    if arguments.table:
        report(folder, arguments.engine)
        return
    end = time.monotonic() + 3600.0 * arguments.hours
    first_ps = min(5.0, arguments.longest_ps)
    lengths = [
        (temperature_K, chunk * arguments.chunk_ps)
        for final_ps in (first_ps, arguments.longest_ps)
        for temperature_K in TEMPERATURES_K
        for chunk in range(1, round(final_ps / arguments.chunk_ps) + 1)
    ]
    for temperature_K, to_ps in lengths:
        for material in arguments.materials.split(","):
            if time.monotonic() > end:
                return
            began = time.monotonic()
            status = advance(material, temperature_K, folder, arguments.engine, to_ps)
            print(
                f"{material} {temperature_K:g} K to {to_ps:g} ps: {status}, {time.monotonic() - began:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
