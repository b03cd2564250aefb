"""`mtl barrier`: barriers on refined grids, beside those that rank."""

from typing import Annotated, Any

import typer

from mtl_flows.cli.console import err, out, print_json, table
from mtl_flows.cli.screening import open_screening
from mtl_flows.cli.types import Json, ScreeningName


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(no_args_is_help=True)(barrier)


def barrier(
    materials: Annotated[list[str], typer.Argument(help="Material ids, such as icsd-188887.")],
    screening: ScreeningName = "",
    json: Json = False,
) -> None:
    """Compute bond-valence barriers on grids refined near the saddles, keep them, show them beside those that rank.

    What is launched is refined by itself. The ranking goes by the coarser grid.
    """
    from mtl_flows.jobs.barrier import refine_barriers
    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.report.barriers import barrier_report, current_revisions

    with open_screening(screening) as store:
        parameters = screening_parameters(store, store.screening)
        revisions = current_revisions(store, materials)
        done = refine_barriers(store, list(revisions.values()), parameters)
        told = barrier_report(store, revisions, parameters)
    if done.rejected:
        err.print(f"barriers: {done.rejected} refused, see mtl rejection list")
    if json:
        print_json(told)
        return
    rows = [
        [material, kind, *_shown(found)]
        for material, kinds in told.items()
        for kind, found in kinds.items()
        if found is not None
    ]
    columns = [
        "material",
        "grid",
        "E_1D, eV",
        "E_2D, eV",
        "E_3D, eV",
        "spacing, Å",
        "last change, eV",
        "remarks",
    ]
    out.print(table("Barriers", columns, rows))


def _shown(found: dict[str, Any]) -> list[Any]:
    numbers = ("E_1D_eV", "E_2D_eV", "E_3D_eV", "spacing_A", "change_eV")
    remarks = found["reason"] or (
        f"parameters interpolated: {', '.join(found['interpolated'])}" if found["interpolated"] else ""
    )
    return [*(None if found[name] is None else round(found[name], 3) for name in numbers), remarks]
