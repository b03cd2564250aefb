"""Arguments and options that several commands share: one name, one meaning."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mtl_flows.simulation.engines import engine_names
from mtl_flows.vocabulary import ChosenProtocol, Corrections, ProviderName

Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
All = Annotated[bool, typer.Option("--all", help="Show all; no limit.")]
Retry = Annotated[bool, typer.Option("--retry", help="Try again what was refused.")]
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

Entries = Annotated[
    Path | None,
    typer.Option("--entries", help="JSON file of ComputedEntry or ComputedStructureEntry.", dir_okay=False),
]
Provider = Annotated[
    ProviderName | None,
    typer.Option(
        "--provider",
        help="Energies of competing phases: relaxed with the engine's potential, the Materials Project's (key in "
        "MP_API_KEY), or those of --entries.",
    ),
]
CorrectionsOption = Annotated[
    Corrections,
    typer.Option(
        "--corrections", help="Of a file: take its energies as they are, or correct raw PBE energies."
    ),
]

_PANEL = "Molecular dynamics"
EngineName = Annotated[
    str,
    typer.Option(
        "--engine",
        help=f"{', '.join(engine_names())} (a model after a colon: sevennet:7net-mf-0), a force field of atomate2 "
        "(MACE-MP-0, ...), a name from mtl.yaml, or the import path of an ASE calculator or an engine (module:NAME).",
        rich_help_panel=_PANEL,
    ),
]


def limit_option(what: str, **others: Any) -> Any:
    """Option ``--limit``: a number of things, 0 for all."""
    return typer.Option("--limit", "-n", min=0, help=f"{what} at most so many; 0: all.", **others)


def output_option(what: str) -> Any:
    """Option ``--output``: the file or folder that is written."""
    return typer.Option("--output", "-o", help=what)


Simulated = Annotated[int, limit_option("Simulate the best survivors,", rich_help_panel=_PANEL)]
SimulatedProtocol = Annotated[
    ChosenProtocol,
    typer.Option(
        "--protocol",
        help="Whose survivors; ranked: of all that pass the chemical rules, with --limit.",
        rich_help_panel=_PANEL,
    ),
]
