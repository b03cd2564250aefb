"""Potentials that cost nothing, for many configurations at once: each by its calculator, one after the other."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from toy_engines import Conductor, NoFluorides

from mtl_flows.simulation.batched.potential import Configuration, Evaluation
from mtl_flows.simulation.calculators import CalculatorEngine

JOURNAL = "TOY_BATCHED_JOURNAL"
"""Environment variable: a file that takes one line for each call, the numbers of atoms in it."""
PAUSE = "TOY_BATCHED_PAUSE_S"
"""Environment variable: seconds that each call takes."""


class OneByOne:
    """The potential of a calculator."""

    def __init__(self, calculator: Calculator) -> None:
        self.calculator = calculator

    def evaluate(self, configurations: Sequence[Configuration]) -> list[Evaluation]:
        if PAUSE in os.environ:
            time.sleep(float(os.environ[PAUSE]))
        told = []
        for configuration in configurations:
            atoms = Atoms(
                numbers=configuration.numbers,
                positions=configuration.positions_A,
                cell=configuration.cell_A,
                pbc=True,
            )
            self.calculator.calculate(atoms)
            results = self.calculator.results
            told.append(Evaluation(results["energy"], results["forces"], np.zeros((3, 3))))
        if JOURNAL in os.environ:
            with Path(os.environ[JOURNAL]).open("a") as journal:
                print(*(len(c.numbers) for c in configurations), file=journal)
        return told


def conductor() -> OneByOne:
    return OneByOne(Conductor())


def no_fluorides() -> OneByOne:
    return OneByOne(NoFluorides())


def engine(calculator: str, potential: str, name: str = "") -> CalculatorEngine:
    path = f"toy_engines.{calculator}"
    return CalculatorEngine(
        name=name or f"toy_batched:{potential}",
        calculator=path,
        md_calculator=path,
        package="",
        batch_potential=f"{__name__}.{potential}" if potential else "",
        precision="float64",
    )


ENGINE = engine("Conductor", "conductor", f"{__name__}:ENGINE")
PARTICULAR = engine("NoFluorides", "no_fluorides")
ALONE = engine("Conductor", "", "toy")
