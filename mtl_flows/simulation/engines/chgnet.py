"""CHGNet, whose weights ship with its package (doi:10.1038/s42256-023-00716-3)."""

from mtl_flows.science.energies import MP2020_GGA
from mtl_flows.simulation.calculators import CalculatorEngine

ENGINE = CalculatorEngine(
    name="chgnet",
    calculator="mtl_flows.simulation.chgnet_calculators.CHGNetForRelaxation",
    md_calculator="mtl_flows.simulation.chgnet_calculators.CHGNetForDynamics",
    calculator_kwargs={"on_isolated_atoms": "ignore"},
    model="0.3.0",
    model_argument="model_name",
    device_argument="use_device",
    package="chgnet",
    energy_scale=MP2020_GGA,
    precision="float32",
    is_stateless=True,
)
