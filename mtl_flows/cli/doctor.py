"""`mtl doctor` and `mtl migrate`: whether the configuration holds, and old documents in the layout of today."""

from typing import Annotated

import typer
from rich.text import Text

from mtl_flows.cli.console import out, print_json, table
from mtl_flows.cli.types import Json

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


def migrate(json: Json = False) -> None:
    """Bring documents of earlier versions to today's layout and create missing indexes; safe to repeat."""
    from mtl_flows.jobs.settling import settle_all
    from mtl_flows.store.database import MTLStore
    from mtl_flows.store.migrations import migrate as bring_up_to_date

    with MTLStore.open() as store:
        changed = bring_up_to_date(store)
        if "rejections" in changed:
            settle_all(store)  # earlier versions left refusals open that were mended in another folder
    if json:
        print_json(changed)
    elif changed:
        out.print(table("Migrated", ["collection", "documents"], list(changed.items())))
    else:
        out.print("every document has the layout of this version")
