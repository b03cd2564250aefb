"""The funnel against measured conductivities: what each gate, descriptor and selection is worth, with intervals."""

from mtl_flows.science.funnel.benchmark import evaluate_funnel, run_funnel_benchmark
from mtl_flows.science.funnel.parameters import FunnelParameters
from mtl_flows.science.funnel.records import PROMISING_IF, FunnelRecord, measure_record
from mtl_flows.science.funnel.report import FunnelReport, GateRow, ModelRow, ScoreRow, SelectionRow, Spread
from mtl_flows.science.funnel.statistics import Estimate
from mtl_flows.science.funnel.table import Conductivity, read_conductivity_table
from mtl_flows.science.funnel.trivial import TRIVIAL_NAMES, trivial_descriptors

__all__ = [
    "PROMISING_IF",
    "TRIVIAL_NAMES",
    "Conductivity",
    "Estimate",
    "FunnelParameters",
    "FunnelRecord",
    "FunnelReport",
    "GateRow",
    "ModelRow",
    "ScoreRow",
    "SelectionRow",
    "Spread",
    "evaluate_funnel",
    "measure_record",
    "read_conductivity_table",
    "run_funnel_benchmark",
    "trivial_descriptors",
]
