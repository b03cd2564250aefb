"""Running one of atomate2's VASP Makers where this process stands, failures told apart.

What is wrong with the machine (no executable, no potentials) is a `ConfigurationError` and fails the job. What is
wrong with the calculation, and custodian could not mend, is a `CalculationError` and becomes part of the
material's record.
"""

import math
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
from atomate2 import SETTINGS
from atomate2.vasp.jobs.base import BaseVaspMaker
from custodian.custodian import CustodianError
from emmet.core.tasks import TaskDoc
from pymatgen.core import SETTINGS as PYMATGEN_SETTINGS
from pymatgen.core import Structure

from mtl_flows.errors import CalculationError, ConfigurationError
from mtl_flows.simulation.vasp.output import corrections

_REMEDY = "see what custodian tried in custodian.json, mend the settings and hand the material in again"


@dataclass(frozen=True, slots=True, eq=False)
class VaspRun:
    """A calculation that ended well.

    Attributes
    ----------
    structure
        At the end.
    energy_eV
        Of the cell.
    forces_eV_per_A
        On each atom, at the end.
    n_ionic_steps
        Steps of the ions.
    record
        What identifies the calculation: settings as VASP used them, potentials, version, repairs, folder.
    """

    structure: Structure
    energy_eV: float
    forces_eV_per_A: list[list[float]]
    n_ionic_steps: int
    record: dict[str, Any]

    @property
    def max_force_eV_per_A(self) -> float:
        """Largest force on an atom; infinite if there are none."""
        return max((math.hypot(*force) for force in self.forces_eV_per_A), default=math.inf)


def run_vasp_maker(maker: BaseVaspMaker, structure: Structure) -> VaspRun:
    """Run a Maker's calculation in the working directory and return what atomate2 reads from it.

    Raises
    ------
    ConfigurationError
        If this machine lacks the executable or the potentials.
    CalculationError
        If the calculation failed beyond custodian's repair, did not converge or cannot be read.
    """
    _require_vasp(potcar=not maker.write_input_set_kwargs.get("potcar_spec"))
    folder = Path.cwd()
    try:
        with _nothing_left_running():
            return _read(maker.make.original(maker, structure).output, maker, folder)
    except CustodianError as error:
        raise CalculationError(
            f"{maker.name}: {_with_corrections(error.message, folder)}", subject=folder.name, remedy=_REMEDY
        ) from error
    except (RuntimeError, ValueError, LookupError, AttributeError, SyntaxError, FileNotFoundError) as error:
        raise CalculationError(
            f"{maker.name}: {type(error).__name__}: {_with_corrections(str(error), folder)}",
            subject=folder.name,
            remedy=_REMEDY,
        ) from error


def _read(document: TaskDoc, maker: BaseVaspMaker, folder: Path) -> VaspRun:
    (calculation,) = document.calcs_reversed or []
    inputs, result = calculation.input, document.output
    if inputs is None or result is None or result.structure is None or result.energy is None:
        raise ValueError("atomate2 found no result")
    steps = calculation.output.ionic_steps if calculation.output is not None else None
    return VaspRun(
        structure=result.structure,
        energy_eV=float(result.energy),
        forces_eV_per_A=[[float(x) for x in force] for force in result.forces or []],
        n_ionic_steps=len(steps or []),
        record={
            "maker": maker.name,
            "vasp_version": calculation.vasp_version or "",
            "incar": {tag: _plain(value) for tag, value in sorted((inputs.incar or {}).items())},
            "kpoints": [list(map(int, mesh)) for mesh in inputs.kpoints.kpts] if inputs.kpoints else [],
            "potcar": [spec.titel or "" for spec in inputs.potcar_spec or []],
            "corrections": corrections(folder),
            "folder": str(document.dir_name),
        },
    )


def _require_vasp(*, potcar: bool) -> None:
    command = shlex.split(os.path.expandvars(SETTINGS.VASP_CMD))
    if not command or shutil.which(command[0]) is None:
        raise ConfigurationError(
            f"{command[0] if command else 'VASP_CMD'!r} is not on this worker's PATH",
            subject="VASP",
            remedy="load VASP in pre_rocket of my_qadapter.yaml, or set ATOMATE2_VASP_CMD (docs/howto/launching.md)",
        )
    if potcar and not PYMATGEN_SETTINGS.get("PMG_VASP_PSP_DIR"):
        raise ConfigurationError(
            "pymatgen does not know where the potentials (POTCAR) are",
            subject="VASP",
            remedy="pmg config --add PMG_VASP_PSP_DIR FOLDER",
        )


@contextmanager
def _nothing_left_running() -> Iterator[None]:
    """End the calculation with the job: custodian gives VASP a session of its own, which no signal reaches."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    try:
        yield
    except BaseException:
        for child in psutil.Process().children(recursive=True):
            if child.pid not in before:
                with suppress(psutil.NoSuchProcess):
                    child.terminate()
        raise


def _with_corrections(message: str, folder: Path) -> str:
    """Join a message with the errors that custodian met."""
    met = [error for correction in corrections(folder) for error in correction["errors"]]
    return f"{message.strip() or 'no message'} Custodian met: {', '.join(met)}." if met else message.strip()


def _plain(value: Any) -> Any:
    """Return a value as MongoDB keeps it."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
