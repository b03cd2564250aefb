"""`mtl density`: where the ions of a simulation were, as a file for VESTA."""

from pathlib import Path
from typing import Annotated

import typer

from mtl_flows.cli.console import err, print_json
from mtl_flows.cli.types import Json, output_option
from mtl_flows.errors import unwritable


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(no_args_is_help=True)(density)


def density(
    material: Annotated[str, typer.Argument(help="Material id, or the id of one simulation.")],
    output: Annotated[Path, output_option("File to write, in CHGCAR format.")],
    temperature_K: Annotated[
        float, typer.Option("--temperature", help="Of the simulation, K; 0: the hottest.")
    ] = 0.0,
    approximant: Annotated[int, typer.Option(min=0, help="Number of the approximant.")] = 0,
    spacing_A: Annotated[
        float, typer.Option("--spacing", min=0.05, help="Largest edge of a voxel, Å.")
    ] = 0.3,
    discard_ps: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="Equilibration left out, ps.", show_default="what the run's own analysis left out"
        ),
    ] = None,
    fraction: Annotated[
        float, typer.Option(min=0.01, max=0.999, help="Share of the ions inside the suggested isosurface.")
    ] = 0.9,
    json: Json = False,
) -> None:
    """Write the density of the mobile ions, averaged over a simulation, and suggest a level for its isosurface."""
    from pymatgen.core.units import bohr_to_ang

    from mtl_flows.jobs.dynamics import load_trajectory
    from mtl_flows.science.dynamics import DiffusionParameters, ion_density
    from mtl_flows.store.database import MTLStore

    with MTLStore.open() as store:
        simulation = store.simulation(material, approximant, temperature_K)
        mobile_ion = simulation.provenance.parameters.mobile_ion
        if discard_ps is None:
            own = simulation.discard_ps
            discard_ps = DiffusionParameters().discard_ps if own is None else own
        found = ion_density(
            load_trajectory(store, simulation), mobile_ion, spacing_A=spacing_A, discard_ps=discard_ps
        )
    try:
        output.write_text(found.to_chgcar())
    except OSError as error:
        raise unwritable(output, error) from error
    level = found.level_holding(fraction)
    per_bohr3 = level * bohr_to_ang**3
    if json:
        print_json(
            {
                "file": str(output),
                "simulation": simulation.id,
                "temperature_K": simulation.temperature_K,
                "status": simulation.status,
                "discard_ps": discard_ps,
                "grid": list(found.per_A3.shape),
                "isosurface_per_A3": level,
                "isosurface_per_bohr3": per_bohr3,
                "holds": fraction,
            }
        )
        return
    err.print(
        f"{output}: {mobile_ion} of {simulation.material_id} at {simulation.temperature_K:g} K ({simulation.status}), "
        f"the first {discard_ps:g} ps left out; "
        f"an isosurface at {level:.3g} per Å³ ({per_bohr3:.3g} per bohr³) holds {100 * fraction:g} % of the ions"
    )
