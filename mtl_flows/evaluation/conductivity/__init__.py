"""The screening against measured conductivities: what each gate, descriptor and selection is worth, with intervals."""

from mtl_flows.evaluation.conductivity.benchmark import judge_materials, run_conductivity_benchmark
from mtl_flows.evaluation.conductivity.parameters import BenchmarkParameters
from mtl_flows.evaluation.conductivity.report import (
    BenchmarkReport,
    JudgedGate,
    JudgedModel,
    JudgedScore,
    JudgedSelection,
    Spread,
)
from mtl_flows.evaluation.conductivity.screened import PROMISING_IF, ScreenedMaterial, screen_material
from mtl_flows.evaluation.conductivity.statistics import Estimate
from mtl_flows.evaluation.conductivity.table import MeasuredConductivity, read_conductivity_table
from mtl_flows.evaluation.conductivity.trivial import TRIVIAL_NAMES, trivial_descriptors

__all__ = [
    "PROMISING_IF",
    "TRIVIAL_NAMES",
    "BenchmarkParameters",
    "BenchmarkReport",
    "Estimate",
    "JudgedGate",
    "JudgedModel",
    "JudgedScore",
    "JudgedSelection",
    "MeasuredConductivity",
    "ScreenedMaterial",
    "Spread",
    "judge_materials",
    "read_conductivity_table",
    "run_conductivity_benchmark",
    "screen_material",
    "trivial_descriptors",
]
