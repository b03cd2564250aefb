"""The candidate table in the order of any of its numbers; what has no number comes last."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from mtl_flows.errors import ConfigurationError, there_are
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.store.bins import FIELD
from mtl_flows.store.candidates import CandidateCollection, CandidateFilter
from mtl_flows.vocabulary import Ranking

_VERDICTS = ("pass", "undecided", "fail")

RANKINGS: Mapping[Ranking, tuple[str, int]] = MappingProxyType(
    {
        "priority": ("priority", -1),
        "ea": ("activation_energy_crystal_eV", 1),
        "sigma": ("conductivity_300K_crystal_S_per_cm", -1),
        "window": ("window_width_V", -1),
        "hull": ("e_above_hull_eV_per_atom", 1),
        "barrier": ("E_3D_eV", 1),
        "r": ("r_connected_A", 1),
        "measured": ("conductivity_measured_S_per_cm", -1),
        "verdict": ("verdict", 1),
        "material": ("material_id", 1),
    }
)
"""Name of a ranking → field and direction: the best first.

``ea`` and ``sigma`` are those of the crystal, with the error of the potential.
"""


def ranked(
    candidates: CandidateCollection, chosen: CandidateFilter, *, by: Ranking = "priority", limit: int = 0
) -> Iterator[CandidateDocument]:
    """Stream what a filter describes, the best first; ties by priority, then by v3/d3 and id.

    Parameters
    ----------
    by
        One of `RANKINGS`.
    limit
        At most so many; 0 for all.

    Raises
    ------
    ConfigurationError
        If there is no such ranking.
    """
    if by not in RANKINGS:
        raise ConfigurationError(f"no ranking {by!r}", remedy=there_are(by, RANKINGS))
    field, direction = RANKINGS[by]
    key: Any = f"${field}"
    if by == "verdict":
        key = {"$indexOfArray": [list(_VERDICTS), key]}
    stages: list[dict[str, Any]] = [
        {"$match": candidates.asked(chosen)},
        {"$set": {"_missing": {"$lte": [f"${field}", None]}, "_key": key}},
        {"$sort": {"_missing": 1, "_key": direction, "priority": -1, "v3_over_d3": -1, "_id": 1}},
        *([{"$limit": limit}] if limit else []),
        {"$unset": ["_missing", "_key", FIELD]},
    ]
    for stored in candidates.raw.aggregate(stages, allowDiskUse=True):
        yield CandidateDocument.from_mongo(stored)
