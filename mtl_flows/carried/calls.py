"""What an engine is asked for, written out so that another machine can do it; the same question has the same key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pymatgen.core import Structure

from mtl_flows.records import Record
from mtl_flows.schemas.base import content_hash
from mtl_flows.simulation.devices import AUTO
from mtl_flows.simulation.engine import Engine, Relaxation, RelaxationGoal
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.registry import get_engine
from mtl_flows.simulation.state import MDState

CallKind = Literal["fingerprint", "check", "relax", "chunk"]
_KEY_DIGITS: Final = 24


@dataclass(frozen=True)
class EngineChoice(Record):
    """Which engine, as the parameters of the dynamics name it.

    Attributes
    ----------
    name, settings
        What the answers follow from.
    n_threads, device
        How and where it runs: part of no key.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    n_threads: int = 1
    device: str = AUTO

    @property
    def key(self) -> str:
        """What every key of its calls begins from."""
        return content_hash([self.name, self.settings])

    def engine(self) -> Engine:
        """Return the engine; no model is loaded.

        Raises
        ------
        ConfigurationError
            If there is none of this name or with these settings.
        """
        return get_engine(self.name).configured(self.settings, n_threads=self.n_threads, device=self.device)


@dataclass(frozen=True)
class EngineCall(Record):
    """One question to an engine.

    Attributes
    ----------
    key
        Follows from the engine and all that the answer follows from.
    arguments
        As JSON holds them.
    """

    kind: CallKind
    key: str
    arguments: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "EngineCall":
        """Restore what `as_dict` wrote."""
        return cls(**told)


def fingerprint_call(choice: EngineChoice) -> EngineCall:
    """Ask who the engine is where it computes."""
    return EngineCall("fingerprint", _key(choice, "fingerprint"))


def check_call(choice: EngineChoice, structure: Structure) -> EngineCall:
    """Ask whether its forces are the slope of its energy, on one cell."""
    return EngineCall("check", _key(choice, "check", _crystal(structure)), {"structure": structure.as_dict()})


def relax_call(
    choice: EngineChoice, structure: Structure, goal: RelaxationGoal, so_far: Relaxation | None = None
) -> EngineCall:
    """Ask for a relaxation, or to go on with one."""
    aim = {"fmax_eV_per_A": goal.fmax_eV_per_A, "max_steps": goal.max_steps, "relax_cell": goal.relax_cell}
    before = None if so_far is None else so_far.as_dict()
    given = None if so_far is None else [_crystal(so_far.structure), so_far.energy_eV, so_far.n_steps]
    return EngineCall(
        "relax",
        _key(choice, "relax", _crystal(structure), aim, given),
        {"structure": structure.as_dict(), "goal": aim, "so_far": before},
    )


def chunk_call(
    choice: EngineChoice, start: MDState, stage: MDParameters, max_steps: int, until_step: int = 0
) -> EngineCall:
    """Ask for a chunk of molecular dynamics.

    Parameters
    ----------
    until_step
        Who answers goes on from its end, chunk after chunk of this length, until this step; part of no key, since
        each chunk is the answer to a call of its own.
    """
    state, md = start.as_dict(), stage.as_dict()
    return EngineCall(
        "chunk",
        _key(choice, "chunk", state, md, max_steps),
        {"start": state, "stage": md, "max_steps": max_steps, "until_step": until_step},
    )


def _key(choice: EngineChoice, *asked: Any) -> str:
    return content_hash([choice.key, *asked])[:_KEY_DIGITS]


def _crystal(structure: Structure) -> list[Any]:
    """Cell, species and coordinates: all that energies and forces follow from."""
    species = [site.species_string for site in structure]
    return [structure.lattice.matrix.tolist(), species, structure.frac_coords.tolist()]
