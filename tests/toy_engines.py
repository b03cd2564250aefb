"""Potentials that cost nothing, given to the dynamics by import path; functions of the positions alone."""

import os
import time
from collections.abc import Iterator
from itertools import repeat
from typing import Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.lj import LennardJones

from mtl_flows.science.dynamics import DiffusionParameters, DynamicsBudget
from mtl_flows.science.ordering import OrderingParameters
from mtl_flows.stages.dynamics import DynamicsParameters

PAUSE = "TOY_ENGINE_PAUSE_S"
"""Environment variable: seconds that each evaluation takes, for tests that have to catch a job at work."""


class Conductor(Calculator):
    """Rock salt with its minima at every site of LiCl; the lithium ions repel each other and cross low walls."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]
    period_A = 5.1283 / 2
    mobile_wall_eV = 0.05
    framework_wall_eV = 5.0
    repulsion_eV = 0.3
    repulsion_range_A = 1.2

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        if PAUSE in os.environ:  # to sleep for no time is to stand back for every other process
            time.sleep(float(os.environ[PAUSE]))
        positions, cell = atoms.get_positions(), np.array(atoms.cell)
        mobile = np.array([symbol == "Li" for symbol in atoms.get_chemical_symbols()])
        wall = np.where(mobile, self.mobile_wall_eV, self.framework_wall_eV)[:, None] / 2
        wave = 2 * np.pi / self.period_A
        energy = float((wall * (1 - np.cos(wave * positions))).sum())
        forces = -wall * wave * np.sin(wave * positions)
        apart = positions[mobile][:, None] - positions[mobile][None]
        apart -= np.round(apart @ np.linalg.inv(cell)) @ cell
        push = self.repulsion_eV * np.exp(-(apart**2).sum(axis=2) / (2 * self.repulsion_range_A**2))
        np.fill_diagonal(push, 0.0)
        forces[mobile] += (push[:, :, None] * apart).sum(axis=1) / self.repulsion_range_A**2
        energy += float(push.sum()) / 2
        self.results = {"energy": energy, "forces": forces, "stress": np.zeros(6)}


class Soft(Conductor):
    """The same, four fifths as stiff."""

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        self.results = {name: 0.8 * value for name, value in self.results.items()}


class Insulator(Conductor):
    """The same with walls that no ion crosses."""

    mobile_wall_eV = 5.0


class Melt(Conductor):
    """The same without anything that holds the framework."""

    framework_wall_eV = 0.0


class Exploding(Conductor):
    """The same until the simulation is a few steps old."""

    def __init__(self) -> None:
        super().__init__()
        self.evaluations = 0

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        self.evaluations += 1
        if self.evaluations > 30:
            self.results["forces"] = np.full((len(atoms), 3), np.nan)


class Brittle(Conductor):
    """Raises what comes next when it is built, nothing unless a test says so."""

    raises: ClassVar[Iterator[Exception | None]] = repeat(None)

    def __init__(self) -> None:
        error = next(self.raises)
        if error is not None:
            raise error
        super().__init__()


class NoFluorides(Conductor):
    """Raises at the first fluoride it sees."""

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        if "F" in atoms.get_chemical_symbols():
            raise RuntimeError("no parameters for F")
        super().calculate(atoms, properties, system_changes)


class NoFluorideEnergies(Conductor):
    """Gives a fluoride an energy that is no number."""

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        if "F" in atoms.get_chemical_symbols():
            self.results["energy"] = np.nan


def dynamics(engine: str = "Conductor", **changes: Any) -> DynamicsParameters:
    """Dynamics of LiCl in one cell and two picoseconds, whose analysis takes what it gets."""
    fields: dict[str, Any] = {
        "engine": f"{__name__}.{engine}",
        "ordering": OrderingParameters(min_plane_spacing_A=3.5, min_mobile_ions=4, max_atoms=40),
        "relax_steps": 200,
        "heat_to_K": 1000.0,
        "heat_ps": 0.2,
        "temperatures_K": (800.0, 1200.0),
        "production_ps": 2.4,
        "budget": DynamicsBudget(max_production_ps=4.0, min_extension_ps=0.4),
        "chunk_ps": 0.8,
        "frame_interval_fs": 8.0,
        "diffusion": DiffusionParameters(
            discard_ps=0.2,
            max_lag_fraction=0.5,
            min_effective_hops=0.1,
            max_relative_error=1e9,
            max_nonlinearity=1e9,
            n_surrogates=20,
        ),
    }
    return DynamicsParameters(**{**fields, **changes})


class HalideConductor(Conductor):
    """Ions cross the walls of the chloride and not those of the fluoride."""

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        fluoride = "F" in atoms.get_chemical_symbols()
        self.period_A, self.mobile_wall_eV = (4.027 / 2, 5.0) if fluoride else (5.1283 / 2, 0.05)
        super().calculate(atoms, properties, system_changes)


class Drifting(LennardJones):  # type: ignore[misc]
    """Forces that are half the slope of the energy, as of a model that predicts them apart."""

    def __init__(self) -> None:
        super().__init__(sigma=2.2, epsilon=0.5, rc=7.0)

    def calculate(self, *args: Any, **kwargs: Any) -> None:
        super().calculate(*args, **kwargs)
        self.results["forces"] *= 0.5
