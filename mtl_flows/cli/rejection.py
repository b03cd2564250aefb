"""`mtl rejection`: what was refused, and why."""

from typing import TYPE_CHECKING, Annotated

import typer

from mtl_flows.cli.console import err, out, print_json, table
from mtl_flows.cli.retired import retired_command
from mtl_flows.cli.types import All, Json, limit_option

if TYPE_CHECKING:
    from mtl_flows.store.database import MTLStore

_SHOWN = 50


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(no_args_is_help=True, help="What was refused, by which stage and why.")
    group.command("list")(list_)
    app.add_typer(group, name="rejection")
    retired_command(app, "rejections", "rejection list", list_)


def list_(
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Also those that were resolved later.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Only this reason code.")] = "",
    release: Annotated[str, typer.Option(help="Only what this release holds.")] = "",
    limit: Annotated[int, limit_option("Beside the reasons, show")] = _SHOWN,
    all_: All = False,
    json: Json = False,
) -> None:
    """Show what was refused: grouped by stage and reason, then file by file.

    After a fix `mtl ingest --retry` of the same files tries them again, `mtl screen --retry` what a later stage
    refused.
    """
    from mtl_flows.store.database import MTLStore

    query: dict[str, object] = {} if resolved else {"resolved": False}
    query |= {"reason": reason} if reason else {}
    query |= {"releases": release} if release else {}
    order = [("stage", 1), ("reason", 1), ("_id", 1)]
    with MTLStore.open() as store:
        groups = store.rejections.groups(query)
        if not groups:
            _say_why_none(store, reason, release)
        found = list(store.rejections.find(query, sort=order, limit=0 if all_ or json else limit))
    if json:
        print_json([document.model_dump() for document in found])
        return
    if not groups:
        return
    summary = [[g.stage, g.reason, g.n_refusals, ", ".join(g.examples), g.remedy] for g in groups]
    columns = ["stage", "reason", "count", "such as", "what to do"]
    out.print(table("Rejections by reason", columns, summary))
    rows = [[d.stage, d.reason, d.subject, ", ".join(d.releases), d.message] for d in found]
    out.print(table("Rejections", ["stage", "reason", "subject", "releases", "what was wrong"], rows))
    total = sum(group.n_refusals for group in groups)
    if total > len(found):
        err.print(f"{len(found)} of {total} shown; --all shows all, --reason those of one reason")


def _say_why_none(store: "MTLStore", reason: str, release: str) -> None:
    """Say why nothing is shown.

    Raises
    ------
    NotFoundError
        If there is no such release, or nothing was ever refused for that reason.
    """
    from mtl_flows.errors import NotFoundError, there_are

    if release:
        store.releases.named(release)
    reasons = store.rejections.reasons()
    if reason and reason not in reasons:
        raise NotFoundError(
            f"nothing was refused for the reason {reason!r}",
            remedy=there_are(reason, reasons, "nothing was refused at all"),
        )
    err.print("nothing was refused" + (", or all of it is resolved: --resolved shows it" if reasons else ""))
