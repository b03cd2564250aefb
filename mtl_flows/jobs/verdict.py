"""Verdicts kept as documents: written where they say something new."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from mtl_flows.jobs.context import job_id
from mtl_flows.jobs.evidence import gather
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.schemas.verdicts import VerdictDocument
from mtl_flows.science.verdict import VerdictThresholds
from mtl_flows.stages.posterior import posterior_fields
from mtl_flows.stages.verdict import judge, verdict_document, verdict_key
from mtl_flows.store.database import MTLStore


def judge_candidates(
    store: MTLStore, candidates: Iterable[CandidateDocument], thresholds: VerdictThresholds
) -> list[VerdictDocument]:
    """Judge materials under any thresholds from what their rows show, and write the verdicts.

    Verdicts under other thresholds stay beside these; running it again changes nothing.
    """
    chosen = list(candidates)
    sources = store.groups.sources(candidate.material_id for candidate in chosen)
    ions = {candidate.mobile_ion for candidate in chosen}
    shown = {ion: gather(store, sources, ion) for ion in ions}
    documents = []
    for candidate in chosen:
        found = shown[candidate.mobile_ion][candidate.material_id]
        evidence = replace(found, formula=candidate.reduced_formula)
        # What would decide, and under which error of the potential, are of these thresholds.
        candidate = candidate.model_copy(update=posterior_fields(evidence, thresholds))
        documents.append(
            verdict_document(
                judge(candidate, evidence.window, thresholds),
                verdict_key(candidate.mobile_ion, thresholds),
                material_id=candidate.material_id,
                structure_id=candidate.structure_id,
                formula=candidate.reduced_formula,
                inputs=evidence.ids(),
                job=job_id(),
            )
        )
    write_verdicts(store, documents)
    return documents


def write_verdicts(store: MTLStore, documents: Iterable[VerdictDocument]) -> int:
    """Write verdicts that say something new; those that stand already keep their date. Gives their number."""
    new = list(documents)
    standing = {d.id: _content(d) for d in store.verdicts.find({"_id": {"$in": [d.id for d in new]}})}
    changed = [d for d in new if standing.get(d.id) != _content(d)]
    store.verdicts.put(changed)
    return len(changed)


def _content(document: VerdictDocument) -> dict[str, Any]:
    return document.model_dump(exclude={"provenance": {"created_at", "job"}})
