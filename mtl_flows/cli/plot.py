"""`mtl plot`: figures of what the store holds, for print."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtl_flows.cli.console import out
from mtl_flows.cli.screening import open_screening
from mtl_flows.cli.types import ScreeningName

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Output = Annotated[
    Path, typer.Option("--output", "-o", help="File to write: .png, .svg or .pdf.", dir_okay=False)
]

plot_app = typer.Typer(no_args_is_help=True, help="Draw figures of what the store holds.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(plot_app, name="plot")


@plot_app.command(no_args_is_help=True)
def arrhenius(
    material: Annotated[str, typer.Argument(help="Material id, such as icsd-188887.")],
    output: Output,
    screening: ScreeningName = "",
) -> None:
    """Diffusivities of a material over inverse temperature, with the posterior's bands down to 300 K."""
    from mtl_flows.plotting.arrhenius import arrhenius_data, plot_arrhenius

    with open_screening(screening) as store:
        data = arrhenius_data(store, material)
    save(plot_arrhenius(data), output)


def save(figure: "Figure", output: Path) -> None:
    """Write a figure and say where.

    Raises
    ------
    ConfigurationError
        If its ending is none that can be written.
    """
    from mtl_flows.errors import ConfigurationError

    try:
        figure.savefig(output, dpi=150)
    except ValueError as error:
        raise ConfigurationError(
            f"is no kind of figure: {error}", subject=str(output), remedy="end it in .png, .svg or .pdf"
        ) from None
    out.print(str(output), soft_wrap=True)
