"""SevenNet, whose models 7net-0, 7net-mf-0 and 7net-l3i5 ship with its package (doi:10.1021/acs.jctc.4c00190)."""

from mtl_flows.science.energies import RAW_PBE
from mtl_flows.simulation.calculators import CalculatorEngine

ENGINE = CalculatorEngine(
    name="sevennet",
    calculator="mtl_flows.simulation.sevennet_calculators.SevenNet",
    md_calculator="mtl_flows.simulation.sevennet_calculators.SevenNet",
    calculator_kwargs={"model": "7net-0"},
    model_argument="model",
    # Models of several functionals: PBE, as the others.
    model_arguments={
        "7net-mf-0": {"modal": "PBE"},
        "7net-mf-ompa": {"modal": "mpa"},
        "7net-omni": {"modal": "mpa"},
    },
    takes=frozenset({"modal", "enable_cueq", "enable_flash", "enable_oeq"}),
    device_argument="device",
    batch_potential="mtl_flows.simulation.sevennet_batched.potential",
    package="sevenn",
    energy_scale=RAW_PBE,
    energy_scales={"7net-l3i5": RAW_PBE, "7net-mf-0": RAW_PBE},
    precision="float32",
    is_stateless=True,
)
