"""`mtl trajectory`: the frames of a simulation as a file."""

from pathlib import Path
from typing import Annotated

import typer

from mtl_flows.cli.console import err
from mtl_flows.cli.types import output_option


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(no_args_is_help=True)(trajectory)


def trajectory(
    material: Annotated[str, typer.Argument(help="Material id, or the id of one simulation.")],
    output: Annotated[Path, output_option("File to write: .extxyz, .traj, .xdatcar or XDATCAR.")],
    temperature_K: Annotated[
        float, typer.Option("--temperature", help="Of the simulation, K; 0: the hottest.")
    ] = 0.0,
    approximant: Annotated[int, typer.Option(min=0, help="Number of the approximant.")] = 0,
    discard_ps: Annotated[float, typer.Option(min=0.0, help="Equilibration left out, ps.")] = 0.0,
    every: Annotated[int, typer.Option(min=1, help="Write every so many frames.")] = 1,
) -> None:
    """Write the frames of a simulation for other programs: ASE, OVITO, VESTA, kinisi, GEMDAT."""
    from mtl_flows.report.trajectories import write_trajectory
    from mtl_flows.store.database import MTLStore

    with MTLStore.open() as store:
        simulation = store.simulation(material, approximant, temperature_K)
        n_frames = write_trajectory(store, simulation, output, discard_ps=discard_ps, every=every)
    interval_fs = simulation.timestep_fs * simulation.frame_interval * every
    err.print(f"{output}: {n_frames} frames, {interval_fs:g} fs apart, at {simulation.temperature_K:g} K")
