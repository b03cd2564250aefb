"""Reading files into the store: each content once, however often it is delivered."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from pymatgen.core import Element

from mtl_flows.errors import ConfigurationError
from mtl_flows.jobs.comparison import Guard
from mtl_flows.jobs.delivery import Delivery
from mtl_flows.jobs.groups import find_groups
from mtl_flows.jobs.ingest_summary import IngestSummary
from mtl_flows.jobs.labels import known_heads
from mtl_flows.jobs.reading import IngestParameters
from mtl_flows.jobs.settling import settle
from mtl_flows.jobs.withdrawal import refresh_withdrawn
from mtl_flows.parallel import guarded_map
from mtl_flows.schemas.base import utc_now
from mtl_flows.schemas.ingest import RejectionDocument
from mtl_flows.science.curation import FILTERS, CurationLimits
from mtl_flows.science.naming import source_key
from mtl_flows.science.reading import ReadingParameters, find_files
from mtl_flows.store.database import MTLStore


def ingest(
    store: MTLStore,
    sources: Iterable[str | Path],
    *,
    release: str,
    source: str = "",
    date: datetime | None = None,
    complete: bool = False,
    retry: bool = False,
    mobile_ions: Sequence[str] = (),
    reading: ReadingParameters | None = None,
    curation: CurationLimits | None = None,
    drop: Sequence[str] = (),
    workers: int | None = None,
    timeout_s: float = 120.0,
    memory_MB: int = 4000,
    progress: Callable[[IngestSummary, float], None] | None = None,
    comparing: Callable[[int, int], None] = lambda _done, _of: None,
    on_refusals: Callable[[Sequence[RejectionDocument]], None] | None = None,
    on_kept: Callable[[Mapping[str, str]], None] | None = None,
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
    date
        Of the release, in UTC: releases are ordered by it. By default its first ingest.
    complete
        The release holds everything its source has: what is missing from it is marked as withdrawn.
    retry
        Read files again that were refused, though their content is the same.
    mobile_ions
        A file is taken if it holds one of these, or of those that the store was ever asked for; lithium if there are
        neither. What was refused for lack of an ion is read again once it is among them.
    reading, curation
        Tolerances of reading, and where a measurement counts as unusual.
    drop
        Names of `mtl_flows.science.curation.FILTERS`: what falls under one becomes a rejection. None by default.
    workers
        Processes that read; all processors unless given, 0 reads in this process.
    timeout_s, memory_MB
        What one entry of a file may cost.
    progress
        Called after every batch with the summary so far, and how much of all bytes has been read, between 0 and 1.
    comparing
        Called while newcomers are compared, with how many compositions have been looked at and how many there are.
    on_refusals
        Called after every batch with what was refused in it, known refusals included.
    on_kept
        Called at the end with the materials that were set aside by `drop` and are there still, each with the reason.

    Raises
    ------
    InputError
        If a path does not exist or a folder holds no structure file.
    ConfigurationError
        If the release belongs to another source, or a filter or an ion is unknown.
    """
    if unknown := sorted(set(drop) - set(FILTERS)):
        raise ConfigurationError(
            f"no such filter: {', '.join(unknown)}",
            subject="drop",
            remedy=f"choose from {', '.join(FILTERS)}",
        )
    if unknown := [ion for ion in mobile_ions if not Element.is_valid_symbol(ion)]:
        raise ConfigurationError(
            f"no such element: {', '.join(unknown)}", subject="mobile ions", remedy="name element symbols"
        )
    ions = tuple(sorted({*mobile_ions, *store.releases.mobile_ions()})) or ("Li",)
    parameters = IngestParameters(
        ions, reading or ReadingParameters(), curation or CurationLimits(), tuple(drop)
    )
    guard = guard_with(workers, timeout_s=timeout_s, memory_MB=memory_MB)
    found = find_files(sources)
    entered = store.releases.begin(release, source, date)
    delivery = Delivery(store, entered, parameters, progress, on_refusals, retry=retry)
    delivery.take(found, guard)
    if date is not None:
        # It may have been placed elsewhere before.
        store.structures.refresh_current(sorted(store.structures.in_release(release)), store.releases.order())
    settle(store, entered, delivery.delivered)
    if complete:
        store.releases.declare_complete(release)
    refresh_withdrawn(store)
    began, known = utc_now(), {ion: known_heads(store, ion) for ion in ions}
    moved = find_groups(store, guard, progress=comparing)
    relabelled = {
        head
        for ion, before in known.items()
        for after in (known_heads(store, ion),)
        for head in before ^ after
        if (head in before) != (moved.get(head, (head, head))[1] in after)
    }
    summary = replace(
        delivery.summary,
        regrouped=len(moved),
        relabelled=store.groups.count({"_id": {"$in": sorted(relabelled)}, "stood_since": {"$lt": began}}),
        duplicates=len(store.structures.duplicate_ids({"releases": release})),
        withdrawn=_withdrawn(store, entered.source),
    )
    delivery.note(summary, ended=True)
    if on_kept is not None and (kept := _still_held(store, release, delivery.set_aside)):
        on_kept(kept)
    return summary


def _still_held(store: MTLStore, release: str, materials: Iterable[str]) -> dict[str, str]:
    """Why some materials are there though their files were set aside."""
    standing = set(store.releases.standing())
    reasons = {}
    for held in store.structures.held(materials=materials):
        if release in held.releases:
            reasons[held.material_id] = f"{held.file_name} of this release holds it too"
        elif others := [name for name in held.releases if name in standing]:
            reasons.setdefault(held.material_id, f"{', '.join(others)} holds it")
    return reasons


def guard_with(workers: int | None = None, *, timeout_s: float = 120.0, memory_MB: int = 4000) -> Guard:
    """How functions are run over many items; all processors unless `workers` are given, 0 in this process."""
    return partial(
        guarded_map,
        workers=os.cpu_count() or 1 if workers is None else workers,
        timeout_s=timeout_s,
        memory_MB=memory_MB,
    )


def _withdrawn(store: MTLStore, source: str) -> int:
    """Number of materials that a source has withdrawn."""
    spellings = [name for name in store.structures.sources() if source_key(name) == source_key(source)]
    return store.structures.count({"source": {"$in": spellings}, "current": True, "withdrawn": True})
