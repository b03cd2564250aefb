"""`mtl trajectory`: the frames of a simulation as a file, and files of frames as simulations."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mtl_flows.cli.console import err, out, print_json, table
from mtl_flows.cli.types import Json, MobileIon, ScreeningName, output_option


class _ExportUnlessNamed(TyperGroup):
    """`mtl trajectory ID` exports: what is no command is taken for what is to be exported."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Put the command that is meant before arguments that begin with none."""
        if args and args[0] not in self.commands:
            args = ["export", *args]
        return super().resolve_command(ctx, args)


trajectory_app = typer.Typer(
    cls=_ExportUnlessNamed,
    no_args_is_help=True,
    help="Frames of simulations: export writes them for other programs, import takes those of other programs.",
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(trajectory_app, name="trajectory")


@trajectory_app.command()
def export(
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


@trajectory_app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            help="XDATCAR, vasprun.xml, .extxyz, .traj of ASE or a text dump of LAMMPS; with .gz as well."
        ),
    ],
    material: Annotated[str, typer.Option("--material", help="Id of the material that was simulated.")],
    temperature_K: Annotated[float, typer.Option("--temperature", min=1.0, help="Of the simulation, K.")],
    potential: Annotated[
        str,
        typer.Option(
            "--potential",
            help="What it was simulated by, such as PBE: fits join what has one name, nothing else.",
        ),
    ] = "external",
    timestep_fs: Annotated[
        float,
        typer.Option(
            "--timestep", min=0.0, help="Integration step in fs where the file does not hold it: POTIM."
        ),
    ] = 0.0,
    every: Annotated[
        int,
        typer.Option(
            min=1, help="Integration steps between frames where the file does not hold them: NBLOCK."
        ),
    ] = 1,
    types: Annotated[
        str, typer.Option("--types", help="Elements in the order of LAMMPS' types, such as Li,P,S.")
    ] = "",
    discard_ps: Annotated[float, typer.Option(min=0.0, help="Equilibration cut off, ps.")] = 2.0,
    max_lag_fraction: Annotated[
        float,
        typer.Option(
            "--max-lag", min=0.05, max=0.5, help="Longest lag of the fit, as a fraction of the run."
        ),
    ] = 0.3,
    mobile_ion: MobileIon = "Li",
    screening: ScreeningName = "",
    json: Json = False,
) -> None:
    """Take a trajectory of another program: analysed as ours are, attached to the material under its own potential.

    Its cell must be a supercell of the material's and its framework must lie where the material's sites are. The same
    file is imported once, however often it is given.

    Example: `mtl trajectory import XDATCAR --material icsd-418490 --temperature 600 --timestep 2 --every 10 --potential
    PBE`
    """
    from mtl_flows.cli.screening import open_screening
    from mtl_flows.jobs.imported import import_trajectory
    from mtl_flows.science.dynamics import DiffusionParameters
    from mtl_flows.simulation.foreign_frames import read_foreign
    from mtl_flows.stages.imported import ExternalPotential

    elements = {number: name.strip() for number, name in enumerate(types.split(","), 1) if name.strip()}
    foreign = read_foreign(file, timestep_fs=timestep_fs, every=every, types=elements)
    parameters = DiffusionParameters(discard_ps=discard_ps, max_lag_fraction=max_lag_fraction)
    with open_screening(screening) as store:
        outcome = import_trajectory(
            store,
            foreign,
            file,
            material,
            temperature_K,
            ExternalPotential(potential, mobile_ion),
            parameters,
        )
    simulation, fit = outcome.simulation, outcome.fit
    err.print(
        f"{file.name}: {foreign.trajectory.n_frames} frames, {foreign.trajectory.duration_ps:g} ps"
        + ("" if outcome.new else "; it was imported before")
    )
    if json:
        print_json({"simulation": simulation.model_dump(by_alias=True), "fit": fit.model_dump(by_alias=True)})
        return
    row = [
        *(material, simulation.engine_name, simulation.temperature_K, simulation.status),
        *(_D(simulation.diffusivity_cm2_per_s), _D(simulation.diffusivity_low_cm2_per_s)),
        _D(simulation.diffusivity_high_cm2_per_s),
    ]
    columns = ["material", "potential", "T / K", "status", "D / cm²/s", "from", "to"]
    out.print(table("Imported, 95 % interval", columns, [row]))
    if fit.activation_energy_eV is not None:
        at = ", ".join(f"{temperature:g}" for temperature in sorted(set(fit.temperatures_K)))
        out.print(
            f"E_a = {fit.activation_energy_eV:.3f} ± {fit.activation_energy_error_eV:.3f} eV through {at} K; "
            f"mtl transport {material} shows more",
            soft_wrap=True,
        )


def _D(value: float | None) -> str:
    return "–" if value is None else f"{value:.2e}"
