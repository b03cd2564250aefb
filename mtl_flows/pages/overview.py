"""What the overview, the figures and the ranking of a page show."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from mtl_flows.errors import NotFoundError
from mtl_flows.evaluation.labelled import benchmark_labelled
from mtl_flows.plotting.clusters import clusters_data, feature_map
from mtl_flows.plotting.conduction import conduction_data
from mtl_flows.plotting.distributions import connectivity_data, cycles_data
from mtl_flows.plotting.funnel import funnel_data
from mtl_flows.plotting.ranking import ranked_points
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.database import MTLStore
from mtl_flows.store.funnel import Countable
from mtl_flows.vocabulary import PROTOCOLS

Record = dict[str, Any]
Kind = Literal["text", "formula", "number", "flag", "list"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table: field of the row, heading, kind, and whether it is shown at first."""

    field: str
    label: str
    kind: Kind = "number"
    shown: bool = False


COLUMNS: Final = (
    Column("material_id", "material", "text", shown=True),
    Column("reduced_formula", "formula", "formula", shown=True),
    Column("space_group_number", "space group", shown=True),
    Column("n_sites", "sites"),
    Column("n_elements", "elements"),
    Column("ordered", "ordered", "flag"),
    Column("releases", "releases", "list"),
    Column("is_representative", "unique", "flag"),
    Column("is_known_conductor", "known", "flag", shown=True),
    Column("conductivity_measured_S_per_cm", "σ measured, S/cm"),
    Column("r_connected_A", "r connected, Å", shown=True),
    Column("rho_cycles_published", "ρ published", shown=True),
    Column("rho_cycles_text", "ρ text", shown=True),
    Column("d3_A", "d3, Å"),
    Column("v3_A", "v3, Å"),
    Column("v3_over_d3", "v3/d3", shown=True),
    Column("E_3D_eV", "E 3D, eV", shown=True),
    Column("E_1D_eV", "E 1D, eV"),
    Column("priority", "priority", shown=True),
    Column("cluster_published", "cluster", "text", shown=True),
    Column("cluster_text", "cluster, text", "text"),
    Column("passes_connectivity", "connected", "flag"),
    Column("passes_prescreen_published", "prescreen", "flag"),
    Column("passes_prescreen_text", "prescreen, text", "flag"),
    Column("selected_published", "selected", "flag"),
    Column("selected_text", "selected, text", "flag"),
    Column("passes_chemistry", "chemistry", "flag"),
    Column("failed_rules", "rules failed", "list", shown=True),
    Column("survives_published", "survives", "flag", shown=True),
    Column("survives_text", "survives, text", "flag", shown=True),
    Column("furthest_stage", "came to", "text"),
    Column("pending", "waits for", "list"),
    Column("dynamics_status", "dynamics", "text", shown=True),
    Column("engine", "engine", "text"),
    Column("activation_energy_eV", "E_a of the line, eV"),
    Column("activation_energy_crystal_eV", "E_a, eV", shown=True),
    Column("activation_energy_crystal_low_eV", "E_a low, eV"),
    Column("activation_energy_crystal_high_eV", "E_a high, eV"),
    Column("conductivity_300K_crystal_S_per_cm", "σ(300 K), S/cm"),
    Column("conductivity_300K_crystal_low_S_per_cm", "σ low, S/cm"),
    Column("conductivity_300K_crystal_high_S_per_cm", "σ high, S/cm"),
    Column("P_conducts_crystal", "P(σ ≥ 10⁻⁴)", shown=True),
    Column("window_low_V", "window from, V"),
    Column("window_high_V", "window to, V"),
    Column("window_width_V", "window, V", shown=True),
    Column("e_above_hull_eV_per_atom", "above hull, eV/atom"),
    Column("verdict", "verdict", "text", shown=True),
)
"""What the table offers, in this order."""

WORDS: Final = ("verdict", "dynamics_status", "furthest_stage", "cluster_published")
"""Fields of few values, of which the reader chooses one."""
ALSO: Final = ("elements",)
"""Fields that are filtered by and have no column."""

_MOST_LISTED: Final = 40
_BEST_FIRST: Final = (("priority", -1), ("v3_over_d3", -1), ("_id", 1))


def table_rows(store: MTLStore) -> list[CandidateDocument]:
    """Rows of the screening, the highest priority first."""
    return list(store.candidates.find(sort=_BEST_FIRST))


def table_data(rows: Sequence[CandidateDocument]) -> Record:
    """Gather what the table needs where it holds every row, column by column."""
    values = {name: [getattr(row, name) for row in rows] for name in (*(c.field for c in COLUMNS), *ALSO)}
    return {
        "columns": columns_told(
            {name for name, column in values.items() if any(v is not None for v in column)}
        ),
        "rows": values,
        "words": {name: sorted({value for value in values[name] if value is not None}) for name in WORDS},
    }


def columns_told(filled: Collection[str]) -> list[Record]:
    """Describe the columns; `filled` names those in which any row has a value."""
    return [
        {
            "field": column.field,
            "label": column.label,
            "kind": column.kind,
            "shown": column.shown,
            "filled": column is COLUMNS[0] or column.field in filled,
            "tip": CandidateDocument.model_fields[column.field].description or "",
        }
        for column in COLUMNS
    ]


def counts_of(rows: Sequence[CandidateDocument]) -> dict[str, int]:
    """Count what the overview counts beside the funnel."""
    return {
        "known": sum(row.is_known_conductor for row in rows),
        "simulated": sum(row.dynamics_status is not None for row in rows),
        "pass": sum(row.verdict == "pass" for row in rows),
    }


def overview_data(
    store: MTLStore,
    parameters: ScreeningParameters,
    counts: Mapping[str, int],
    rows: Countable | None = None,
) -> Record:
    """Gather the funnel, of `rows` where they are not those in the store, and counts beside it."""
    return {"funnel": funnel_data(store, parameters.thresholds, rows).as_dict(), "counts": dict(counts)}


def figures_data(
    store: MTLStore, parameters: ScreeningParameters, simulated: Sequence[CandidateDocument]
) -> Record:
    """Gather the article's figures but for the funnel; `simulated` are the rows that have a run."""
    gates = list(store.candidates.gates())
    thresholds = parameters.thresholds
    return {
        "distributions": [
            connectivity_data(gates, thresholds).as_dict(),
            *(cycles_data(gates, thresholds, protocol).as_dict() for protocol in PROTOCOLS),
        ],
        "clusters": [
            clusters_data(store.clusterings.current(protocol)).as_dict()
            for protocol in PROTOCOLS
            if store.clusterings.has_current(protocol)
        ],
        "maps": _maps(store),
        "conduction": conduction_data(simulated, parameters.verdict).as_dict(),
        "simulated": [row.material_id for row in simulated[:_MOST_LISTED]],
    }


def ranking_data(
    store: MTLStore, parameters: ScreeningParameters, unique: Sequence[CandidateDocument], ranked: int = 0
) -> Record:
    """Gather what is ranked, and what the rankings are worth on what is labelled.

    Parameters
    ----------
    unique
        Rows of unique materials.
    ranked
        How many have a rank, where `unique` holds only the first of them.
    """
    points = [point.as_dict() for point in ranked_points(unique)]
    labels = store.labels.by_material(parameters.mobile_ion)
    families = {material: label.family for material, label in labels.items()}
    benchmark = benchmark_labelled(unique, families)
    return {
        "ranking": points,
        "ranked": ranked or len(points),
        "benchmark": benchmark.as_dict() if benchmark else None,
    }


def _maps(store: MTLStore) -> list[Record]:
    """Maps of the features; what lost its topology has none."""
    found = []
    for protocol in PROTOCOLS:
        if store.clusterings.has_current(protocol):
            try:
                found.append(feature_map(store, protocol).as_dict())
            except NotFoundError:
                continue
    return found
