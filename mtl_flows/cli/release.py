"""`mtl release`: the deliveries in the store, and what one changed."""

from collections import Counter
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from mtl_flows.cli.console import err, out, print_json, table
from mtl_flows.cli.screening import open_screening
from mtl_flows.cli.types import All, DryRun, Json, ScreeningName, limit_option
from mtl_flows.vocabulary import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mtl_flows.jobs.comparison import Guard
    from mtl_flows.jobs.releases import ReleaseChange
    from mtl_flows.store.database import MTLStore

_SHOWN = 40


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(no_args_is_help=True, help="Deliveries of structures, and what one changed.")
    group.command("list")(list_)
    group.command(no_args_is_help=True)(diff)
    group.command(no_args_is_help=True)(close)
    group.command(no_args_is_help=True)(remove)
    app.add_typer(group, name="release")


def list_(json: Json = False) -> None:
    """Show the releases in the order of their dates, with what they hold and what all their ingests brought.

    `new` and `changed` are sums over the ingests, `duplicates` and `withdrawn` those that the latest left; --json has
    every ingest with its counts.
    """
    from mtl_flows.store.database import MTLStore

    with MTLStore.open() as store:
        releases = list(store.releases.in_order())
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
            f"{r.date:%Y-%m-%d}",
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
    columns = ["release", "source", "date", "complete", "materials", "new", "changed", "refused"]
    columns += ["duplicates", "withdrawn", "ingests", "last ingest"]
    spare = ["last ingest", "ingests", "source", "duplicates", "changed", "withdrawn"]
    out.print(table("Releases", columns, rows, spare=spare))


def close(
    name: Annotated[str, typer.Argument(help="The release.")], dry_run: DryRun = False, json: Json = False
) -> None:
    """Declare a release complete: what its source delivered before and this one lacks is withdrawn."""
    from mtl_flows.jobs.releases import close_release

    _change(close_release, name, dry_run=dry_run, json=json)


def remove(
    name: Annotated[str, typer.Argument(help="The release.")], dry_run: DryRun = False, json: Json = False
) -> None:
    """Take back what a release brought: its revisions, its refusals and its withdrawals. Results stay."""
    from mtl_flows.jobs.releases import remove_release

    _change(remove_release, name, dry_run=dry_run, json=json)


def _change(
    change: "Callable[[MTLStore, str, Guard], ReleaseChange]", name: str, *, dry_run: bool, json: bool
) -> None:
    from mtl_flows.jobs.ingest import guard_with
    from mtl_flows.store.database import MTLStore
    from mtl_flows.store.rehearsal import rehearsed

    with MTLStore.open() as opened, rehearsed(opened) if dry_run else nullcontext(opened) as store:
        found = change(store, name, guard_with(0))
    if json:
        print_json(vars(found))
        return
    rows = [
        ["held by no release any more", *_listed(found.gone)],
        ["another revision is current", *_listed(found.revised)],
        ["withdrawn", *_listed(found.withdrawn)],
        ["withdrawn no more", *_listed(found.back)],
        ["refusals taken back", found.refusals, ""],
    ]
    title = f"{name} (dry run)" if dry_run else name
    out.print(table(title, ["", "number", "ids"], rows))
    if not dry_run:
        err.print("`mtl screen` brings the candidate table up to date")


def _listed(ids: list[str]) -> list[object]:
    return [len(ids), ", ".join(ids[:6]) + (" …" if len(ids) > 6 else "")]


def diff(
    before: Annotated[str, typer.Argument(help="The earlier release.")],
    after: Annotated[str, typer.Argument(help="The later release.")],
    kind: Annotated[
        list[ChangeKind] | None, typer.Option(help="Only changes of this kind, may be repeated.")
    ] = None,
    moved_over_A: Annotated[
        float,
        typer.Option("--moved-over", min=0, help="Only what moved further than so many Å, atoms or cell."),
    ] = 0.0,
    limit: Annotated[int, limit_option("Show in each table")] = _SHOWN,
    all_: All = False,
    screening: ScreeningName = "",
    json: Json = False,
) -> None:
    """Show what kind of change each material had between two releases, and what that did to its candidates.

    Materials whose structure is the same appear where another clustering treats them otherwise.
    """
    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.report.changes import REVISED
    from mtl_flows.report.releases import difference

    with open_screening(screening) as store:
        whole = difference(store, before, after, screening_parameters(store, store.screening))
    most = 0 if all_ else limit
    found = whole.only(kind or [], moved_over_A=moved_over_A)
    if json:
        print_json(found.as_dict())
        return
    counts = Counter(change.kind for change in found.changes)
    counted = [
        [name, *_listed([change.material_id for change in found.changes if change.kind == name])]
        for name in ChangeKind
        if counts[name]
    ]
    out.print(
        table(f"{before} → {after}", ["", "materials", "ids"], [*counted, ["unchanged", found.unchanged, ""]])
    )
    revised = [change for change in found.changes if change.kind in (ChangeKind.JOINED, *REVISED)]
    revised.sort(key=lambda change: (-change.moved_A, change.material_id))
    _print_up_to(most, "What changed", ["material", "change"], [[c.material_id, c.told()] for c in revised])
    effects = sorted(found.effects, key=lambda e: ("survives" not in (e.before, e.after), e.material_id))
    shown = [
        [e.material_id, e.change, e.protocol, e.before, e.after, e.cluster_before, e.cluster_after, e.reason]
        for e in effects
    ]
    columns = ["material", "structure", "protocol", "before", "after", "cluster", "cluster after", "why"]
    _print_up_to(most, "What that did", columns, shown)


def _print_up_to(limit: int, title: str, columns: list[str], rows: "Sequence[Sequence[object]]") -> None:
    if rows:
        out.print(table(title, columns, rows[: limit or None]))
    if limit and len(rows) > limit:
        err.print(f"{title}: {limit} of {len(rows)} shown; --all or --json shows all")
