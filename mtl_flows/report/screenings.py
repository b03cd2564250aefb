"""Screenings side by side: what each holds, and where two of them differ."""

from dataclasses import dataclass
from typing import Any

from mtl_flows.jobs.screening import screening_parameters
from mtl_flows.records import Record
from mtl_flows.store.candidate_filter import CandidateFilter
from mtl_flows.store.database import MTLStore
from mtl_flows.store.funnel import FunnelCounts, funnel_counts
from mtl_flows.vocabulary import PROTOCOLS, Protocol


@dataclass(frozen=True)
class ScreeningComparison(Record):
    """Two screenings of one store.

    Attributes
    ----------
    parameters
        Parameters that differ, by dotted name, with their values in both.
    funnels
        Counts at the gates in both.
    only_one, only_other
        Survivors of one that do not survive in the other, by protocol.
    """

    one: str
    other: str
    parameters: dict[str, tuple[Any, Any]]
    funnels: tuple[FunnelCounts, FunnelCounts]
    only_one: dict[Protocol, list[str]]
    only_other: dict[Protocol, list[str]]


def list_screenings(store: MTLStore) -> list[dict[str, Any]]:
    """Every screening, in a line each."""
    default = store.screenings.default()
    return [
        {
            "name": screening.id,
            "default": screening.id == default,
            "mobile_ion": screening.mobile_ion,
            "chosen_at": screening.chosen_at,
            "materials": store.under(screening.id).candidates.count(),
            "survivors": {
                protocol: store.under(screening.id).candidates.count(_survivors(protocol))
                for protocol in PROTOCOLS
            },
        }
        for screening in store.screenings.find()
    ]


def compare_screenings(store: MTLStore, one: str, other: str) -> ScreeningComparison:
    """Compare two screenings: their parameters, their counts at the gates and who survives them.

    Raises
    ------
    NotFoundError
        If one of them does not exist.
    """
    stores = [store.under(store.screenings.named(name).id) for name in (one, other)]
    before, after = (_flat(screening_parameters(store, name).as_dict()) for name in (one, other))
    kept = [{protocol: _materials(bound, protocol) for protocol in PROTOCOLS} for bound in stores]
    return ScreeningComparison(
        one=one,
        other=other,
        parameters={
            name: (before.get(name), after.get(name))
            for name in sorted(before.keys() | after.keys())
            if name != "name" and before.get(name) != after.get(name)
        },
        funnels=(funnel_counts(stores[0].candidates), funnel_counts(stores[1].candidates)),
        only_one={p: sorted(kept[0][p] - kept[1][p]) for p in PROTOCOLS},
        only_other={p: sorted(kept[1][p] - kept[0][p]) for p in PROTOCOLS},
    )


def _survivors(protocol: Protocol) -> dict[str, Any]:
    return CandidateFilter(survivors=True, protocol=protocol).query()


def _materials(store: MTLStore, protocol: Protocol) -> set[str]:
    return {c.material_id for c in store.candidates.find(_survivors(protocol))}


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return flat
