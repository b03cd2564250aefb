"""`mtl transport`: the fits of one material, the spread over its orderings, potentials side by side, directions."""

from typing import Annotated, Any

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
    from mtl_flows.store.database import MTLStore

    with MTLStore.open() as store:
        report = transport_report(store, material)
    if json:
        print_json(report)
        return
    for title in ("fits", "orderings", "posterior", "potentials", "directions"):
        rows: list[dict[str, Any]] = report[title]
        if rows:
            columns = [name for name in rows[0] if any(row[name] not in (None, [], {}) for row in rows)]
            out.print(
                table(title.capitalize(), columns, [[_shown(row[name]) for name in columns] for row in rows])
            )


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return "; ".join(f"{key} K: {item}" for key, item in value.items())
    if isinstance(value, list | tuple):
        rows = [item for item in value if isinstance(item, list | tuple)]
        return "; ".join(map(_shown, rows)) if rows else ", ".join(f"{item:.3g}" for item in value)
    return f"{value:.3g}" if isinstance(value, float) else value
