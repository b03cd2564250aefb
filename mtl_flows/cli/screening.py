"""`mtl screening`: screenings side by side, each with its ion, parameters, clusterings and rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtl_flows.cli.console import err, out, print_json, table
from mtl_flows.cli.types import Json

if TYPE_CHECKING:
    from mtl_flows.stages import ScreeningParameters
    from mtl_flows.store.database import MTLStore
    from mtl_flows.store.screening import Screenings

_Name = Annotated[str, typer.Argument(help="Name of a screening.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="Screenings side by side: list, show, compare, choose the default, remove.", no_args_is_help=True
    )
    group.command("list")(list_)
    group.command()(show)
    group.command()(compare)
    group.command()(default)
    group.command()(remove)
    app.add_typer(group, name="screening")


def in_screening(store: "MTLStore", name: str = "") -> "MTLStore":
    """Return the store as a screening sees it; where there are several and none is named, says which is meant.

    Raises
    ------
    NotFoundError
        If there is no screening of this name.
    """
    return store.under(_chosen(store.screenings.all(), name))


def as_screened(store: "MTLStore", name: str = "") -> "tuple[MTLStore, ScreeningParameters]":
    """As `in_screening`, with the parameters of the screening, by one request."""
    from mtl_flows.jobs.screening import parameters_among

    found = store.screenings.all()
    chosen = _chosen(found, name)
    return store.under(chosen), parameters_among(found, chosen)


def _chosen(found: "Screenings", name: str) -> str:
    if name:
        return found.named(name).id
    if len(found.names) > 1:
        there = ", ".join(found.names)
        err.print(f"screening {found.default}, the default (there are {there}; --screening chooses)")
    return found.default


@contextmanager
def open_screening(name: str = "") -> Iterator["MTLStore"]:
    """Open the configured store as a screening sees it."""
    from mtl_flows.store.database import MTLStore

    with MTLStore.open() as store:
        yield in_screening(store, name)


def list_(json: Json = False) -> None:
    """List every screening: its ion, its materials and its survivors."""
    from mtl_flows.report.screenings import list_screenings
    from mtl_flows.store.database import MTLStore

    with MTLStore.open() as store:
        found = list_screenings(store)
    if json:
        print_json(found)
        return
    if not found:
        err.print("nothing is screened yet; mtl screen does it")
        return
    rows = [
        [
            f"{s['name']}{' (default)' if s['default'] else ''}",
            *(s["mobile_ion"], s["materials"], s["survivors"]["published"], s["survivors"]["text"]),
            f"{s['chosen_at']:%Y-%m-%d %H:%M}",
        ]
        for s in found
    ]
    columns = ["screening", "ion", "materials", "survivors, published", "survivors, text", "since"]
    out.print(table("Screenings", columns, rows))


def show(
    name: Annotated[str, typer.Argument(help="Name of a screening; the default one if not given.")] = "",
    yaml: Annotated[
        bool, typer.Option("--yaml", help="Print its parameters as mtl screen --parameters takes them.")
    ] = False,
    json: Json = False,
) -> None:
    """Show one screening: its parameters, and which clusterings are current in it."""
    from mtl_flows.jobs.screening import as_yaml, screening_parameters
    from mtl_flows.store.database import MTLStore

    with MTLStore.open() as store:
        found = store.screenings.named(name or store.screenings.default())
        parameters = screening_parameters(store, found.id)
    if json:
        print_json(found.model_dump(by_alias=True))
    elif yaml:
        out.print(as_yaml(parameters), end="", highlight=False, soft_wrap=True)
    else:
        out.print(
            f"screening {found.id}: mobile ion {found.mobile_ion}, chosen {found.chosen_at:%Y-%m-%d %H:%M}"
        )
        for protocol, clustering in sorted(found.current.items()):
            out.print(f"current clustering, {protocol}: {clustering}")
        out.print(as_yaml(parameters), end="", highlight=False, soft_wrap=True)


def compare(one: _Name, other: _Name, json: Json = False) -> None:
    """Compare two screenings: parameters, counts at the gates, and who survives in one of them alone."""
    from mtl_flows.report.screenings import compare_screenings
    from mtl_flows.store.database import MTLStore

    with MTLStore.open() as store:
        found = compare_screenings(store, one, other)
    if json:
        print_json(found.as_dict())
        return
    if found.parameters:
        rows: list[list[Any]] = [[name, str(a), str(b)] for name, (a, b) in found.parameters.items()]
        out.print(table("Parameters that differ", ["parameter", one, other], rows))
    columns = [
        "gate",
        *(f"{name}, {protocol}" for name in (one, other) for protocol in ("published", "text")),
    ]
    gates = [
        [gate, *(funnel[gate][protocol] for funnel in found.funnels for protocol in funnel[gate])]
        for gate in found.funnels[0]
    ]
    out.print(table("Funnel", columns, gates))
    for name, kept in ((one, found.only_one), (other, found.only_other)):
        for protocol, materials in kept.items():
            if materials:
                out.print(f"only in {name}, {protocol}: {', '.join(materials)}", soft_wrap=True)


def default(name: _Name) -> None:
    """Let commands that name no screening mean this one."""
    from mtl_flows.store.database import MTLStore

    with MTLStore.open() as store:
        store.screenings.make_default(name)
    err.print(f"screening {name} is the default")


def remove(name: _Name) -> None:
    """Remove a screening with its rows; what was computed for it stays and is found again."""
    from mtl_flows.store.database import MTLStore

    with MTLStore.open() as store:
        rows = store.under(store.screenings.named(name).id).candidates.keep(())
        store.screenings.remove(name)
    err.print(f"screening {name} is removed with {rows} rows; results stay")
