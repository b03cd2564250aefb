"""`mtl plot`: figures of what the store holds, for print."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtl_flows.cli.console import out
from mtl_flows.cli.screening import open_screening
from mtl_flows.cli.types import ScreeningName
from mtl_flows.errors import NotFoundError
from mtl_flows.vocabulary import Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mtl_flows.plotting.barcodes import BarcodeData

Output = Annotated[
    Path, typer.Option("--output", "-o", help="File to write: .png, .svg or .pdf.", dir_okay=False)
]
Material = Annotated[str, typer.Argument(help="Material id, such as icsd-188887.")]
Whose = Annotated[Protocol, typer.Option("--protocol", help="Whose metric or clusters.")]

plot_app = typer.Typer(no_args_is_help=True, help="Draw figures of what the store holds.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(plot_app, name="plot")


@plot_app.command(no_args_is_help=True)
def funnel(output: Output, screening: ScreeningName = "") -> None:
    """How many materials stand after each gate, beside the article's counts (its figure 2d)."""
    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.plotting.funnel import funnel_data, plot_funnel

    with open_screening(screening) as store:
        data = funnel_data(store, screening_parameters(store, store.screening).thresholds)
    save(plot_funnel(data), output)


@plot_app.command(no_args_is_help=True)
def connectivity(output: Output, screening: ScreeningName = "") -> None:
    """How r_connected is distributed, known conductors marked (figure 2e)."""
    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.plotting.distributions import connectivity_data, plot_distribution

    with open_screening(screening) as store:
        thresholds = screening_parameters(store, store.screening).thresholds
        data = connectivity_data(store.candidates.gates(), thresholds)
    save(plot_distribution(data), output)


@plot_app.command("cycle-density", no_args_is_help=True)
def cycle_density(output: Output, protocol: Whose = "published", screening: ScreeningName = "") -> None:
    """How rho_cycles is distributed over what r_connected leaves (figure 2f)."""
    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.plotting.distributions import cycles_data, plot_distribution

    with open_screening(screening) as store:
        thresholds = screening_parameters(store, store.screening).thresholds
        data = cycles_data(store.candidates.gates(), thresholds, protocol)
    save(plot_distribution(data), output)


@plot_app.command(no_args_is_help=True)
def cluster(output: Output, protocol: Whose = "published", screening: ScreeningName = "") -> None:
    """The clusters and the known conductors in them (figure 2g)."""
    from mtl_flows.plotting.clusters import clusters_data, plot_clusters

    with open_screening(screening) as store:
        data = clusters_data(store.clusterings.current(protocol))
    save(plot_clusters(data), output)


@plot_app.command("feature-map", no_args_is_help=True)
def draw_feature_map(output: Output, protocol: Whose = "published", screening: ScreeningName = "") -> None:
    """The features that were clustered, in the plane that holds most of their variance (figure S1 in kind)."""
    from mtl_flows.plotting.clusters import feature_map, plot_feature_map

    with open_screening(screening) as store:
        data = feature_map(store, protocol)
    save(plot_feature_map(data), output)


@plot_app.command(no_args_is_help=True)
def conduction(output: Output, screening: ScreeningName = "") -> None:
    """Conductivity at 300 K over activation energy, beside the article's candidates (figure 3a)."""
    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.plotting.conduction import conduction_data, plot_conduction

    with open_screening(screening) as store:
        thresholds = screening_parameters(store, store.screening).verdict
        data = conduction_data(store.candidates.judgeable(), thresholds)
    save(plot_conduction(data), output)


@plot_app.command(no_args_is_help=True)
def ranking(output: Output, screening: ScreeningName = "") -> None:
    """Barriers over v3/d3 with lines of equal priority, measured conductivities where they are known."""
    from mtl_flows.plotting.ranking import plot_ranking, ranked_points

    with open_screening(screening) as store:
        points = ranked_points(store.candidates.find({"is_representative": True}))
    save(plot_ranking(points), output)


@plot_app.command(no_args_is_help=True)
def structure(material: Material, output: Output, screening: ScreeningName = "") -> None:
    """A crystal whole, its mobile sites and its framework (figures 2a–c and 3b–e)."""
    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.plotting.structure import crystal_drawing, plot_structure

    with open_screening(screening) as store:
        ion = screening_parameters(store, store.screening).mobile_ion
        drawing = crystal_drawing(store.structure(material).as_dict(), ion)
    save(plot_structure(drawing, ion), output)


@plot_app.command(no_args_is_help=True)
def landscape(
    material: Material,
    output: Output,
    level: Annotated[
        float, typer.Option("--level", min=0.0, help="In eV; that at which it first percolates if 0.")
    ] = 0.0,
    screening: ScreeningName = "",
) -> None:
    """Where the bond-valence landscape of a material lies below a level, within the framework; computed anew."""
    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.plotting.structure import crystal_drawing
    from mtl_flows.plotting.volumes import landscape_surface, landscape_volume, plot_volume

    with open_screening(screening) as store:
        parameters = screening_parameters(store, store.screening)
        surface = landscape_surface(store, parameters, material)
        drawing = crystal_drawing(store.structure(material).as_dict(), parameters.mobile_ion)
    save(plot_volume(landscape_volume(surface, drawing, level)), output)


@plot_app.command(no_args_is_help=True)
def density(
    material: Material,
    output: Output,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0.0, help="In K; the hottest simulation if 0.")
    ] = 0.0,
    share: Annotated[
        float, typer.Option("--share", min=0.01, max=0.99, help="Of the ions that the surface holds.")
    ] = 0.7,
    screening: ScreeningName = "",
) -> None:
    """Where the ions of a simulation were, over its framework (figures 3b–e and S2–S15)."""
    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.plotting.volumes import plot_volume, simulation_density

    with open_screening(screening) as store:
        ion = screening_parameters(store, store.screening).mobile_ion
        simulation = store.simulation(material, temperature_K=temperature)
        data = simulation_density(store, simulation, ion, share)
    save(plot_volume(data), output)


@plot_app.command(no_args_is_help=True)
def barcode(material: Material, output: Output, screening: ScreeningName = "") -> None:
    """Barcodes of both sublattices of a material, with the distance r_connected (figure 4c in kind)."""
    from mtl_flows.plotting.barcodes import plot_barcodes

    save(plot_barcodes(_barcodes(material, screening)), output)


@plot_app.command(no_args_is_help=True)
def persistence(material: Material, output: Output, screening: ScreeningName = "") -> None:
    """Persistence diagrams of both sublattices of a material."""
    from mtl_flows.plotting.barcodes import plot_persistence

    save(plot_persistence(_barcodes(material, screening)), output)


@plot_app.command(no_args_is_help=True)
def msd(material: Material, output: Output, screening: ScreeningName = "") -> None:
    """Mean square displacements of a material's simulations, with the windows of their fits (figures S2–S15)."""
    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.plotting.msd import displacement_data, plot_displacements

    with open_screening(screening) as store:
        ion = screening_parameters(store, store.screening).mobile_ion
        data = displacement_data(store.simulations(material), ion)
    save(plot_displacements(data), output)


@plot_app.command(no_args_is_help=True)
def arrhenius(material: Material, output: Output, screening: ScreeningName = "") -> None:
    """Diffusivities of a material over inverse temperature, with the posterior's bands down to 300 K."""
    from mtl_flows.plotting.arrhenius import arrhenius_data, plot_arrhenius

    with open_screening(screening) as store:
        data = arrhenius_data(store, material)
    save(plot_arrhenius(data), output)


@plot_app.command(no_args_is_help=True)
def window(material: Material, output: Output, screening: ScreeningName = "") -> None:
    """The voltage profile of a material with its electrochemical window."""
    from mtl_flows.jobs.evidence import gather
    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.plotting.window import plot_window, window_data

    with open_screening(screening) as store:
        ion = screening_parameters(store, store.screening).mobile_ion
        evidence = gather(store, store.groups.sources([material]), ion).get(material)
    if evidence is None or evidence.window is None:
        raise NotFoundError("has no electrochemical window yet", subject=material, remedy="run mtl stability")
    save(plot_window(window_data(evidence.window)), output)


def _barcodes(material: str, screening: str) -> "BarcodeData":
    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.plotting.barcodes import barcode_data

    with open_screening(screening) as store:
        parameters = screening_parameters(store, store.screening)
        barcodes = store.barcodes_of(material, parameters.topology, mobile_ion=parameters.mobile_ion)
        row = store.candidates.get(material) if store.candidates.existing([material]) else None
    return barcode_data(
        barcodes, row.r_connected_A if row else None, parameters.topology.cutoff_A, parameters.mobile_ion
    )


def save(figure: "Figure", output: Path) -> None:
    """Write a figure and say where.

    Raises
    ------
    ConfigurationError
        If its ending is none that can be written.
    """
    from mtl_flows.errors import ConfigurationError, unwritable

    try:
        figure.savefig(output, dpi=150)
    except ValueError as error:
        raise ConfigurationError(
            f"is no kind of figure: {error}", subject=str(output), remedy="end it in .png, .svg or .pdf"
        ) from None
    except OSError as error:
        raise unwritable(output, error) from error
    out.print(str(output), soft_wrap=True)
