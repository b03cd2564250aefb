"""`mtl ingest`: what comes into the store."""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtl_flows.cli.console import complain, err, out, print_json, progress
from mtl_flows.cli.filters import split
from mtl_flows.cli.types import DryRun, Json, Retry, Workers

if TYPE_CHECKING:
    from mtl_flows.jobs.ingest_summary import IngestSummary
    from mtl_flows.schemas.ingest import RejectionDocument
    from mtl_flows.science.curation import CurationLimits
    from mtl_flows.store.database import MTLStore

_REFUSALS_SHOWN = 10
_LABELS_SHOWN = 5


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(no_args_is_help=True)(ingest)


def ingest(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Folders, files, patterns, archives (zip, tar) of CIF, POSCAR, JSON or extended XYZ."
        ),
    ],
    release: Annotated[
        str,
        typer.Option(
            "--release",
            "-r",
            help="Name of this delivery, such as 'ICSD 2024.1'. A folder of mtl fetch knows it, its source and date.",
        ),
    ] = "",
    source: Annotated[str, typer.Option(help="Name of the source, such as 'icsd'.")] = "",
    date: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Date of the release; by default that of its first ingest."),
    ] = None,
    complete: Annotated[
        bool, typer.Option("--complete", help="The release is complete: mark what it lacks as withdrawn.")
    ] = False,
    dry_run: DryRun = False,
    retry: Retry = False,
    drop: Annotated[
        str,
        typer.Option(
            help="What to set aside, with commas between: disordered, mobile_disordered, framework_disordered, "
            "missing_hydrogen, composition_mismatch, theoretical, non_ambient, poor_refinement. Kept by default."
        ),
    ] = "",
    limits: Annotated[
        Path | None,
        typer.Option(
            "--limits",
            help="YAML file that says from where on a measurement is flagged, such as 'max_r_factor: 0.05'.",
        ),
    ] = None,
    mobile_ions: Annotated[
        str,
        typer.Option(
            "--mobile-ion",
            "-m",
            help="Ions of the project, with commas between: a file is taken if it holds one of them. They are added "
            "to those of earlier ingests; by default those of mtl.yaml, else Li.",
        ),
    ] = "",
    entry_timeout_s: Annotated[
        float, typer.Option("--entry-timeout", min=0.1, help="Seconds allowed for one entry of a file.")
    ] = 120.0,
    workers: Workers = 2,
    json: Json = False,
) -> None:
    """Read structure files into the store; what is known already costs a hash.

    A release may come in several commands, and from several machines at once; nothing is withdrawn before it is
    complete (--complete, or `mtl release close`). A file that cannot be used becomes a rejection with a reason
    (`mtl rejection list`), the rest goes on. The exit code is 1 if nothing could be used.
    """
    from mtl_flows.jobs.parameter_files import read_parameters
    from mtl_flows.science.curation import CurationLimits
    from mtl_flows.settings import Settings
    from mtl_flows.sources.release_folder import STRUCTURES, Manifest, is_release_folder
    from mtl_flows.store.database import MTLStore
    from mtl_flows.store.rehearsal import rehearsed

    fetched = [Manifest.read(path) for path in paths if is_release_folder(path)]
    if not release and len({manifest.origin.release for manifest in fetched}) != 1:
        raise typer.BadParameter("name the delivery", param_hint="--release")
    for path, manifest in zip(filter(is_release_folder, paths), fetched, strict=True):
        manifest.must_be_complete(path)
    if fetched:
        paths = [path / STRUCTURES if is_release_folder(path) else path for path in paths]
        release = release or fetched[0].origin.release
        source = source or fetched[0].origin.source
        date = date or datetime.combine(fetched[0].fetched_on, datetime.min.time())
    curation = CurationLimits() if limits is None else read_parameters(limits, CurationLimits)
    with MTLStore.open(begin=True) as opened, rehearsed(opened) if dry_run else nullcontext(opened) as store:
        summary = take_in(
            store,
            paths,
            release=release,
            source=source,
            date=date.replace(tzinfo=UTC) if date else None,
            complete=complete,
            retry=retry,
            drop=split(drop),
            curation=curation,
            mobile_ions=split(mobile_ions or Settings.load().mobile_ions),
            entry_timeout_s=entry_timeout_s,
            workers=workers,
        )
    if json:
        print_json(vars(summary))
    else:
        out.print(f"{'dry run of ' if dry_run else ''}{ingest_line(summary)}")
    fail_if_nothing_was_taken(summary)


def take_in(
    store: "MTLStore",
    paths: Sequence[Path],
    *,
    release: str,
    source: str = "",
    date: datetime | None = None,
    complete: bool = False,
    retry: bool = False,
    drop: Sequence[str] = (),
    curation: "CurationLimits | None" = None,
    mobile_ions: Sequence[str],
    workers: int,
    entry_timeout_s: float = 120.0,
) -> "IngestSummary":
    """Ingest with progress; what it refused is said on standard error, at most the first few files."""
    from mtl_flows.cli.work import patient
    from mtl_flows.jobs import ingest as stage
    from mtl_flows.jobs.labels import waiting_labels

    refused: list[RejectionDocument] = []
    kept: dict[str, str] = {}
    waiting = waiting_labels(store)
    with progress("ingest", 100, percent=True) as reporter, patient():
        comparison, compared = reporter, 0

        def compare(done: int, of: int) -> None:
            nonlocal comparison, compared
            if not done:
                comparison = reporter.then("comparing compositions", of)
            else:
                comparison.advance(done - compared)
            compared = done

        def refuse(found: "Sequence[RejectionDocument]") -> None:
            refused.extend(found[: max(0, _REFUSALS_SHOWN - len(refused))])

        def advance(summary: "IngestSummary", share: float) -> None:
            reporter.reach(share, f"{summary.files} files, {summary.read} entries")

        summary = stage.ingest(
            store,
            paths,
            release=release,
            source=source,
            date=date,
            complete=complete,
            retry=retry,
            drop=drop,
            curation=curation,
            mobile_ions=mobile_ions,
            workers=workers,
            timeout_s=entry_timeout_s,
            progress=advance,
            comparing=compare,
            on_refusals=refuse,
            on_kept=kept.update,
        )
    if arrived := sorted(waiting - waiting_labels(store)):
        told = ", ".join(arrived[:_LABELS_SHOWN]) + (" …" if len(arrived) > _LABELS_SHOWN else "")
        err.print(f"labels stated before hold for {len(arrived)} of what came in: {told}", soft_wrap=True)
    for document in refused:
        complain("refused", f"{document.subject}: {document.message} ({document.remedy})")
    for material, reason in sorted(kept.items())[:_REFUSALS_SHOWN]:
        complain("kept", f"{material} was set aside and is there still: {reason}")
    if len(kept) > _REFUSALS_SHOWN:
        err.print(f"and {len(kept) - _REFUSALS_SHOWN} more are there still, held elsewhere")
    if summary.rejected > len(refused):
        err.print(f"and {summary.rejected - len(refused)} more, see mtl rejection list")
    return summary


def fail_if_nothing_was_taken(summary: "IngestSummary") -> None:
    """Turn a delivery of which everything was refused into an exit code."""
    if summary.rejected and summary.rejected == summary.read:
        raise typer.Exit(1)


def ingest_line(summary: object) -> str:
    """One line for an ingest summary."""
    counts = ", ".join(f"{value} {name}" for name, value in vars(summary).items() if value or name == "read")
    return f"ingest: {counts}"
