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
        help=f"{', '.join(engine_names())}, or the import path of an ASE calculator or of an engine (module:ENGINE).",
        rich_help_panel=_PANEL,
    ),
]
EngineSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "--incar",
        metavar="NAME=VALUE",
        help="Setting of the engine, repeatable: NCORE=4 is an INCAR tag of VASP.",
        rich_help_panel=_PANEL,
    ),
]
Survivors = Annotated[
    int, typer.Option(min=0, help="Simulate the best so many survivors; 0: all.", rich_help_panel=_PANEL)
]
Temperatures = Annotated[
    str, typer.Option(help="Temperatures in K, with commas between.", rich_help_panel=_PANEL)
]
HeatPs = Annotated[float, typer.Option(help="Heating ramp from 300 to 1200 K, ps.", rich_help_panel=_PANEL)]
ProductionPs = Annotated[
    float,
    typer.Option(help="Production at each temperature before it is judged, ps.", rich_help_panel=_PANEL),
]
Budget = Annotated[
    float,
    typer.Option(
        "--budget-ps",
        help="Longest production of a temperature that has not converged, ps.",
        rich_help_panel=_PANEL,
    ),
]
DiscardPs = Annotated[
    float, typer.Option(help="Equilibration cut off each production, ps.", rich_help_panel=_PANEL)
]
LagFraction = Annotated[
    float,
    typer.Option(
        "--max-lag",
        min=0.05,
        max=0.9,
        help="Longest lag of the fit, as a fraction of the production.",
        rich_help_panel=_PANEL,
    ),
]
TargetError = Annotated[
    float,
    typer.Option(
        "--target-error",
        min=0.01,
        help="Relative standard error of D at which a temperature counts as converged.",
        rich_help_panel=_PANEL,
    ),
]
MaxAtoms = Annotated[
    int,
    typer.Option("--max-atoms", min=1, help="Most atoms in the supercell.", rich_help_panel=_PANEL),
]
ChunkPs = Annotated[
    float,
    typer.Option(help="Simulated time of one job, ps: what a lost worker costs.", rich_help_panel=_PANEL),
]
Orderings = Annotated[
    int,
    typer.Option(
        min=1, help="Ordered cells of a disordered crystal; an ordered one has one.", rich_help_panel=_PANEL
    ),
]
