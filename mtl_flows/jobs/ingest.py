"""Reading files into the store: each content once, however often it is delivered."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from mtl_flows.errors import ConfigurationError
from mtl_flows.jobs.delivery import Delivery, IngestSummary
from mtl_flows.jobs.groups import Guard, find_groups
from mtl_flows.jobs.reading import IngestParameters
from mtl_flows.jobs.settling import settle
from mtl_flows.parallel import guarded_map
from mtl_flows.schemas.ingest import RejectionDocument
from mtl_flows.science.curation import FILTERS, CurationLimits
from mtl_flows.science.reading import ReadingParameters, find_files
from mtl_flows.store.database import MTLStore


def ingest(
    store: MTLStore,
    sources: Iterable[str | Path],
    *,
    release: str,
    source: str = "",
    complete: bool = False,
    retry: bool = False,
    mobile_ion: str = "Li",
    reading: ReadingParameters | None = None,
    curation: CurationLimits | None = None,
    drop: Sequence[str] = (),
    workers: int | None = None,
    timeout_s: float = 120.0,
    memory_MB: int = 4000,
    progress: Callable[[IngestSummary], None] | None = None,
    on_refusals: Callable[[Sequence[RejectionDocument]], None] | None = None,
) -> IngestSummary:
    """Read structure files into `store` as a release.

    Safe to run again, to interrupt and to run several times at once: contents already there are left alone.

    Parameters
    ----------
    sources
        Files, folders, patterns and archives.
    release
        Name of the delivery, such as ``2025.2``.
    source
        Who delivers, such as ``ICSD``; releases of one source follow each other.
    complete
        The release holds everything its source has: what is missing from it is marked as withdrawn.
    retry
        Read files again that were refused, though their content is the same.
    reading, curation
        Tolerances of reading, and where a measurement counts as unusual.
    drop
        Names of `mtl_flows.science.curation.FILTERS`: what falls under one becomes a rejection. None by default.
    workers
        Processes that read; all processors unless given, 0 reads in this process.
    timeout_s, memory_MB
        What one file may cost.
    progress
        Called after every batch with the summary so far.
    on_refusals
        Called after every batch with what was refused in it, known refusals included.

    Raises
    ------
    InputError
        If a path does not exist or a folder holds no structure file.
    ConfigurationError
        If the release belongs to another source, or a filter is unknown.
    """
    if unknown := sorted(set(drop) - set(FILTERS)):
        raise ConfigurationError(
            f"no such filter: {', '.join(unknown)}",
            subject="drop",
            remedy=f"choose from {', '.join(FILTERS)}",
        )
    parameters = IngestParameters(
        mobile_ion, reading or ReadingParameters(), curation or CurationLimits(), tuple(drop)
    )
    guard: Guard = partial(
        guarded_map,
        workers=os.cpu_count() or 1 if workers is None else workers,
        timeout_s=timeout_s,
        memory_MB=memory_MB,
    )
    found = find_files(sources)
    entered = store.releases.begin(release, source)
    delivery = Delivery(store, entered, parameters, progress, on_refusals, retry=retry)
    delivery.take(found, guard)
    settle(store, entered, delivery.delivered)
    if complete:
        store.releases.declare_complete(release)
    store.structures.refresh_withdrawn(store.releases.standing())
    find_groups(store, guard)
    summary = replace(
        delivery.summary,
        duplicates=len(store.structures.duplicate_ids({"releases": release})),
        withdrawn=store.structures.count({"source": entered.source, "current": True, "withdrawn": True}),
    )
    delivery.note(summary, ended=True)
    return summary
