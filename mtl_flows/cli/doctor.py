"""`mtl doctor` and `mtl migrate`: whether the configuration holds, and old documents in the layout of today."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from mtl_flows.cli.console import err, out, print_json, table
from mtl_flows.cli.types import Json

if TYPE_CHECKING:
    from mtl_flows.launch.takeover import TakeoverSummary

_COLOURS = {"pass": "green", "warn": "yellow", "fail": "bold red"}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(doctor)
    app.command()(migrate)


def doctor(
    blob_MiB: Annotated[
        int, typer.Option("--blob-mib", min=1, help="Size of the object sent through the job store and back.")
    ] = 20,
    json: Json = False,
) -> None:
    """Check the whole configuration as a worker would meet it; says what to do about what is wrong.

    Server and version, storage on disk, clock, disk space, indexes, schema versions, modes of files with credentials,
    and a large object through the job store that jobs would use here. The exit code is 4 if a check failed.
    """
    from mtl_flows.launch.doctor import examine
    from mtl_flows.settings import Settings

    findings = []
    for finding in examine(Settings.load(), blob_bytes=blob_MiB * 2**20):
        findings.append(finding)
        if not json:
            line = Text.assemble(
                (finding.status, _COLOURS[finding.status]), f"  {finding.check}: {finding.found}"
            )
            out.print(line, soft_wrap=True)
            if finding.remedy:
                out.print(f"      {finding.remedy}", soft_wrap=True)
    if json:
        print_json([vars(finding) for finding in findings])
    if any(finding.status == "fail" for finding in findings):
        raise typer.Exit(4)


def migrate(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    finish: Annotated[
        bool,
        typer.Option("--finish", help="Drop what was kept of a store of version 1, once it was taken over."),
    ] = False,
    json: Json = False,
) -> None:
    """Bring documents of earlier versions to today's layout and create missing indexes; safe to repeat.

    A store of version 1 is taken over: results come under the keys of their crystals, jobs that wait are handed in anew
    and go on from their checkpoints. Its old collections are kept until --finish. Nothing may be running.
    """
    from mtl_flows.jobs.settling import settle_all
    from mtl_flows.launch import takeover
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection
    from mtl_flows.store.database import MTLStore
    from mtl_flows.store.migrations import migrate as bring_up_to_date
    from mtl_flows.store.migrations import outdated

    with connection(Settings.load()) as address:
        if finish:
            dropped = takeover.finish(address)
            print_json({"dropped": dropped}) if json else out.print(f"{len(dropped)} collections dropped")
            return
        if takeover.is_needed(address):
            summary = takeover.rehearse(address) if dry_run else takeover.take_over(address, err.print)
            _show_takeover(summary, json=json, done=not dry_run)
            return
    with MTLStore.open() as store:
        if dry_run:
            found = outdated(store)
            print_json(found) if json else out.print(
                table("To migrate", ["collection", "documents"], list(found.items()))
            )
            return
        changed = bring_up_to_date(store)
        if "rejections" in changed:
            settle_all(store)  # earlier versions left refusals open that were mended in another folder
    if json:
        print_json(changed)
    elif changed:
        out.print(table("Migrated", ["collection", "documents"], list(changed.items())))
    else:
        out.print("every document has the layout of this version")


def _show_takeover(summary: "TakeoverSummary", *, json: bool, done: bool) -> None:
    if json:
        print_json(vars(summary))
        return
    title = "Taken over" if done else "To be taken over"
    rows = [[name, before, after] for name, (before, after) in summary.documents.items() if before or after]
    out.print(table(title, ["collection", "documents before", "after"], rows))
    for old, new in summary.replicas.items():
        out.print(f"{old}: its runs are further replicas of the cell {new}", soft_wrap=True)
    for engine, n_weights in summary.potentials.items():
        if n_weights > 1:
            out.print(
                f"{engine} was used with {n_weights} sets of weights: as many potentials", soft_wrap=True
            )
    will = "" if done else "would be "
    for name in summary.retired:
        out.print(f"workflow {name} {will}retired")
    for name in summary.handed_in:
        out.print(f"{name} {will}handed in again")
    out.print(
        "Charges that differ among the atoms of one element were not kept by version 1: they come when the files are "
        "ingested again.",
        soft_wrap=True,
    )
    if done:
        out.print("The old collections are kept beside; mtl migrate --finish drops them.")
