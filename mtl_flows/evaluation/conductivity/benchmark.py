"""The screening against measured conductivities, from structures to report."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from math import inf

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from mtl_flows.errors import InputError
from mtl_flows.evaluation.conductivity.baselines import linear_scores
from mtl_flows.evaluation.conductivity.families import Mask
from mtl_flows.evaluation.conductivity.judge import (
    JudgedSample,
    compare_scores,
    judge_gate,
    judge_model,
    judge_score,
)
from mtl_flows.evaluation.conductivity.parameters import BenchmarkParameters
from mtl_flows.evaluation.conductivity.report import (
    BenchmarkReport,
    JudgedComparison,
    JudgedGate,
    JudgedModel,
    JudgedScore,
    JudgedSelection,
)
from mtl_flows.evaluation.conductivity.screened import (
    CHEMICAL_RULES,
    LINEAR_NAMES,
    PROMISING_IF,
    ScreenedMaterial,
    screen_material,
)
from mtl_flows.evaluation.conductivity.table import MeasuredConductivity
from mtl_flows.evaluation.conductivity.transfer import judge_selection
from mtl_flows.evaluation.conductivity.trivial import TRIVIAL_NAMES
from mtl_flows.science.clustering import ClusteringParameters
from mtl_flows.science.known import canonical_id, is_known, load_known_conductors
from mtl_flows.vocabulary import PROTOCOLS, Protocol

# Where nothing passes barriers are infinite.
_HIGHEST = 100.0
_FEWEST = 2  # of superionic materials, of others and of families: less leaves nothing to compare


def run_conductivity_benchmark(
    structures: Iterable[tuple[str, Structure]],
    table: Sequence[MeasuredConductivity],
    *,
    mobile_ion: str = "Li",
    parameters: BenchmarkParameters = BenchmarkParameters(),
    known_ids: Collection[str] | None = None,
    workers: int = 1,
) -> BenchmarkReport:
    """Screen measured materials and judge every gate, descriptor and selection by their conductivities.

    Parameters
    ----------
    structures
        Pairs of id and structure, the conventional cell of its file. Ids match those of the table in any
        case.
    table
        Measured conductivities; see ``read_conductivity_table``.
    mobile_ion
        Symbol of the mobile element.
    parameters
        Threshold, resampling and seeds.
    known_ids
        Ids of known conductors; the article's list by default.
    workers
        Processes that compute topologies.

    Returns
    -------
    BenchmarkReport

    Raises
    ------
    InputError
        An id comes twice, or there are fewer than two screened materials on either side of the threshold, or
        fewer than two families.
    """
    rows = {
        canonical_id(row.id): row for row in table if parameters.include_relatives or not row.of_a_relative
    }
    matched: dict[str, Structure] = {}
    unmatched = []
    for structure_id, structure in structures:
        key = canonical_id(structure_id)
        if key in matched:
            raise InputError("the id comes with two structures", subject=structure_id)
        if key in rows:
            matched[key] = structure
        else:
            unmatched.append(structure_id)
    return judge_materials(
        _measure(list(matched.values()), [rows[key] for key in matched], mobile_ion, workers),
        mobile_ion=mobile_ion,
        parameters=parameters,
        known_ids=load_known_conductors() if known_ids is None else known_ids,
        without_structure=[row.id for key, row in rows.items() if key not in matched],
        without_conductivity=unmatched,
    )


def judge_materials(
    records: Iterable[ScreenedMaterial],
    *,
    mobile_ion: str,
    parameters: BenchmarkParameters,
    known_ids: Collection[str],
    without_structure: Iterable[str] = (),
    without_conductivity: Iterable[str] = (),
) -> BenchmarkReport:
    """Judge records that are already measured; see ``run_conductivity_benchmark``."""
    ordered = sorted(records, key=lambda record: record.id)
    verdicts = [record.measured.is_superionic(parameters.superionic_S_per_cm) for record in ordered]
    decided = [record for record, verdict in zip(ordered, verdicts, strict=True) if verdict is not None]
    positive = np.array([verdict for verdict in verdicts if verdict is not None], dtype=bool)
    accepted = np.array([not record.refused for record in decided], dtype=bool)
    n_accepted, n_found = np.count_nonzero(accepted), np.count_nonzero(positive & accepted)
    families = [record.family for record in decided]
    if min(n_found, n_accepted - n_found) < _FEWEST or len(set(families)) < _FEWEST:
        raise InputError(
            f"{n_accepted} materials of {len(set(families))} families could be screened and have a conductivity, "
            f"{n_found} of them superionic: too few to tell anything apart",
            remedy="check that the ids of structures and table agree, and the threshold",
        )
    sample = JudgedSample.of(positive, families, parameters)
    listed = is_known([record.id for record in decided], known_ids)
    listed |= is_known([record.measured.icsd_id for record in decided], known_ids)

    screened = [record for record in decided if not record.refused]
    within = sample.among(accepted)
    selections, list_gates = _selections(screened, within, listed[accepted])
    return BenchmarkReport(
        n=len(decided),
        n_superionic=int(np.count_nonzero(positive)),
        n_families=len(set(sample.families)),
        refused=_by_reason(decided),
        without_structure=tuple(sorted(without_structure)),
        without_conductivity=tuple(sorted(without_conductivity)),
        undecided=tuple(
            record.id for record, verdict in zip(ordered, verdicts, strict=True) if verdict is None
        ),
        n_listed=int(np.count_nonzero(listed)),
        n_listed_superionic=int(np.count_nonzero(listed & positive)),
        gates=(*_gates(decided, sample), *_budgets(decided, sample), *list_gates),
        scores=_scores(screened, within),
        comparisons=_comparisons(screened, within),
        models=_models(screened, within),
        selections=selections,
        mobile_ion=mobile_ion,
        parameters=parameters,
    )


def _measure(
    structures: Sequence[Structure], rows: Sequence[MeasuredConductivity], mobile_ion: str, workers: int
) -> Iterator[ScreenedMaterial]:
    if workers == 1:
        yield from map(screen_material, structures, rows, repeat(mobile_ion))
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(screen_material, structures, rows, repeat(mobile_ion), chunksize=4)


def _by_reason(records: Iterable[ScreenedMaterial]) -> dict[str, tuple[str, ...]]:
    refused: defaultdict[str, list[str]] = defaultdict(list)
    for record in records:
        if record.refused:
            refused[record.refused].append(record.id)
    return {reason: tuple(ids) for reason, ids in refused.items()}


def _gates(records: Sequence[ScreenedMaterial], sample: JudgedSample) -> tuple[JudgedGate, ...]:
    """Judge every gate; what could not be screened passes none."""
    names = next((record.gates for record in records if not record.refused), {})
    return tuple(
        judge_gate(sample, name, np.array([record.gates.get(name, False) for record in records]))
        for name in names
    )


def _scores(records: Sequence[ScreenedMaterial], sample: JudgedSample) -> tuple[JudgedScore, ...]:
    return tuple(
        judge_score(sample, name, np.array([record.descriptors[name] for record in records]), promising)
        for name, promising in PROMISING_IF.items()
    )


def _comparisons(records: Sequence[ScreenedMaterial], sample: JudgedSample) -> tuple[JudgedComparison, ...]:
    """Judge what the barrier alone, and with v3/d3, gains over v3/d3."""

    def scores(name: str) -> NDArray[np.float64]:
        sign = 1.0 if PROMISING_IF[name] == "high" else -1.0
        return sign * np.array([record.descriptors[name] for record in records])

    before = scores("v3_over_d3")
    return tuple(
        compare_scores(sample, name, scores(name), "v3_over_d3", before) for name in ("E_3D_eV", "priority")
    )


def _budgets(records: Sequence[ScreenedMaterial], sample: JudgedSample) -> tuple[JudgedGate, ...]:
    """Judge what the protocol `ranked` keeps: the best by priority, of all and of what the chemical rules leave."""
    ruled = np.array([record.gates.get(CHEMICAL_RULES, False) for record in records])
    screened = np.array([not record.refused for record in records])
    priorities = np.array([record.descriptors.get("priority", -inf) for record in records])
    share = sample.parameters.top_fraction
    gates = []
    for name, allowed in (
        (f"best {share:.0%} by priority", screened),
        (f"ranked: best {share:.0%} of those that pass the rules", ruled),
    ):
        order = np.argsort(-np.where(allowed, priorities, -inf), kind="stable")
        kept = np.zeros(len(records), dtype=bool)
        kept[order[: round(share * np.count_nonzero(allowed))]] = True
        gates.append(judge_gate(sample, name, kept))
    return tuple(gates)


def _models(records: Sequence[ScreenedMaterial], sample: JudgedSample) -> tuple[JudgedModel, ...]:
    """Judge a forest on the trivial numbers, one on the features of each protocol, and a linear model on all of it."""
    trivial = np.array([[record.trivial[name] for name in TRIVIAL_NAMES] for record in records])
    return (
        judge_model(sample, "composition and density", trivial),
        *(
            judge_model(sample, f"{protocol} features", _features(records, protocol))
            for protocol in PROTOCOLS
        ),
        judge_model(
            sample,
            "linear: features of both sublattices, barriers, occupancy",
            _linear(records),
            linear_scores,
        ),
    )


def _linear(records: Sequence[ScreenedMaterial]) -> NDArray[np.float64]:
    descriptors = np.array([[record.descriptors[name] for name in LINEAR_NAMES] for record in records])
    return np.hstack(
        [*(_features(records, protocol) for protocol in PROTOCOLS), np.minimum(descriptors, _HIGHEST)]
    )


def _selections(
    records: Sequence[ScreenedMaterial], sample: JudgedSample, listed: Mask
) -> tuple[tuple[JudgedSelection, ...], tuple[JudgedGate, ...]]:
    """Judge the selection of clusters under each protocol, with its own scaling."""
    ids = [record.id for record in records]
    selections: list[JudgedSelection] = []
    gates: list[JudgedGate] = []
    for protocol in PROTOCOLS:
        parameters = ClusteringParameters.for_protocol(protocol)
        judged = judge_selection(sample, protocol, _features(records, protocol), ids, listed, parameters)
        selections += judged[0]
        gates += judged[1]
    return tuple(selections), tuple(gates)


def _features(records: Sequence[ScreenedMaterial], protocol: Protocol) -> NDArray[np.float64]:
    return np.array([record.features[protocol] for record in records])
