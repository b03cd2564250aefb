"""Words that are stored, typed and shown alike; nothing is imported here, so that the command line can offer them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal, get_args

Protocol = Literal["published", "text"]
"""What the article's released tables hold, or what its text says."""
PROTOCOLS: Final[tuple[Protocol, ...]] = get_args(Protocol)
ChosenProtocol = Literal["published", "text", "any", "ranked"]
"""One of the protocols, that either will do, or neither prescreen nor clusters: what passes the chemical rules."""

Reached = Literal[
    "ingested", "topology", "prescreen", "clustering", "chemistry", "dynamics", "stability", "verdict"
]
"""How far a material came."""

GateKey = Literal["connectivity", "prescreen", "cluster", "chemistry"]
"""Gates that the candidate table tells of, in their order."""
GATE_FIELDS: Final[Mapping[GateKey, str]] = MappingProxyType(
    {
        "connectivity": "passes_connectivity",
        "prescreen": "passes_prescreen_{protocol}",
        "cluster": "selected_{protocol}",
        "chemistry": "passes_chemistry",
    }
)
"""Fields of the candidate table that say whether each was passed, ``{protocol}`` where there is one for each."""

Judgement = Literal["pass", "fail", "undecided"]

Trust = Literal[
    "known", "converged", "upper_bound", "lower_bound", "unconverged", "framework_melted", "unknown"
]
"""How far a number can be trusted; ``known`` (static) and ``converged`` (trajectory) mean the same."""

SimulationStatus = Literal[
    "running", "heated", "converged", "upper_bound", "framework_melted", "unconverged", "failed"
]
"""Where a simulation stands; a heating ramp ends as ``heated``."""
DynamicsStatus = Literal[
    "running",
    "fitted",
    "too_few_temperatures",
    "upper_bound",
    "framework_melted",
    "unconverged",
    "heated",
    "failed",
]
"""Where the dynamics of a material stand: ``fitted``, or what keeps its temperatures from a line."""
JobState = Literal[
    "waiting", "ready", "reserved", "running", "paused", "completed", "fizzled", "defused", "archived"
]
"""FireWorks' states of a job; ``fizzled`` is one that failed, ``defused`` one that was cancelled."""
JobStage = Literal[
    "topology",
    "barrier",
    "clustering",
    "chemistry",
    "candidates",
    "relaxation",
    "dynamics",
    "transport",
    "dft_check",
    "stability",
    "campaign",
]
"""What a job belongs to: the module of its Maker."""

RUNNING: Final = "running"

ErrorSource = Literal["stated", "dft", "known_answers", "second_potential", "default"]
"""What an assumed error of a potential rests on."""

Ranking = Literal[
    "priority", "ea", "sigma", "window", "hull", "barrier", "r", "measured", "verdict", "material"
]
"""What the candidate table can be ordered by."""


class ChangeKind(StrEnum):
    """What became of a material between two releases."""

    NEW = "new"
    JOINED = "joined"
    METADATA_ONLY = "metadata only"
    READ_ANEW = "read anew"
    REFINED = "refined"
    NEW_CONTENT = "new content"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    NOT_DELIVERED = "not delivered"


ProviderName = Literal["potential", "materials_project", "file"]
"""Where the energies of competing phases come from."""
Corrections = Literal["as_given", "mp2020"]
"""Whether energies of a file are taken as they are, or corrected as the Materials Project corrects raw PBE energies."""

WorkKind = Literal["light", "heavy", "cpu", "gpu", "vasp", "any"]
"""What a worker takes: screening, all molecular dynamics, that on a CPU, on a GPU, by VASP, or everything."""

SchedulerName = Literal["slurm", "pbs"]
"""Queueing systems that jobs are given to."""
