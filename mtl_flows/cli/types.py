"""Arguments and options that several commands share."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
MobileIon = Annotated[str, typer.Option("--mobile-ion", "-m", help="Element symbol of the mobile ion.")]
Workers = Annotated[
    int, typer.Option("--workers", "-j", min=0, help="Worker processes (0: none, no limits).")
]
