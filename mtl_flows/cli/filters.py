"""The options of the candidate filter, shared by every command that takes one."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from mtl_flows.cli.options import takes
from mtl_flows.vocabulary import ChosenProtocol, DynamicsStatus, GateKey, Judgement, Reached

if TYPE_CHECKING:
    from mtl_flows.store.candidate_filter import CandidateFilter

_GATES = "Gates"
_CHEMISTRY = "Chemistry"
_RESULTS = "Results"


def _filter(
    survivors: Annotated[
        bool, typer.Option("--survivors", help="Unique, and passed every gate.", rich_help_panel=_GATES)
    ] = False,
    protocol: Annotated[
        ChosenProtocol, typer.Option(help="Whose gates and clusters.", rich_help_panel=_GATES)
    ] = "published",
    passes: Annotated[
        str,
        typer.Option(
            help=f"Passed these gates, with commas between: {', '.join(get_args(GateKey))}.",
            rich_help_panel=_GATES,
        ),
    ] = "",
    fails: Annotated[str, typer.Option(help="Failed these gates.", rich_help_panel=_GATES)] = "",
    dropped: Annotated[
        bool | None,
        typer.Option("--dropped/--kept", help="What a gate dropped, or the rest.", rich_help_panel=_GATES),
    ] = None,
    cluster: Annotated[str, typer.Option(help="In the cluster of this name.", rich_help_panel=_GATES)] = "",
    elements: Annotated[
        str, typer.Option(help="Contains all of these, such as Li,P,S.", rich_help_panel=_CHEMISTRY)
    ] = "",
    without: Annotated[str, typer.Option(help="Contains none of these.", rich_help_panel=_CHEMISTRY)] = "",
    system: Annotated[
        str, typer.Option(help="Exactly this chemical system, such as Li-P-S.", rich_help_panel=_CHEMISTRY)
    ] = "",
    formula: Annotated[
        str, typer.Option(help="This reduced formula, such as Li3PS4.", rich_help_panel=_CHEMISTRY)
    ] = "",
    n_elements: Annotated[
        int | None, typer.Option(min=1, help="So many elements.", rich_help_panel=_CHEMISTRY)
    ] = None,
    ordered: Annotated[
        bool | None,
        typer.Option(
            "--ordered/--disordered", help="Without or with partial occupancy.", rich_help_panel=_CHEMISTRY
        ),
    ] = None,
    known: Annotated[
        bool | None,
        typer.Option(
            "--known/--unknown", help="Known conductors, or the others.", rich_help_panel=_CHEMISTRY
        ),
    ] = None,
    unique: Annotated[
        bool | None,
        typer.Option(
            "--unique/--duplicates", help="Without duplicates, or only them.", rich_help_panel=_CHEMISTRY
        ),
    ] = None,
    verdict: Annotated[Judgement | None, typer.Option(help="Verdict.", rich_help_panel=_RESULTS)] = None,
    status: Annotated[
        DynamicsStatus | None, typer.Option(help="Status of the dynamics.", rich_help_panel=_RESULTS)
    ] = None,
    stage: Annotated[
        Reached | None, typer.Option(help="Last gate that was passed.", rich_help_panel=_RESULTS)
    ] = None,
    pending: Annotated[
        str,
        typer.Option(help="Waits for this stage, such as chemistry or dynamics.", rich_help_panel=_RESULTS),
    ] = "",
    release: Annotated[
        str, typer.Option(help="Only materials of this release.", rich_help_panel=_RESULTS)
    ] = "",
    at_least: Annotated[
        list[str] | None,
        typer.Option(
            "--min",
            metavar="FIELD=NUMBER",
            help="A number at least, such as v3=0.8.",
            rich_help_panel=_RESULTS,
        ),
    ] = None,
    at_most: Annotated[
        list[str] | None,
        typer.Option(
            "--max",
            metavar="FIELD=NUMBER",
            help="A number at most, such as r_connected=4.",
            rich_help_panel=_RESULTS,
        ),
    ] = None,
) -> "CandidateFilter":
    from mtl_flows.store.candidate_filter import CandidateFilter, Range

    ranges = [Range(name, at_least=limit) for name, limit in map(split_limit, at_least or ())]
    ranges += [Range(name, at_most=limit) for name, limit in map(split_limit, at_most or ())]
    return CandidateFilter(
        survivors=survivors,
        protocol=protocol,
        passes=split(passes),
        fails=split(fails),
        cluster=cluster,
        elements=split(elements),
        without=split(without),
        chemical_system=system,
        formula=formula,
        n_elements=n_elements,
        ordered=ordered,
        is_known_conductor=known,
        is_representative=unique,
        verdict=verdict or "",
        dynamics_status=status or "",
        furthest_stage=stage or "",
        pending=pending,
        dropped=dropped,
        release=release,
        ranges=tuple(ranges),
    )


def with_filter(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command every option of the filter in place of its argument `chosen`, a `CandidateFilter`."""
    return takes("chosen", _filter)(command)


def split(text: str) -> tuple[str, ...]:
    """Parts of a text with commas between."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def split_limit(text: str) -> tuple[str, float]:
    """Field and number of a text such as ``r_connected=4``."""
    name, _, number = text.partition("=")
    try:
        return name.strip(), float(number)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not FIELD=NUMBER, such as r_connected=4") from None
