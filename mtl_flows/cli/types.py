"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from mtl_flows.simulation.engines import engine_names

Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
MobileIon = Annotated[str, typer.Option("--mobile-ion", "-m", help="Element symbol of the mobile ion.")]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Do it on a copy of the store's releases, say what came of it, and forget it."
    ),
]
ScreeningName = Annotated[
    str, typer.Option("--screening", help="Name of the screening; the default one if not given.")
]
ParametersFile = Annotated[
    Path | None,
    typer.Option(
        "--parameters",
        help="YAML file of what departs from the defaults, a section for each stage, as `mtl screening show --yaml` "
        "prints it.",
    ),
]
Workers = Annotated[int, typer.Option("--workers", "-j", min=0, help="Worker processes; 0: none, no limits.")]

_PANEL = "Molecular dynamics"
EngineName = Annotated[
    str,
    typer.Option(
        "--engine",
        help=f"{', '.join(engine_names())}, or the import path of an ASE calculator or an engine (module:NAME).",
        rich_help_panel=_PANEL,
    ),
]
Survivors = Annotated[
    int, typer.Option(min=0, help="Simulate the best so many survivors; 0: all.", rich_help_panel=_PANEL)
]
