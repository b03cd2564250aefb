"""What takes room and may go: frames of heating ramps, what nothing points to, workflows that ended long ago."""

import io
from collections.abc import Collection, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from fireworks import LaunchPad

from mtl_flows.launch.events import as_time
from mtl_flows.launch.launchpad import job_store, launchpad, open_launchpad
from mtl_flows.launch.lost import ServerClock
from mtl_flows.launch.submit import OVER
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

Kind = Literal["ramps", "orphans", "jobs"]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, or would go.

    Attributes
    ----------
    kind
        ``ramps``: frames of heating ramps. ``orphans``: frames that nothing points to. ``jobs``: workflows that have
        ended, with their launches and outputs.
    number
        Simulations, files, or workflows.
    n_bytes
        Of frames; of jobs it is not known.
    """

    kind: Kind
    number: int
    n_bytes: int


def prune(
    connection: Connection,
    kinds: Collection[Kind],
    *,
    jobs_older_than_days: float = 90.0,
    dry_run: bool = False,
) -> list[Pruned]:
    """Give up what no result rests on any more; safe beside workers, and when killed: the rest goes next time.

    Parameters
    ----------
    kinds
        What is to go.
    jobs_older_than_days
        Age from which workflows that have ended go.
    dry_run
        Count, and leave everything.

    Raises
    ------
    DatabaseUnavailableError
        If no server answers.
    """
    told = []
    pad = open_launchpad(connection) if dry_run else launchpad(connection)  # who may only read can ask
    try:
        with MTLStore.connect(connection) as store:
            if "ramps" in kinds:
                told.append(_ramps(store, dry_run=dry_run))
            if "jobs" in kinds:
                before = ServerClock.read(pad).now - timedelta(days=jobs_older_than_days)
                told.append(_jobs(pad, connection, before, dry_run=dry_run))
            # What the others left half-way is found with the orphans.
            if "orphans" in kinds:
                told.append(_orphans(store, dry_run=dry_run))
    finally:
        pad.connection.close()
    return told


def _ramps(store: MTLStore, *, dry_run: bool) -> Pruned:
    """Frames of ramps that have ended: what comes after a ramp begins at its checkpoint, and no fit reads it."""
    number = n_bytes = 0
    for ramp in store.dynamics.ended_ramps():
        blocks = [block for chunk in ramp.chunks for block in chunk.blocks]
        if not dry_run:
            if not store.dynamics.give_frames_up(ramp):
                continue  # somebody has moved it on since
            store.frames.remove(block.file_id for block in blocks)
        number += 1
        n_bytes += sum(block.n_bytes for block in blocks)
    return Pruned("ramps", number, n_bytes)


def _orphans(store: MTLStore, *, dry_run: bool) -> Pruned:
    """Frames that neither a simulation nor a note of what is being written points to."""
    # The files first: what was on its way then is noted, or pointed to, by now.
    sizes = store.frames.sizes()
    noted = store.frames.noted()
    pointed_to = store.dynamics.all_blocks()
    lost = {file_id: n for file_id, n in sizes.items() if file_id not in noted and file_id not in pointed_to}
    if not dry_run:
        store.frames.remove(lost)
    return Pruned("orphans", len(lost), sum(lost.values()))


def _jobs(pad: LaunchPad, connection: Connection, before: datetime, *, dry_run: bool) -> Pruned:
    """Workflows that ended before a moment; what they computed is in the store."""
    ended = list(_ended(pad, before))
    if ended and not dry_run:
        with job_store(connection) as outputs:
            for workflow in ended:
                uuids = [uuid for job in _jobs_of(pad, workflow) for uuid in job]
                # Outputs before the workflow, by which they are found again if this ends between.
                outputs.remove_docs({"uuid": {"$in": uuids}})
                with redirect_stdout(io.StringIO()):  # FireWorks tells every one
                    pad.delete_wf(workflow["nodes"][0])
    return Pruned("jobs", len(ended), 0)


def _ended(pad: LaunchPad, before: datetime) -> Iterator[dict[str, Any]]:
    wanted = {"nodes": 1, "updated_on": 1}
    for workflow in list(pad.workflows.find({"state": {"$in": list(OVER)}}, wanted)):
        if as_time(workflow["updated_on"]) < before:
            yield workflow


def _jobs_of(pad: LaunchPad, workflow: dict[str, Any]) -> Iterator[list[str]]:
    """Identifiers of jobflow of each Firework of a workflow."""
    for firework in pad.fireworks.find({"fw_id": {"$in": workflow["nodes"]}}, {"spec._tasks.job.uuid": 1}):
        yield [task["job"]["uuid"] for task in firework["spec"].get("_tasks", ()) if "job" in task]
