"""What a VASP run leaves behind, read step by step: a long run takes no more memory than a short one."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from monty.io import zopen
from monty.os.path import zpath
from numpy.typing import NDArray
from pymatgen.io.vasp.inputs import Poscar

from mtl_flows.errors import CalculationError
from mtl_flows.simulation.kinetics import internal_temperature_K


@dataclass(frozen=True, slots=True, eq=False)
class IonicStep:
    """One step of molecular dynamics as vasprun.xml tells it.

    Attributes
    ----------
    positions
        Fractional, shape (n_atoms, 3), in the order of the POSCAR.
    energy_eV
        Potential energy, smearing extrapolated to zero.
    kinetic_eV
        Kinetic energy of the ions.
    conserved_eV
        Total energy with that of the thermostat.
    """

    positions: NDArray[np.float64]
    energy_eV: float
    kinetic_eV: float
    conserved_eV: float

    def temperature_K(self, n_atoms: int) -> float:
        """Temperature of so many atoms whose centre of mass rests."""
        return internal_temperature_K(self.kinetic_eV, n_atoms)


def ionic_steps(folder: Path) -> Iterator[IonicStep]:
    """Stream the steps of a run in a folder; numbers too wide for their columns become NaN.

    Raises
    ------
    CalculationError
        If vasprun.xml is missing, cut short or holds no dynamics.
    """
    path = _file(folder, "vasprun.xml")
    with zopen(path, "rb") as stream:
        try:
            events = ET.iterparse(stream, events=("start", "end"))
            _, root = next(events)
            for event, element in events:
                if event == "end" and element.tag == "calculation":
                    yield ionic_step(element)
                    root.clear()
        except ET.ParseError as error:
            raise CalculationError(
                f"vasprun.xml is cut short or damaged: {error}", subject=str(folder)
            ) from error


def ionic_step(calculation: ET.Element) -> IonicStep:
    """Read one step.

    Raises
    ------
    CalculationError
        If it is none of molecular dynamics.
    """
    rows = calculation.findall("structure/varray[@name='positions']/v")
    energies = {str(e.get("name")): _number(e.text) for e in calculation.findall("energy/i")}
    if not rows or not {"e_0_energy", "kinetic", "total"} <= energies.keys():
        raise CalculationError("vasprun.xml holds a step without positions or energies")
    return IonicStep(
        positions=np.array([[_number(x) for x in (row.text or "").split()] for row in rows]),
        energy_eV=energies["e_0_energy"],
        kinetic_eV=energies["kinetic"],
        conserved_eV=energies["total"],
    )


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:  # Fortran writes asterisks where a number does not fit
        return math.nan


def read_contcar(folder: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return fractional positions and velocities in Å/fs at the end of a run.

    Raises
    ------
    CalculationError
        If the file is missing, damaged or holds no velocities.
    """
    path = _file(folder, "CONTCAR")
    try:
        poscar = Poscar.from_file(path, check_for_potcar=False)
        velocities = np.array(poscar.velocities, dtype=np.float64)
    except (ValueError, LookupError, TypeError) as error:
        raise CalculationError(f"CONTCAR cannot be read: {error}", subject=str(folder)) from error
    positions = np.array(poscar.structure.frac_coords)
    if velocities.shape != positions.shape:
        raise CalculationError("CONTCAR holds no velocities", subject=str(folder))
    return positions, velocities


def corrections(folder: Path) -> list[dict[str, Any]]:
    """Return what custodian found wrong in a folder and what it did about it, in order."""
    path = Path(zpath(str(folder / "custodian.json")))
    if not path.is_file():
        return []
    with zopen(path, "rt", encoding="utf-8") as stream:
        log = json.load(stream)
    return [
        {
            "handler": _handler_name(correction.get("handler")),
            "errors": [str(error) for error in correction.get("errors") or []],
            "actions": json.dumps(correction.get("actions") or []),
        }
        for job in log
        for correction in job.get("corrections", [])
    ]


def _handler_name(handler: Any) -> str:
    return str(handler.get("@class", "")) if isinstance(handler, dict) else str(handler)


def _file(folder: Path, name: str) -> Path:
    path = Path(zpath(str(folder / name)))
    if not path.is_file():
        raise CalculationError(f"VASP left no {name}", subject=str(folder))
    return path
