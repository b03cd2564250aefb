"""What a release changed: structures, and what that did to gates, clusters and candidates, with reasons."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from mtl_flows.errors import ConfigurationError
from mtl_flows.schemas.clustering import AssignmentDocument, ClusteringDocument
from mtl_flows.schemas.ingest import ReleaseDocument
from mtl_flows.science.gates import Outcome, stand
from mtl_flows.science.topology import PROTOCOLS, Protocol
from mtl_flows.stages import CHEMISTRY, TOPOLOGY, ScreeningParameters
from mtl_flows.stages.facts import gate_facts
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore

_BATCH = 1000

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
class ReleaseDifference:
    """Two releases compared.

    Attributes
    ----------
    new, changed
        Materials that only the later release holds, or holds in another revision.
    withdrawn
        Materials that the later release lacks, where it is complete; `not_delivered` where it is not.
    unchanged
        Number of materials with the same revision in both.
    effects
        Materials that entered or left the survivors, met another gate or another cluster.
    clusterings
        For each protocol, ids of the runs that were compared, empty before the first.
    """

    before: str
    after: str
    new: list[str]
    changed: list[str]
    withdrawn: list[str]
    not_delivered: list[str]
    unchanged: int
    effects: list[Effect] = field(default_factory=list)
    clusterings: dict[str, list[str]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain mapping."""
        return asdict(self)


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
    gone = sorted(old.keys() - new.keys())
    kept = sorted(old.keys() & new.keys())
    kinds = (
        dict.fromkeys(new.keys() - old.keys(), "new")
        | {m: "changed" for m in kept if old[m] != new[m]}
        | dict.fromkeys(gone, "withdrawn" if two.complete else "not delivered")
    )
    runs = _runs_at(store, one), _runs_at(store, two)
    effects: list[Effect] = []
    # A release that is not complete adds to what is there: what it lacks stands as before.
    for materials in batched(sorted(old.keys() | new.keys()), _BATCH):
        stood = _standings(store, [old[m] for m in materials if m in old], runs[0], parameters)
        stands = _standings(store, [new[m] for m in materials if m in new], runs[1], parameters)
        for material in materials:
            kind = kinds.get(material, "unchanged")
            if kind != "not delivered":
                effects += _effects(
                    material, kind, stood.get(old.get(material, "")), stands.get(new.get(material, ""))
                )
    return ReleaseDifference(
        before=before,
        after=after,
        new=sorted(m for m, kind in kinds.items() if kind == "new"),
        changed=sorted(m for m, kind in kinds.items() if kind == "changed"),
        withdrawn=gone if two.complete else [],
        not_delivered=[] if two.complete else gone,
        unchanged=sum(old[m] == new[m] for m in kept),
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
    topology = store.topology.found(TOPOLOGY.keys(subjects, parameters.of(TOPOLOGY)))
    chemistry = store.chemistry.found(CHEMISTRY.keys(subjects, parameters.of(CHEMISTRY)))
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
            facts = gate_facts(protocol, topology.get(key), assignment, chemistry.get(key), clustered=False)
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
            cause = "its structure changed" if change == "changed" else "clustered anew"
            reason = f"{cause}: {was.reason} → {now.reason}"
        yield Effect(material, change, protocol, was.outcome, now.outcome, was.cluster, now.cluster, reason)
