"""What another screening would keep: from stored barcodes, metrics and verdicts, and without writing anything."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, NamedTuple

import numpy as np

from mtl_flows.errors import NotFoundError
from mtl_flows.records import Record
from mtl_flows.schemas.clustering import ClusteringDocument
from mtl_flows.science.clustering import Scaler, assign
from mtl_flows.science.gates import GATES, Criteria, Facts, Standing, stand
from mtl_flows.science.topology import (
    Alternative,
    Protocol,
    StructureBarcodes,
    rho_cycles_at,
)
from mtl_flows.stages import BARCODES, TOPOLOGY, ScreeningParameters
from mtl_flows.store.candidates import GateRow
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore

KEYS: Final = tuple(gate.key for gate in GATES)

_BATCH = 1000


@dataclass(frozen=True)
class Moved:
    """A material that one screening keeps and the other does not.

    Attributes
    ----------
    decided_by
        Key of the first gate that drops it in the screening that does not keep it, or waits for its stage.
    """

    material_id: str
    formula: str
    is_known_conductor: bool
    r_connected_A: float
    rho_cycles_before: float
    rho_cycles_after: float
    decided_by: str


@dataclass
class WhatIf(Record):
    """Two screenings of the same materials side by side.

    Attributes
    ----------
    before, after
        Materials that stand after each gate, by its key, all gates before it passed.
    gained, lost
        Those that only the other, or only the stored screening keeps.
    placed
        Materials newly before the clusters, which were given that of the nearest exemplar.
    without_topology, without_barcodes
        Materials left out because a stage has not run.
    """

    asked: dict[str, Any]
    n_materials: int = 0
    before: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KEYS, 0))
    after: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KEYS, 0))
    gained: list[Moved] = field(default_factory=list)
    lost: list[Moved] = field(default_factory=list)
    placed: int = 0
    without_topology: int = 0
    without_barcodes: int = 0


class _Compared(NamedTuple):
    """One material under both screenings."""

    row: GateRow
    rho_before: float
    rho_after: float
    before: Standing
    after: Standing
    facts_after: Facts


def what_if(
    store: MTLStore,
    parameters: ScreeningParameters,
    alternative: Alternative,
    *,
    before: Protocol = "published",
) -> WhatIf:
    """Compare the stored screening under one protocol with an alternative.

    A material that passes the prescreen only in the alternative takes the cluster of the nearest exemplar of
    the protocol's current clustering, as a newcomer would; clusters and their selection stay as they are.
    Duplicates are left out.

    Parameters
    ----------
    before
        Protocol of the stored screening.

    Raises
    ------
    ConfigurationError
        If the alternative asks for loops beyond the cutoff of the barcodes.
    """
    asked = {
        "before": {"protocol": before, "thresholds": asdict(parameters.thresholds)},
        "after": {
            "protocol": alternative.protocol,
            "thresholds": asdict(alternative.thresholds),
            "distance_A": alternative.distance_A,
            "distance_factor": alternative.distance_factor,
            "limits": {limit.statistic.name: [limit.at_least, limit.at_most] for limit in alternative.limits},
        },
    }
    found = WhatIf(asked)
    clusters = _Clusters.of(store, parameters, alternative.protocol)
    for rows in batched(store.candidates.gates(), _BATCH):
        found.n_materials += len(rows)
        compared = list(_compare(store, parameters, alternative, before, rows, found))
        _place(clusters, compared, alternative, found)
        for one in compared:
            _count(one, found)
    return found


def _compare(
    store: MTLStore,
    parameters: ScreeningParameters,
    alternative: Alternative,
    before: Protocol,
    rows: Sequence[GateRow],
    found: WhatIf,
) -> Iterator[_Compared]:
    """Both screenings up to the clusters; the cluster gate of the alternative is that of the stored assignment."""
    screened = [row for row in rows if row.r_connected_A is not None]
    found.without_topology += len(rows) - len(screened)
    barcodes: Mapping[str, StructureBarcodes] = {}
    if needs_barcodes := alternative.counts_loops or bool(alternative.limits):
        barcodes = store.barcodes.unpacked(
            {row.crystal_id: f"{row.crystal_id}:{parameters.of(BARCODES).hash}" for row in screened},
            spheres=alternative.needs_spheres,
        )
    protocol, topology = alternative.protocol, parameters.topology
    criteria_before, criteria_after = parameters.criteria(before), _criteria(alternative)
    for row in screened:
        r = row.r_connected_A or 0.0
        rho_before, rho_after = row.rho_cycles[before] or 0.0, row.rho_cycles[protocol] or 0.0
        values: tuple[float, ...] = ()
        if needs_barcodes:
            if row.crystal_id not in barcodes:
                found.without_barcodes += 1
                continue
            bars = barcodes[row.crystal_id]
            if alternative.counts_loops:
                cell = bars.cell_mobile if protocol == "published" else bars.cell_framework
                n_mobile = sum(orbit.multiplicity for orbit in bars.orbits)
                rho_after = rho_cycles_at(cell, alternative.length_A(r, topology), n_mobile)
            values = tuple(limit.statistic.of(bars, topology) for limit in alternative.limits)
        chemical = row.passes_chemistry
        facts_before = Facts(r, rho_before, selected=row.selected[before], passes_chemistry=chemical)
        # The cluster gate of the alternative is that of the stored assignment, where there is one.
        selected = row.selected[protocol] if row.passes_prescreen[protocol] else None
        facts_after = Facts(r, rho_after, values, selected=selected, passes_chemistry=chemical)
        yield _Compared(
            row,
            rho_before,
            rho_after,
            stand(facts_before, criteria_before, stop=True),
            stand(facts_after, criteria_after, stop=True),
            facts_after,
        )


def _criteria(alternative: Alternative) -> Criteria:
    return Criteria(alternative.protocol, alternative.thresholds, alternative.limits)


@dataclass(frozen=True)
class _Clusters:
    """The current clustering of a protocol, to place materials in."""

    store: MTLStore
    protocol: Protocol
    topology_hash: str
    run: ClusteringDocument | None

    @classmethod
    def of(cls, store: MTLStore, parameters: ScreeningParameters, protocol: Protocol) -> "_Clusters":
        try:
            run = store.clusterings.current(protocol)
        except NotFoundError:
            run = None
        return cls(store, protocol, parameters.of(TOPOLOGY).hash, run)

    def selected(self, crystal_ids: Sequence[str]) -> list[bool]:
        """Whether the cluster of the nearest exemplar is selected, for each crystal."""
        if self.run is None or not crystal_ids:
            return []
        features = self.store.topology.features(crystal_ids, self.topology_hash, self.protocol)
        scaler = Scaler(np.array(self.run.scaler_mean), np.array(self.run.scaler_scale))
        labels = assign(features, [c.exemplar_features for c in self.run.clusters], scaler).labels
        return [self.run.clusters[int(label)].selected for label in labels]


def _place(clusters: _Clusters, compared: list[_Compared], alternative: Alternative, found: WhatIf) -> None:
    """Settle the cluster gate of the materials that reach it in the alternative alone."""
    homeless = [i for i, one in enumerate(compared) if "clustering" in one.after.pending_stages]
    criteria = _criteria(alternative)
    placed = clusters.selected([compared[i].row.crystal_id for i in homeless])
    for i, selected in zip(homeless, placed, strict=bool(placed)):
        facts = replace(compared[i].facts_after, selected=selected)
        after = stand(facts, criteria, stop=True)
        compared[i] = compared[i]._replace(after=after, facts_after=facts)
    found.placed += len(placed)


def _count(one: _Compared, found: WhatIf) -> None:
    _count_gates(one.before, found.before)
    _count_gates(one.after, found.after)
    kept_before, kept_after = one.before.outcome == "pass", one.after.outcome == "pass"
    if kept_before == kept_after:
        return
    moved = Moved(
        one.row.material_id,
        one.row.formula,
        one.row.is_known_conductor,
        one.row.r_connected_A or 0.0,
        one.rho_before,
        one.rho_after,
        _decisive(one.before if kept_after else one.after),
    )
    (found.gained if kept_after else found.lost).append(moved)


def _count_gates(standing: Standing, counts: dict[str, int]) -> None:
    """Count a material at every gate it stands after."""
    for at_gate in standing.gates:
        if at_gate.outcome != "pass":
            break
        counts[at_gate.gate.key] += 1


def _decisive(standing: Standing) -> str:
    decisive = standing.decided_by
    if decisive is None:
        return ""
    return decisive.gate.key if decisive.outcome == "fail" else f"{decisive.gate.key} pending"
