"""What became of the clusters of an earlier clustering: stable names across re-clustering."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

from mtl_flows.science.clustering.result import ClusteringResult

EventKind = Literal["same", "split", "merged", "born", "died"]

_DESCENT = 0.5  # share of the smaller cluster that two must have in common to be related


@dataclass(frozen=True, slots=True)
class NamedCluster:
    """One cluster under the name that survives re-clustering."""

    name: str
    exemplar_id: str
    members: frozenset[str]


@dataclass(frozen=True, slots=True)
class LineageEvent:
    """One thing that happened between two clusterings.

    Attributes
    ----------
    kind
        ``same`` (one to one), ``split`` (one to several), ``merged`` (several to one), ``born`` (from none),
        ``died`` (to none).
    old, new
        Names of the clusters concerned, sorted; empty for ``born`` and ``died`` respectively.
    """

    kind: EventKind
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lineage:
    """Names of the new clusters and how they came about.

    Attributes
    ----------
    clusters
        The new clusters, in the order of their labels.
    events
        Ordered by the names concerned. A cluster that exchanges members with several others both ways takes
        part in a split and in a merger.
    """

    clusters: tuple[NamedCluster, ...]
    events: tuple[LineageEvent, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each label of the new clustering."""
        return tuple(cluster.name for cluster in self.clusters)


def match_clusters(
    old: Sequence[NamedCluster], new: ClusteringResult, *, retired: Collection[str] = ()
) -> Lineage:
    """Name the clusters of a new clustering after those they continue.

    Two clusters are related if they share at least half of the smaller one, counting only materials present
    in both clusterings. Related pairs pass the name on in the order of their Jaccard index, each cluster
    giving and taking at most one; between equals the pair that kept its exemplar goes first. All others get
    numbers never used before.

    Parameters
    ----------
    old
        Clusters of the earlier clustering; empty for the first one.
    new
        The later clustering.
    retired
        Names of clusters that died earlier and must not come back.

    Returns
    -------
    Lineage
    """
    arrivals = [
        NamedCluster("", exemplar, frozenset(new.members(k))) for k, exemplar in enumerate(new.exemplar_ids)
    ]
    kin = _related(old, arrivals)
    names = _inherit(old, arrivals, kin)
    fresh = _fresh_names([*retired, *(cluster.name for cluster in old)])
    clusters = tuple(
        NamedCluster(names[k] if k in names else next(fresh), arrival.exemplar_id, arrival.members)
        for k, arrival in enumerate(arrivals)
    )
    return Lineage(clusters, _events(old, clusters, kin))


def compare_clusters(old: Sequence[NamedCluster], new: Sequence[NamedCluster]) -> tuple[LineageEvent, ...]:
    """Say what became of the clusters of one clustering in another, both with names already.

    Related are the same pairs as in ``match_clusters``, so between neighbouring runs the events are the same.
    """
    return _events(old, new, _related(old, new))


def _related(old: Sequence[NamedCluster], new: Sequence[NamedCluster]) -> dict[tuple[int, int], float]:
    """Return the Jaccard index of every related pair (old, new), over the materials in both clusterings."""
    new_of = {member: k for k, cluster in enumerate(new) for member in cluster.members}
    shared = Counter(
        (i, new_of[member]) for i, cluster in enumerate(old) for member in cluster.members if member in new_of
    )
    n_old: Counter[int] = Counter()
    n_new: Counter[int] = Counter()
    for (i, k), n in shared.items():
        n_old[i] += n
        n_new[k] += n
    return {
        (i, k): n / (n_old[i] + n_new[k] - n)
        for (i, k), n in shared.items()
        if n >= _DESCENT * min(n_old[i], n_new[k])
    }


def _inherit(
    old: Sequence[NamedCluster], new: Sequence[NamedCluster], kin: dict[tuple[int, int], float]
) -> dict[int, str]:
    """Give old names to new clusters, best match first."""

    def order(pair: tuple[int, int]) -> tuple[float, bool, str, str]:
        i, k = pair
        kept_exemplar = old[i].exemplar_id == new[k].exemplar_id
        return -kin[pair], not kept_exemplar, old[i].name, new[k].exemplar_id

    names: dict[int, str] = {}
    given: set[int] = set()
    for i, k in sorted(kin, key=order):
        if i not in given and k not in names:
            names[k] = old[i].name
            given.add(i)
    return names


def _fresh_names(used: Iterable[str]) -> Iterator[str]:
    """Yield c001, c002, … from the first number above all those used."""
    numbers = (int(name[1:]) for name in used if name[:1] == "c" and name[1:].isdecimal())
    return (f"c{number:03d}" for number in count(max(numbers, default=0) + 1))


def _events(
    old: Sequence[NamedCluster], new: Sequence[NamedCluster], kin: dict[tuple[int, int], float]
) -> tuple[LineageEvent, ...]:
    """Say what happened to every old cluster and where every new one came from."""
    children = [sorted(new[k].name for a, k in kin if a == i) for i in range(len(old))]
    parents = [sorted(old[i].name for i, b in kin if b == k) for k in range(len(new))]
    events = []
    for cluster, found in zip(old, children, strict=True):
        if len(found) > 1:
            events.append(LineageEvent("split", (cluster.name,), tuple(found)))
        elif not found:
            events.append(LineageEvent("died", (cluster.name,), ()))
    for k, (cluster, found) in enumerate(zip(new, parents, strict=True)):
        if len(found) > 1:
            events.append(LineageEvent("merged", tuple(found), (cluster.name,)))
        elif not found:
            events.append(LineageEvent("born", (), (cluster.name,)))
        elif all(len(children[i]) == 1 for i, b in kin if b == k):
            events.append(LineageEvent("same", tuple(found), (cluster.name,)))
    return tuple(sorted(events, key=lambda event: (event.old or event.new, event.new, event.kind)))
