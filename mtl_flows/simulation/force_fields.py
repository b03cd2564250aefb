"""Force fields of atomate2's registry as engines, by the names that it gives them."""

import re
import warnings
from typing import Any

from ase.calculators.calculator import Calculator
from atomate2.forcefields.jobs import ForceFieldRelaxMaker
from atomate2.forcefields.utils import MLFF, ase_calculator

from mtl_flows.errors import ConfigurationError
from mtl_flows.simulation.calculators import CalculatorEngine

_PACKAGES = {
    **dict.fromkeys(("MACE", "MACE-MP-0", "MACE-MPA-0", "MACE-MP-0b3"), "mace-torch"),
    **dict.fromkeys(("M3GNet", "MatPES-PBE", "MatPES-r2SCAN"), "matgl"),
    "CHGNet": "chgnet",
    "DeepMD": "deepmd-kit",
    "FAIRChem": "fairchem-core",
    "GAP": "quippy-ase",
    "MatterSim": "mattersim",
    "NEP": "calorine",
    "SevenNet": "sevenn",
    "UPET": "upet",
    **dict.fromkeys(("Allegro", "Nequip"), "nequip"),
}
"""What to install for each."""
_MODEL = re.compile("MACE|SevenNet|UPET")
_DEVICE = re.compile("MACE|MatterSim|SevenNet|UPET")
"""Those whose calculators take a keyword of this name."""


def force_field_names() -> tuple[str, ...]:
    """Names of atomate2's registry."""
    return tuple(sorted(member.value for member in MLFF if member is not MLFF.Forcefield))


def force_field_engine(name: str) -> CalculatorEngine | None:
    """Return the engine of a name of the registry, however it is spelled; None if there is none.

    Parameters
    ----------
    name
        Case, hyphens and underscores do not matter: ``mace-mp-0`` is ``MACE_MP_0``.
    """
    member = next((m for m in MLFF if m is not MLFF.Forcefield and _plain(m.value) == _plain(name)), None)
    if member is None:
        return None
    here = f"{__name__}.force_field"
    return CalculatorEngine(
        name=member.value,
        calculator=here,
        md_calculator=here,
        package=_PACKAGES.get(member.value, ""),
        calculator_kwargs={"force_field_name": member.value, **_defaults(member)},
        model_argument="model" if _MODEL.match(member.value) else "",
        device_argument="device" if _DEVICE.match(member.value) else "",
        takes=None,
    )


def force_field(*, force_field_name: str, **arguments: Any) -> Calculator:
    """Return atomate2's calculator of a force field.

    Raises
    ------
    ConfigurationError
        If atomate2 has none of that name.
    """
    calculator = ase_calculator(force_field_name, **arguments)
    if calculator is None:
        raise ConfigurationError(
            "atomate2 makes no calculator of it",
            subject=force_field_name,
            remedy=f"there are {', '.join(force_field_names())}",
        )
    return calculator


def _defaults(member: MLFF) -> dict[str, Any]:
    """Keyword arguments that atomate2 gives a force field unless told otherwise."""
    with warnings.catch_warnings():
        # It finds names too general that it keeps for compatibility.
        warnings.simplefilter("ignore")
        return dict(ForceFieldRelaxMaker(force_field_name=member).calculator_kwargs)


def _plain(name: str) -> str:
    return re.sub(r"[-_ ]", "", name).lower()
