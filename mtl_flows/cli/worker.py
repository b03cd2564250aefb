"""`mtl worker`: run jobs, one by one, several at a time, or many simulations in a batch."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from mtl_flows.cli.console import complain, err, out
from mtl_flows.vocabulary import WorkKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtl_flows.store.connection import Connection


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(worker)


def worker(
    kind: Annotated[
        WorkKind,
        typer.Option(
            "--kind",
            help="Screening (light), molecular dynamics (heavy; or that by a potential on any device, on a GPU asked "
            "for by name, by VASP), or any.",
        ),
    ] = "light",
    heavy: Annotated[bool, typer.Option("--heavy/--light", hidden=True)] = False,
    device: Annotated[
        str,
        typer.Option("--device", help="Evaluate potentials there, whatever was asked for: cpu, cuda:1, mps."),
    ] = "",
    processes: Annotated[int, typer.Option("--processes", "-j", min=1, help="Jobs at a time.")] = 1,
    batch: Annotated[
        str,
        typer.Option(
            "--batch",
            metavar="auto|N",
            help="Run so many simulations at a time, all of whose configurations one process evaluates together: "
            "for a GPU. Of molecular dynamics (--kind heavy), the jobs whose potential can be batched.",
        ),
    ] = "",
    max_jobs: Annotated[
        int, typer.Option("--max-jobs", min=0, help="Stop after so many jobs; 0: no limit.")
    ] = 0,
    timeout_s: Annotated[
        float, typer.Option("--timeout", help="Start no job after so many seconds; 0: no limit.")
    ] = 0,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for new jobs for ever.")] = False,
    patience_min: Annotated[
        float | None,
        typer.Option(
            "--patience",
            metavar="MINUTES",
            min=0,
            help="Wait so long for a database that is away; 30 by default.",
        ),
    ] = None,
) -> None:
    """Run jobs that are ready, until none is left.

    Ctrl-C gives the job in hand back. On a cluster, `qlaunch` with the files of `mtl init` starts workers too.
    """
    from mtl_flows.cli.work import fail_if_any, run_rounds
    from mtl_flows.launch.names import KINDS, VASP
    from mtl_flows.settings import Settings
    from mtl_flows.simulation.devices import checked_device
    from mtl_flows.store.connection import connection

    if heavy:
        err.print("`mtl worker --heavy` is called `mtl worker --kind heavy` now")
        kind = "heavy"
    if device:
        # In the environment, it reaches the processes of the jobs.
        os.environ["MTL_DEVICE"] = checked_device(device)
    if patience_min is not None:
        os.environ["MTL_PATIENCE_MIN"] = str(patience_min)
    if batch:
        processes, kind = _batch(batch, processes), "heavy" if kind == "light" else kind
    categories = [category for category in KINDS[kind] if not (batch and category == VASP)]
    with connection(Settings.load()) as address:
        summaries = run_rounds(
            address,
            categories=categories,
            processes=processes,
            batched=bool(batch),
            max_rockets=max_jobs or None,
            timeout_s=timeout_s or None,
            wait=wait,
        )
        if batch:
            _tell_of_others(address, categories)
    completed, fizzled = (sum(getattr(s, name) for s in summaries) for name in ("completed", "fizzled"))
    out.print(f"{completed} jobs completed, {fizzled} failed")
    for summary in summaries:
        fail_if_any(summary)


def _batch(asked: str, processes: int) -> int:
    """How many simulations to run at a time.

    Raises
    ------
    ConfigurationError
        If that cannot be done here, or `processes` says something else.
    """
    from mtl_flows.errors import ConfigurationError
    from mtl_flows.extras import require
    from mtl_flows.launch.batching import batch_size
    from mtl_flows.settings import Settings

    if processes > 1:
        raise ConfigurationError(
            "say how many jobs run at a time, each in its way",
            subject="--batch and -j",
            remedy="give one of them",
        )
    require("dynamics", "gpu")
    return batch_size(asked, Settings.load().device or "auto")


def _tell_of_others(address: "Connection", categories: "Sequence[str]") -> None:
    """Say which jobs wait for a worker without batches."""
    from mtl_flows.launch.batching import left_to_others
    from mtl_flows.simulation.batched.engine import batched_engine_names

    left = left_to_others(address, categories)
    if left:
        told = ", ".join(f"{count} of {engine}" for engine, count in left.items())
        complain(
            "left",
            f"jobs whose potential cannot be batched, {told}: mtl worker without --batch runs them; "
            f"{', '.join(batched_engine_names())} can be",
        )
