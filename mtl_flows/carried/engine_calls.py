"""What an engine is asked for, written out so that another machine can do it."""

from dataclasses import dataclass, field
from typing import Any, Literal

from pymatgen.core import Structure

from mtl_flows.carried.call import Call, key_of
from mtl_flows.records import Record
from mtl_flows.schemas.base import content_hash
from mtl_flows.simulation.devices import AUTO
from mtl_flows.simulation.engine import Engine, Relaxation, RelaxationGoal
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.registry import get_engine
from mtl_flows.simulation.state import MDState


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
    kind: Literal["engine"] = "engine"

    @property
    def processors(self) -> int:
        """How many it uses at a time."""
        return self.n_threads

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


def fingerprint_call(choice: EngineChoice) -> Call:
    """Ask who the engine is where it computes."""
    return Call("fingerprint", _key(choice, "fingerprint"))


def check_call(choice: EngineChoice, structure: Structure) -> Call:
    """Ask whether its forces are the slope of its energy, on one cell."""
    return Call("check", _key(choice, "check", _crystal(structure)), {"structure": structure.as_dict()})


def relax_call(
    choice: EngineChoice, structure: Structure, goal: RelaxationGoal, so_far: Relaxation | None = None
) -> Call:
    """Ask for a relaxation, or to go on with one."""
    aim = {"fmax_eV_per_A": goal.fmax_eV_per_A, "max_steps": goal.max_steps, "relax_cell": goal.relax_cell}
    before = None if so_far is None else so_far.as_dict()
    given = None if so_far is None else [_crystal(so_far.structure), so_far.energy_eV, so_far.n_steps]
    return Call(
        "relax",
        _key(choice, "relax", _crystal(structure), aim, given),
        {"structure": structure.as_dict(), "goal": aim, "so_far": before},
    )


def chunk_call(
    choice: EngineChoice, start: MDState, stage: MDParameters, max_steps: int, until_step: int = 0
) -> Call:
    """Ask for a chunk of molecular dynamics.

    Parameters
    ----------
    until_step
        Who answers goes on from its end, chunk after chunk of this length, until this step; part of no key, since
        each chunk is the answer to a call of its own.
    """
    state, md = start.as_dict(), stage.as_dict()
    return Call(
        "chunk",
        _key(choice, "chunk", state, md, max_steps),
        {"start": state, "stage": md, "max_steps": max_steps, "until_step": until_step},
    )


def _key(choice: EngineChoice, *asked: Any) -> str:
    return key_of(choice.key, *asked)


def _crystal(structure: Structure) -> list[Any]:
    """Cell, species and coordinates: all that energies and forces follow from."""
    species = [site.species_string for site in structure]
    return [structure.lattice.matrix.tolist(), species, structure.frac_coords.tolist()]
