"""Frames that other programs wrote: VASP, LAMMPS, ASE and whatever writes extended XYZ."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice, pairwise
from math import nan
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from monty.io import zopen
from numpy.typing import NDArray

from mtl_flows.errors import CalculationError, UnusableTrajectoryError
from mtl_flows.science.dynamics import Trajectory
from mtl_flows.simulation.lammps_dump import lammps_frames
from mtl_flows.simulation.vasp.output import ionic_step

FloatArray = NDArray[np.float64]

_SAME_CELL_A = 1e-3
_SAME_TIME = 0.01
_SMALLEST_CELL_A3 = 1.0
_NAMES = "XDATCAR, vasprun.xml, .extxyz, .traj of ASE, or a dump of LAMMPS (.lammpstrj, .dump)"


@dataclass(frozen=True, slots=True, eq=False)
class ForeignFrame:
    """One frame as a file has it; what it does not say is NaN or None.

    Attributes
    ----------
    positions_A
        Cartesian, shape (n_atoms, 3).
    cell_A
        Lattice vectors as rows.
    time_fs
        Since some moment.
    step
        Number of the integration step.
    """

    species: tuple[str, ...]
    cell_A: FloatArray
    positions_A: FloatArray
    time_fs: float | None = None
    step: int | None = None
    temperature_K: float = nan
    energy_eV: float = nan


@dataclass(frozen=True, slots=True, eq=False)
class ForeignTrajectory:
    """A trajectory of a file.

    Attributes
    ----------
    trajectory
        Temperatures and energies that the file does not hold are NaN.
    sha256
        Of the file.
    format
        What wrote it.
    """

    trajectory: Trajectory
    sha256: str
    format: str


def read_foreign(
    path: Path,
    *,
    timestep_fs: float = 0.0,
    every: int = 1,
    types: Mapping[int, str] | None = None,
) -> ForeignTrajectory:
    """Read a trajectory at constant cell.

    Parameters
    ----------
    path
        XDATCAR, vasprun.xml, ``.extxyz``, ``.traj`` or a text dump of LAMMPS, as it is or with ``.gz``.
    timestep_fs
        Integration step where the file does not hold it (XDATCAR: POTIM); 0 for none.
    every
        Integration steps from frame to frame where the file does not hold it (XDATCAR: NBLOCK).
    types
        Elements by type of atom, for dumps of LAMMPS without a column ``element``.

    Raises
    ------
    UnusableTrajectoryError
        If it cannot be read, has no time step, or its atoms or its cell change.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnusableTrajectoryError(
            f"cannot be read: {error.strerror or error}", subject=str(path), remedy="check the file"
        ) from error
    kind = _kind(path, content)
    try:
        frames = list(_FRAMES[kind](path, types or {}))
    except UnusableTrajectoryError as error:
        raise UnusableTrajectoryError(
            error.message, subject=error.subject or str(path), remedy=error.remedy
        ) from error
    except (ValueError, LookupError, OSError, EOFError, TypeError, CalculationError) as error:
        raise UnusableTrajectoryError(
            f"is no {kind} that can be read: {error}", subject=str(path), remedy="check the file"
        ) from error
    return ForeignTrajectory(
        _joined(path, kind, frames, timestep_fs, every), sha256(content).hexdigest(), kind
    )


def _joined(path: Path, kind: str, frames: list[ForeignFrame], timestep_fs: float, every: int) -> Trajectory:
    """One trajectory of frames, once they are known to belong together."""

    def refuse(message: str, remedy: str) -> UnusableTrajectoryError:
        return UnusableTrajectoryError(message, subject=str(path), remedy=remedy)

    if len(frames) < 2:
        raise refuse(f"holds {len(frames)} frames", "an optimisation or a single structure is no trajectory")
    first = frames[0]
    if abs(float(np.linalg.det(first.cell_A))) < _SMALLEST_CELL_A3:
        raise refuse("holds no cell", "write it as extended XYZ, whose second line has the lattice")
    for number, frame in enumerate(frames):
        if frame.species != first.species:
            raise refuse(f"the atoms of frame {number} are others than those of the first", "sort the atoms")
        change_A = float(np.abs(frame.cell_A - first.cell_A).max())
        if change_A > _SAME_CELL_A:
            raise refuse(
                f"the cell changes, by {change_A:.3g} Å until frame {number}",
                "only runs at constant cell (NVT, NVE) can be analysed",
            )
    return Trajectory(
        species=first.species,
        lattice_A=first.cell_A,
        positions_A=np.stack([frame.positions_A for frame in frames]),
        timestep_fs=_between_frames_fs(path, frames, timestep_fs, every),
        temperatures_K=np.array([frame.temperature_K for frame in frames]),
        energies_eV=np.array([frame.energy_eV for frame in frames]),
        wrapped=kind in ("XDATCAR", "vasprun.xml"),
    )


def _between_frames_fs(path: Path, frames: list[ForeignFrame], timestep_fs: float, every: int) -> float:
    told = _steady(path, [frame.time_fs for frame in frames])
    strides = _steady(path, [frame.step for frame in frames])
    given = timestep_fs * (strides or every)
    if told and timestep_fs and abs(given / told - 1.0) > _SAME_TIME:
        raise UnusableTrajectoryError(
            f"its frames are {told:g} fs apart, not {given:g}",
            subject=str(path),
            remedy="leave the time step out, or correct it",
        )
    if not (told or given):
        raise UnusableTrajectoryError(
            "does not say how much time lies between its frames",
            subject=str(path),
            remedy="give the integration step with --timestep (POTIM), and with --every the steps between frames",
        )
    return told or given


def _steady(path: Path, values: list[Any]) -> float:
    """The distance of values that rise evenly; 0 where they are not told."""
    if any(value is None for value in values):
        return 0.0
    apart = [b - a for a, b in pairwise(values)]
    usual = float(np.median(apart))
    if usual <= 0 or max(abs(one - usual) for one in apart) > _SAME_TIME * usual:
        raise UnusableTrajectoryError(
            "its frames are not evenly spaced in time, or out of order",
            subject=str(path),
            remedy="join parts of a run without the frames that they share, in their order",
        )
    return usual


def _kind(path: Path, content: bytes) -> str:
    name = path.name.lower().removesuffix(".gz")
    if "xdatcar" in name:
        return "XDATCAR"
    if "vasprun" in name:
        return "vasprun.xml"
    if name.endswith((".extxyz", ".xyz")):
        return "extended XYZ"
    if name.endswith(".traj") and not content.lstrip().startswith(b"ITEM:"):
        return "ASE trajectory"
    if content.lstrip().startswith(b"ITEM:") or name.endswith((".lammpstrj", ".dump")):
        return "LAMMPS dump"
    raise UnusableTrajectoryError(
        "no format goes with this name", subject=str(path), remedy=f"call it {_NAMES}"
    )


def _of_xdatcar(path: Path, types: Mapping[int, str]) -> Iterator[ForeignFrame]:
    with zopen(path, "rt", encoding="utf-8") as lines:
        species: tuple[str, ...] = ()
        cell = np.zeros((3, 3))
        for line in lines:
            if "configuration=" in line:
                rows = [row.split()[:3] for row in islice(lines, len(species))]
                if len(rows) < len(species) or len(rows[-1]) < 3:
                    return  # a run that was cut off while it wrote
                yield ForeignFrame(species, cell, np.array(rows, dtype=float) @ cell)
            elif line.strip():  # a header: once, or before each frame where the cell varies
                scale, *vectors, elements, counts = (row.split() for row in islice(lines, 6))
                cell = np.array(vectors, dtype=float)
                factor = float(scale[0])
                cell *= factor if factor > 0 else (-factor / abs(float(np.linalg.det(cell)))) ** (1 / 3)
                species = tuple(
                    element for element, n in zip(elements, counts, strict=True) for _ in range(int(n))
                )


def _of_vasprun(path: Path, types: Mapping[int, str]) -> Iterator[ForeignFrame]:
    species: tuple[str, ...] = ()
    timestep_fs = 0.0
    number = 0
    with zopen(path, "rb") as stream:
        try:
            events = ET.iterparse(stream, events=("start", "end"))
            _, root = next(events)
            for event, element in events:
                if event != "end":
                    continue
                if element.tag == "parameters":
                    found = element.find(".//separator[@name='ionic']/i[@name='POTIM']")
                    timestep_fs = float((found.text if found is not None else "") or 0.0)
                elif element.tag == "atominfo":
                    rows = element.findall("array[@name='atoms']/set/rc")
                    species = tuple((row[0].text or "").strip() for row in rows)
                elif element.tag == "calculation":
                    step = ionic_step(element)
                    basis = element.findall("structure/crystal/varray[@name='basis']/v")
                    cell = np.array([[float(x) for x in (row.text or "").split()] for row in basis])
                    yield ForeignFrame(
                        species,
                        cell,
                        step.positions @ cell,
                        time_fs=number * timestep_fs if timestep_fs else None,
                        temperature_K=step.temperature_K(len(species)),
                        energy_eV=step.energy_eV,
                    )
                    number += 1
                    root.clear()
        except ET.ParseError:
            return  # a run that was cut off while it wrote: its whole steps count


def _of_ase(path: Path, types: Mapping[int, str]) -> Iterator[ForeignFrame]:
    from ase.io import iread

    for atoms in iread(path, index=":"):
        info, kinetic = atoms.info, atoms.get_kinetic_energy()
        told = info.get("temperature_K", atoms.get_temperature() if kinetic > 0 else nan)
        energy = info.get("energy_eV", nan)
        if np.isnan(energy) and atoms.calc is not None:
            energy = atoms.calc.results.get("energy", nan)
        time_ps = info.get("time_ps")
        yield ForeignFrame(
            tuple(atoms.get_chemical_symbols()),
            np.array(atoms.cell),
            atoms.get_positions(),
            time_fs=None if time_ps is None else 1e3 * float(time_ps),
            temperature_K=float(told),
            energy_eV=float(energy),
        )


def _of_lammps(path: Path, types: Mapping[int, str]) -> Iterator[ForeignFrame]:
    with zopen(path, "rt", encoding="utf-8") as lines:
        for step, cell, species, positions in lammps_frames(lines, types):
            yield ForeignFrame(species, cell, positions, step=step)


_FRAMES = {
    "XDATCAR": _of_xdatcar,
    "vasprun.xml": _of_vasprun,
    "extended XYZ": _of_ase,
    "ASE trajectory": _of_ase,
    "LAMMPS dump": _of_lammps,
}
