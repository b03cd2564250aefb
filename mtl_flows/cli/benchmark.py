"""`mtl benchmark`: the comparisons whose numbers the documentation states."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        no_args_is_help=True, help="Compare with published numbers and measured conductivities."
    )
    app.add_typer(group, name="benchmark")
