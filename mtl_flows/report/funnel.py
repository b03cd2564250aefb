"""The funnel as a table: how many materials pass each gate, beside the article's counts."""

from typing import Any

from mtl_flows.science.gates import MILESTONES, STORED
from mtl_flows.science.topology import PrescreenThresholds
from mtl_flows.store.funnel import MATERIALS, FunnelCounts

ARTICLE_COUNTS = {
    MATERIALS: 2590,
    "connectivity": 1443,
    "prescreen": 770,
    "cluster": 339,
    "chemistry": 45,
    "verdict": 14,
}
"""Counts of the article (doi:10.1021/jacs.5c04828, figure 2d), on ICSD 2019 and under its thresholds, by gate."""


def funnel_rows(counts: FunnelCounts, thresholds: PrescreenThresholds) -> list[list[Any]]:
    """One row for each gate; beside them the article's counts, where they were made with the same thresholds."""
    labels = {
        MATERIALS: "unique materials",
        **{gate.key: gate.label(thresholds) for gate in STORED},
        **MILESTONES,
    }
    article = (
        ARTICLE_COUNTS if thresholds == PrescreenThresholds() else {MATERIALS: ARTICLE_COUNTS[MATERIALS]}
    )
    return [[labels[key], *by.values(), article.get(key)] for key, by in counts.items()]


def funnel_columns(counts: FunnelCounts) -> list[str]:
    """Names of the columns of `funnel_rows`."""
    return ["gate", *counts[MATERIALS], "article"]
