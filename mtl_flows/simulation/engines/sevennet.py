"""SevenNet-0, an extra of the installation (doi:10.1021/acs.jctc.4c00190)."""

from mtl_flows.science.energies import RAW_PBE
from mtl_flows.simulation.calculators import CalculatorEngine

ENGINE = CalculatorEngine(
    name="sevennet",
    calculator="sevenn.calculator.SevenNetCalculator",
    md_calculator="sevenn.calculator.SevenNetCalculator",
    calculator_kwargs={"model": "7net-0", "device": "cpu"},
    package="sevenn",
    energy_scale=RAW_PBE,
    precision="float32",
)
