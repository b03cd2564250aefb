"""`mtl release`: the deliveries in the store, and what one changed."""

from typing import Annotated

import typer

from mtl_flows.cli.console import err, out, print_json, table
from mtl_flows.cli.screening import open_screening
from mtl_flows.cli.types import Json, ScreeningName

_SHOWN = 40


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(no_args_is_help=True, help="Deliveries of structures, and what one changed.")
    group.command("list")(list_)
    group.command(no_args_is_help=True)(diff)
    app.add_typer(group, name="release")


def list_(json: Json = False) -> None:
    """Show the releases in the order they arrived, with what they hold and what all their ingests brought.

    `new` and `changed` are sums over the ingests, `duplicates` and `withdrawn` those that the latest left; --json has
    every ingest with its counts.
    """
    from mtl_flows.store.database import MTLStore

    with MTLStore.open() as store:
        releases = list(store.releases.find(sort=[("sequence", 1)]))
        held = {r.name: store.structures.count({"releases": r.name}) for r in releases}
        refused = {r.name: store.rejections.count({"releases": r.name}) for r in releases}
    if json:
        print_json(
            [r.model_dump() | {"materials": held[r.name], "refused": refused[r.name]} for r in releases]
        )
        return
    rows = [
        [
            r.name,
            r.source,
            r.complete,
            held[r.name],
            r.total("new"),
            r.total("changed"),
            refused[r.name],
            r.latest("duplicates"),
            r.latest("withdrawn"),
            len(r.ingests),
            f"{max((i.started_at for i in r.ingests), default=r.created_at):%Y-%m-%d %H:%M}",
        ]
        for r in releases
    ]
    columns = ["release", "source", "complete", "materials", "new", "changed", "refused", "duplicates"]
    out.print(table("Releases", [*columns, "withdrawn", "ingests", "last ingest"], rows))


def diff(
    before: Annotated[str, typer.Argument(help="The earlier release.")],
    after: Annotated[str, typer.Argument(help="The later release.")],
    screening: ScreeningName = "",
    json: Json = False,
) -> None:
    """Show which structures two releases differ in, and what that did to gates, clusters and candidates.

    Materials whose structure is the same appear where another clustering treats them otherwise.
    """
    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.report.releases import difference

    with open_screening(screening) as store:
        found = difference(store, before, after, screening_parameters(store, store.screening))
    if json:
        print_json(found.as_dict())
        return
    rows = [
        [name, len(ids), ", ".join(ids[:6]) + (" …" if len(ids) > 6 else "")]
        for name, ids in (
            ("new", found.new),
            ("changed", found.changed),
            ("withdrawn", found.withdrawn),
            ("not delivered", found.not_delivered),
        )
    ]
    out.print(
        table(f"{before} → {after}", ["", "materials", "ids"], [*rows, ["unchanged", found.unchanged, ""]])
    )
    effects = sorted(found.effects, key=lambda e: ("survives" not in (e.before, e.after), e.material_id))
    shown = [
        [e.material_id, e.change, e.protocol, e.before, e.after, e.cluster_before, e.cluster_after, e.reason]
        for e in effects[:_SHOWN]
    ]
    columns = ["material", "structure", "protocol", "before", "after", "cluster", "cluster after", "why"]
    out.print(table("What that did", columns, shown))
    if len(effects) > _SHOWN:
        err.print(f"{_SHOWN} of {len(effects)} shown; --json has all")
