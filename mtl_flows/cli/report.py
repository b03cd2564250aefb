"""`mtl report`: everything there is of a screening, as a page to look at."""

from pathlib import Path
from typing import Annotated

import typer

from mtl_flows.cli.console import out
from mtl_flows.cli.types import ScreeningName, output_option


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(report)


def report(
    output: Annotated[
        Path, output_option("File that ends in .html, or a folder: a page for each screening.")
    ] = Path("report.html"),
    screening: ScreeningName = "",
    densities: Annotated[
        int,
        typer.Option(
            min=0, help="Draw the density of the ions for so many simulated materials; reads their frames."
        ),
    ] = 40,
) -> None:
    """Write one page that holds a screening and opens without network: funnel, table, figures, every material.

    Examples: `mtl report` · `mtl report -o pages` · `mtl report --screening Na -o sodium.html`
    """
    from mtl_flows.pages.page import write_report
    from mtl_flows.store.database import MTLStore

    with MTLStore.open() as store:
        names = [store.screenings.named(screening).id] if screening else []
        written = write_report(store, output, screenings=names, densities=densities)
    for page in written:
        out.print(
            f"{page.path}: screening {page.screening}, {page.n_materials} materials, "
            f"{page.n_bytes / 1e6:.1f} MB",
            soft_wrap=True,
        )
