"""What the tests of the command line share."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Answer:
    """What a command gave."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit code {self.code}\n{self.out}\n{self.err}"


Mtl = Callable[..., Answer]


def environment(**variables: str) -> dict[str, str]:
    """Environment of a command: nothing of MTL but what is given, and the tests' modules to import."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MTL_")}
    return {**clean, "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}", **variables}


REASONS = {
    "broken[b].cif": "unreadable",
    "no-lithium.cif": "no_mobile_ion",
    "overfull.cif": "occupancy_above_one",
    "overlapping.cif": "overlapping_sites",
}
"""Reason code of each file of `bad`."""
