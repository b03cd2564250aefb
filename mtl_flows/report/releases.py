"""What a release changed: structures, and what that did to gates, clusters and candidates, with reasons."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from mtl_flows.errors import ConfigurationError
from mtl_flows.jobs.results import results_in_table
from mtl_flows.jobs.withdrawal import named_by_refusals
from mtl_flows.records import Record
from mtl_flows.report.changes import REVISED, Change, changes, select
from mtl_flows.schemas.clustering import AssignmentDocument, ClusteringDocument
from mtl_flows.schemas.ingest import ReleaseDocument
from mtl_flows.science.gates import Outcome, stand
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.facts import gate_facts
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore
from mtl_flows.vocabulary import PROTOCOLS, Protocol

_BATCH = 1000

_CAUSES = {
    "metadata only": "its metadata changed",
    "read anew": "its structure was read anew",
    "refined": "its structure was refined",
    "new content": "its structure is another",
}

Runs = dict[Protocol, ClusteringDocument | None]


@dataclass(frozen=True)
class _Stood:
    """Where one revision stood when a release was screened, under one protocol, and in which cluster."""

    outcome: str
    reason: str
    cluster: str = ""


_SURVIVES: Final[Mapping[Outcome, str]] = {"pass": "survives", "fail": "fails", "pending": "pending"}


@dataclass(frozen=True)
class Effect:
    """What became of one material between two releases, under one protocol."""

    material_id: str
    change: str
    protocol: Protocol
    before: str
    after: str
    cluster_before: str
    cluster_after: str
    reason: str


@dataclass(frozen=True)
class ReleaseDifference(Record):
    """Two releases compared.

    Attributes
    ----------
    changes
        What kind of change each material had, by material.
    unchanged
        Number of materials with the same revision in both.
    effects
        Materials that entered or left the survivors, met another gate or another cluster.
    clusterings
        For each protocol, ids of the runs that were compared, empty before the first.
    """

    before: str
    after: str
    changes: list[Change]
    unchanged: int
    effects: list[Effect] = field(default_factory=list)
    clusterings: dict[str, list[str]] = field(default_factory=dict)

    def only(self, kinds: Collection[str] = (), *, moved_over_A: float = 0.0) -> "ReleaseDifference":
        """The same with some of its changes, see `select`, and with their effects."""
        chosen = select(self.changes, kinds, moved_over_A)
        effects = self.effects
        if kinds or moved_over_A > 0:
            materials = {change.material_id for change in chosen}
            effects = [effect for effect in effects if effect.material_id in materials]
        return replace(self, changes=chosen, effects=effects)


def difference(
    store: MTLStore, before: str, after: str, parameters: ScreeningParameters
) -> ReleaseDifference:
    """Compare two releases and what the screening made of them.

    Gates are judged from the documents of the revision that each release holds, clusters from the run that was
    the newest before the next release came. Results of other parameters play no part.

    Raises
    ------
    NotFoundError
        If one of the releases is unknown.
    ConfigurationError
        If both are the same.
    """
    store = store.under(parameters.screening)
    if before == after:
        raise ConfigurationError("a release does not differ from itself", subject=before, remedy="name two")
    one, two = store.releases.named(before), store.releases.named(after)
    old, new = store.structures.in_release(before), store.structures.in_release(after)
    refused = named_by_refusals(store, [after])
    found = changes(store, old, new, complete=two.complete, refused=refused)
    kinds: dict[str, str] = {change.material_id: change.kind for change in found}
    runs = _runs_at(store, one), _runs_at(store, two)
    effects: list[Effect] = []
    # A release that is not complete adds to what is there: what it lacks stands as before.
    for materials in batched(sorted(old.keys() | new.keys()), _BATCH):
        stood = _standings(store, [old[m] for m in materials if m in old], runs[0], parameters)
        stands = _standings(store, [new[m] for m in materials if m in new], runs[1], parameters)
        for material in materials:
            kind = kinds.get(material, "unchanged")
            if kind not in ("not delivered", "refused"):
                effects += _effects(
                    material, kind, stood.get(old.get(material, "")), stands.get(new.get(material, ""))
                )
    return ReleaseDifference(
        before=before,
        after=after,
        changes=found,
        unchanged=len(old.keys() & new.keys()) - sum(change.kind in REVISED for change in found),
        effects=effects,
        clusterings={
            protocol: [run.id if run else "" for run in (runs[0][protocol], runs[1][protocol])]
            for protocol in PROTOCOLS
        },
    )


def _runs_at(store: MTLStore, release: ReleaseDocument) -> Runs:
    """Clustering of each protocol that was current when the next release came; after the latest, the current one."""
    order = list(store.releases.in_order())
    later = order[[r.name for r in order].index(release.name) + 1 :]
    # A release that is placed before others but came after them was never screened without them.
    limit = min((r.created_at for r in later if r.created_at > release.created_at), default=None)
    found: Runs = {}
    for protocol in PROTOCOLS:
        if limit is not None:
            found[protocol] = next(iter(store.clusterings.current_at(protocol, limit)), None)
        elif store.clusterings.has_current(protocol):
            found[protocol] = store.clusterings.current(protocol)
        else:
            found[protocol] = None
    return found


def _standings(
    store: MTLStore, structure_ids: list[str], runs: Runs, parameters: ScreeningParameters
) -> dict[str, dict[Protocol, _Stood]]:
    subjects = store.structures.subjects(structure_ids)
    crystals = {subject.structure_id: subject.crystal_id for subject in subjects}
    results = results_in_table(store, subjects, parameters)
    found: dict[str, dict[Protocol, _Stood]] = {key: {} for key in structure_ids}
    for protocol in PROTOCOLS:
        run = runs[protocol]
        assigned: Mapping[str, AssignmentDocument] = (
            store.assignments.of(run.id, crystals.values()) if run else {}
        )
        criteria = parameters.criteria(protocol)
        for key in structure_ids:
            assignment = assigned.get(crystals[key])
            # What the run did not hold was not clustered yet.
            facts = gate_facts(protocol, results[key], assignment, clustered=False)
            standing = stand(facts, criteria)
            reached = standing.before("cluster") == "pass"
            cluster = assignment.cluster if assignment and reached else ""
            found[key][protocol] = _Stood(_SURVIVES[standing.outcome], standing.reason, cluster)
    return found


def _effects(
    material: str,
    change: str,
    before: Mapping[Protocol, _Stood] | None,
    after: Mapping[Protocol, _Stood] | None,
) -> Iterable[Effect]:
    absent = _Stood("absent", "")
    for protocol in PROTOCOLS:
        was = before[protocol] if before else absent
        now = after[protocol] if after else absent
        same = (was.outcome, was.cluster, was.reason) == (now.outcome, now.cluster, now.reason)
        if same:
            continue
        if after is None:
            reason = f"withdrawn; before: {was.reason}"
        elif before is None:
            reason = now.reason
        else:
            cause = _CAUSES.get(change, "clustered anew")
            reason = f"{cause}: {was.reason} → {now.reason}"
        yield Effect(material, change, protocol, was.outcome, now.outcome, was.cluster, now.cluster, reason)
