"""`mtl backup`, `mtl restore`, `mtl prune`: everything in one file and back, and what may go."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mtl_flows.cli.console import err, out, print_json
from mtl_flows.cli.types import DryRun, Json
from mtl_flows.errors import ConfigurationError


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(no_args_is_help=True)(backup)
    app.command(no_args_is_help=True)(restore)
    app.command()(prune)


def backup(
    file: Annotated[Path, typer.Argument(help="File to write.", dir_okay=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    json: Json = False,
) -> None:
    """Write everything into one file: documents, frames, workflows and outputs, with their indexes.

    Workers may go on meanwhile: what a completed job of the backup stands for is in it, and jobs that ran are given
    back by `mtl recover` after a restore. The file is there when it is whole.
    """
    from mtl_flows.settings import Settings
    from mtl_flows.store import backup as store_backup
    from mtl_flows.store.connection import connection
    from mtl_flows.store.disk import in_words

    if file.exists() and not force:
        raise ConfigurationError("is there already", subject=str(file), remedy="--force replaces it")
    with connection(Settings.load()) as address, address.client() as client:
        counts = store_backup.backup(client[address.database], file, say=_say)
    if json:
        print_json({"file": str(file), "bytes": file.stat().st_size, "documents": counts})
        return
    size = in_words(file.stat().st_size)
    out.print(
        f"{sum(counts.values())} documents of {len(counts)} collections, {size}: {file}", soft_wrap=True
    )


def restore(
    file: Annotated[Path, typer.Argument(help="Backup to read.", dir_okay=False)],
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Also in the place of another store than the one it was made of."),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Read the file, verify its checksums, and change nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Put back what a backup holds, into an empty database or in the place of the same store as it stands now.

    Nothing changes until all of the file has been verified and written beside, which takes its room twice. Stop the
    workers first; start them again after `mtl recover`.
    """
    from mtl_flows.settings import Settings
    from mtl_flows.store import backup as store_backup
    from mtl_flows.store.archive import ArchiveReader
    from mtl_flows.store.connection import connection

    if check:
        with ArchiveReader.open(file) as archive:
            counts, header = archive.verify(), archive.header
        err.print(f"{file}: whole, of {header['database']}, written {header['written']:%Y-%m-%d %H:%M} UTC")
    else:
        with connection(Settings.load(), begin=True) as address, address.client() as client:
            counts = store_backup.restore(client[address.database], file, replace=replace, say=_say)
    if json:
        print_json({"file": str(file), "documents": counts})
        return
    out.print(f"{sum(counts.values())} documents of {len(counts)} collections", soft_wrap=True)


def _say(line: str) -> None:
    err.print(line, soft_wrap=True)


def prune(
    ramps: Annotated[bool, typer.Option("--ramps", help="Frames of heating ramps that have ended.")] = False,
    orphans: Annotated[bool, typer.Option("--orphans", help="Frames that no simulation points to.")] = False,
    jobs: Annotated[
        bool,
        typer.Option("--jobs", help="Workflows that ended long ago, with their launches and outputs."),
    ] = False,
    older_than_days: Annotated[
        float,
        typer.Option("--older-than", metavar="DAYS", min=0, help="From which age on --jobs takes them."),
    ] = 90.0,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Give up what takes room and no result rests on. Without --ramps, --orphans or --jobs it only says what there is.

    Results, fits and the frames of productions stay. It cannot be undone but by a backup.
    """
    from mtl_flows.launch.prune import Kind
    from mtl_flows.launch.prune import prune as give_up
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection
    from mtl_flows.store.disk import in_words

    asked: dict[Kind, bool] = {"ramps": ramps, "jobs": jobs, "orphans": orphans}
    rehearsed = dry_run or not any(asked.values())
    kinds = [kind for kind, wanted in asked.items() if wanted] or list(asked)
    with connection(Settings.load()) as address:
        found = give_up(address, kinds, jobs_older_than_days=older_than_days, dry_run=rehearsed)
    if json:
        print_json({"dry_run": rehearsed, "pruned": [asdict(one) for one in found]})
        return
    what = {"ramps": "heating ramps", "jobs": "workflows", "orphans": "files"}
    for one in found:
        size = f", {in_words(one.n_bytes)} of frames" if one.kind != "jobs" else ""
        out.print(
            f"{one.kind}: {one.number} {what[one.kind]}{size} {'would go' if rehearsed else 'are gone'}"
        )
