"""The tables people read: the funnel, the candidates, one material's story."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mtl_flows.schemas.candidates import CandidateDocument, DiffusivityRecord
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

FUNNEL_COLUMNS = ("gate", "published", "text", "article")
CANDIDATE_COLUMNS = (
    *("material", "formula", "r_connected Å", "ρ publ.", "ρ text", "v3/d3", "cluster"),
    *("nearest known conductor", "failed rules", "status"),
)
DYNAMICS_COLUMNS = (
    *("material", "formula", "D at T, cm²/s [95 %]", "E_a eV", "σ(300 K) S/cm", "status"),
    *("window V", "verdict"),
)


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
    return [[labels[key], by["published"], by["text"], article.get(key)] for key, by in counts.items()]


def candidate_rows(candidates: Iterable[CandidateDocument]) -> list[list[Any]]:
    """One row for each material."""
    return [
        [
            candidate.material_id,
            candidate.reduced_formula,
            candidate.r_connected_A,
            candidate.rho_cycles_published,
            candidate.rho_cycles_text,
            candidate.priority,
            _both(candidate.cluster_published, candidate.cluster_text),
            _both(
                _near(candidate.nearest_known_published, candidate.nearest_known_distance_published),
                _near(candidate.nearest_known_text, candidate.nearest_known_distance_text),
                "\n",
            ),
            _rules(candidate),
            candidate.dynamics_status or _status(candidate),
        ]
        for candidate in candidates
    ]


def dynamics_rows(candidates: Iterable[CandidateDocument]) -> list[list[Any]]:
    """One row for each material that was simulated."""
    return [
        [
            candidate.material_id,
            candidate.reduced_formula,
            "\n".join(diffusivity(record) for record in candidate.diffusivities),
            activation_energy(candidate),
            conductivity(candidate),
            _dynamics_status(candidate),
            window(candidate),
            candidate.verdict,
        ]
        for candidate in candidates
        if candidate.diffusivities
    ]


def diffusivity(record: DiffusivityRecord) -> str:
    """Diffusivity with its interval, or what is known instead."""
    at = f"{record.temperature_K:.0f} K:"
    low, high = record.low_cm2_per_s, record.high_cm2_per_s
    if record.diffusivity_cm2_per_s is None:
        bound = f" < {high:.1e}" if high is not None else ""
        return f"{at}{bound} {record.status}"
    interval = f" [{low:.1e}, {high:.1e}]" if low is not None and high is not None else ""
    note = "" if record.status == "converged" else f" {record.status}"
    return f"{at} {record.diffusivity_cm2_per_s:.1e}{interval}{note}"


def activation_energy(candidate: CandidateDocument) -> str | None:
    """Activation energy ± its standard error, and over how many orderings."""
    if candidate.activation_energy_eV is None:
        return None
    over = "" if candidate.n_orderings in (None, 1) else f" ({candidate.n_fits} of {candidate.n_orderings})"
    return f"{candidate.activation_energy_eV:.2f} ± {candidate.activation_energy_error_eV:.2f}{over}"


def conductivity(candidate: CandidateDocument) -> str | None:
    """Interval of the conductivity at 300 K."""
    low, high = candidate.conductivity_300K_low_S_per_cm, candidate.conductivity_300K_high_S_per_cm
    return None if low is None or high is None else f"{low:.1e} … {high:.1e}"


def window(candidate: CandidateDocument) -> str | None:
    """Edges of the electrochemical window, or that it is unknown."""
    if candidate.window_low_V is None or candidate.window_high_V is None:
        return candidate.window_status
    return f"{candidate.window_low_V:.2f} … {candidate.window_high_V:.2f}"


def _status(candidate: CandidateDocument) -> str:
    if candidate.survives:
        return "survivor"
    return "pending: " + ", ".join(candidate.pending) if candidate.pending else "dropped"


def _dynamics_status(candidate: CandidateDocument) -> str | None:
    others = ", ".join(candidate.compared_engines)
    word = {None: "", True: f"\nas {others}", False: f"\nnot as {others}"}[candidate.potentials_agree]
    return candidate.dynamics_status and candidate.dynamics_status + word


def _rules(candidate: CandidateDocument) -> str | None:
    if candidate.failed_rules is None:
        return None
    return ", ".join(map(str, candidate.failed_rules)) or "none"


def _near(known: str | None, distance: float | None) -> str | None:
    return None if known is None or distance is None else f"{known} ({distance:.3g})"


def _both(published: str | None, text: str | None, separator: str = " | ") -> str | None:
    """Show the protocols' values side by side, once where they agree."""
    if published == text:
        return published
    return f"{published or '–'}{separator}{text or '–'}"


def document_counts(collections: Sequence[Any]) -> list[list[Any]]:
    """One row for each collection: its name and number of documents."""
    return [[collection.name, collection.raw.estimated_document_count()] for collection in collections]


def with_intervals(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Fold the bounds of estimates into their values: ``0.65 [0.56, 0.72]``.

    Of the two intervals of an estimate, by entry and by family, the one by family is shown: families are what a
    ranking has to transfer to.
    """
    if not rows:
        return [], []
    bounds = {
        name: next((f"{name}{kind}" for kind in ("_family", "") if f"{name}{kind}_low" in rows[0]), "")
        for name in rows[0]
    }
    columns = [name for name in rows[0] if not name.endswith(("_low", "_high"))]
    cells = [[_with_interval(row, name, bounds[name]) for name in columns] for row in rows]
    return columns, cells


def _with_interval(row: Mapping[str, Any], name: str, bounds: str) -> Any:
    value = row[name]
    if not bounds or value is None:
        return value
    low, high = row[f"{bounds}_low"], row[f"{bounds}_high"]
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"
