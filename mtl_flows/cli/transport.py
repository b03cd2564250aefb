"""`mtl transport`: the fits of one material, the spread over its orderings, potentials side by side, directions."""

from typing import Annotated

import typer

from mtl_flows.cli.console import out, print_json, table
from mtl_flows.cli.types import Json


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(no_args_is_help=True)(transport)


def transport(
    material: Annotated[str, typer.Argument(help="Material id, such as icsd-188887.")], json: Json = False
) -> None:
    """Show each Arrhenius fit of a material, the spread over orderings, whether potentials agree, directions."""
    from mtl_flows.report.transport import transport_report
    from mtl_flows.report.transport_tables import transport_tables
    from mtl_flows.store.database import MTLStore

    with MTLStore.open() as store:
        report = transport_report(store, material)
    if json:
        print_json(report)
        return
    for title, columns, rows in transport_tables(report):
        out.print(table(title, columns, rows))
