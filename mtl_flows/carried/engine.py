"""An engine that computes elsewhere: what it is asked is looked up among the answers, or carried away."""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from mtl_flows.carried.call import Call
from mtl_flows.carried.engine_answers import restored
from mtl_flows.carried.engine_calls import (
    EngineChoice,
    check_call,
    chunk_call,
    fingerprint_call,
    relax_call,
)
from mtl_flows.carried.failures import raised_there
from mtl_flows.carried.folder import CarriedAnswer
from mtl_flows.carried.question import CalculatedElsewhere, CarriedQuestion
from mtl_flows.carried.root import CarrierRoot
from mtl_flows.errors import CalculationError, DamagedFolderError
from mtl_flows.simulation.engine import ChunkResult, ChunkStatus, Engine, Relaxation, RelaxationGoal
from mtl_flows.simulation.frames import FrameBlock, FrameSink
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.soundness import Soundness
from mtl_flows.simulation.state import MDState

_WEIGHTS: Final = "weights_sha256"
_IDENTITY: Final = (_WEIGHTS, "tensors_sha256")
_OF_ANOTHER_SHAPE: Final = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    EOFError,
    BadZipFile,
    zlib.error,
)
"""What reading raises that meets something else than what was written here."""

T = TypeVar("T")


@dataclass(frozen=True)
class CarriedEngine:
    """An `Engine` whose answers come from job folders.

    Attributes
    ----------
    choice
        The engine that computes.
    root
        Where answers are.
    until_step
        How far the simulation in hand is wanted: chunks that follow are computed along with the first.
    relaxing
        Gives what will be relaxed one after the other: asked for along with the first.
    """

    choice: EngineChoice
    root: CarrierRoot
    until_step: int = 0
    relaxing: Callable[[], Sequence[tuple[Structure, RelaxationGoal]]] = tuple
    _here: Engine = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_here", self.choice.engine())

    @property
    def name(self) -> str:
        """By which it is asked for."""
        return self._here.name

    @property
    def energy_scale(self) -> str:
        """What its energies are comparable with."""
        return self._here.energy_scale

    @property
    def relaxes_hulls(self) -> bool:
        """Whether it is quick enough to relax every competing phase of a material within one job."""
        return self._here.relaxes_hulls

    @property
    def needs(self) -> str:
        """What a node must have to run it."""
        return self._here.needs

    def configured(
        self, settings: Mapping[str, Any], *, n_threads: int = 1, device: str = "auto"
    ) -> "CarriedEngine":
        """Return the engine with settings of its own, also computing elsewhere."""
        choice = EngineChoice(self.choice.name, dict(settings), n_threads, device)
        return CarriedEngine(choice, self.root, self.until_step, self.relaxing)

    def potential(self) -> dict[str, Any]:
        """Return what its energies and forces follow from."""
        return self._here.potential()

    def shaping(self) -> dict[str, Any]:
        """Return the settings of its own that shape a simulation."""
        return self._here.shaping()

    def fingerprint(self, *, load: bool = True) -> dict[str, Any]:
        """Return who it was where it computed last; it is asked where it never did.

        Raises
        ------
        CalculatedElsewhere
            If nobody knows yet.
        """
        if not load:
            return self._here.fingerprint(load=False)
        seen = self.root.seen(self.choice)
        if seen is None or not _tells_who(seen):
            calls = [
                fingerprint_call(self.choice),
                *(relax_call(self.choice, *one) for one in self.relaxing()),
            ]
            seen = self._answer(calls, _identity)
            self.root.note_seen(self.choice, seen)
        return seen

    def check(self, structure: Structure) -> Soundness | None:
        """Hold forces and stress against the energy on one cell."""
        return self._answer(
            [check_call(self.choice, structure)],
            lambda told: None if told.value is None else Soundness(**told.value),
        )

    def relax(
        self, structure: Structure, goal: RelaxationGoal, so_far: Relaxation | None = None
    ) -> Relaxation:
        """Relax, and whatever else is known to be relaxed next."""
        wanted = relax_call(self.choice, structure, goal, so_far)
        calls = [wanted]
        if self.root.holding(wanted.key) is None:
            others = (relax_call(self.choice, *one) for one in self.relaxing())
            calls += [c for c in others if c.key != wanted.key and self.root.holding(c.key) is None]
        return self._answer(calls, lambda told: Relaxation.from_dict(told.value))

    def run_chunk(
        self, start: MDState, stage: MDParameters, sink: FrameSink, *, max_steps: int
    ) -> ChunkResult:
        """Run a chunk; those that follow are computed along with it and found when they are asked for."""
        call = chunk_call(self.choice, start, stage, max_steps, self.until_step)
        frames, result = self._answer([call], lambda told: (list(_frames(told, start)), _chunk(told, start)))
        for frame in frames:
            sink.append(*frame)
        sink.flush()
        if result.status is ChunkStatus.ENGINE_ERROR:  # handed in again, it is computed again
            self.root.forget(call.key)
        return result

    def _answer(self, calls: Sequence[Call], read: Callable[[CarriedAnswer], T]) -> T:
        """Return the answer to the first of some calls, as `read` has it; what is damaged does not count.

        Raises
        ------
        CalculatedElsewhere
            If there is none.
        CalculationError
            If it was computed with other weights than the job was told of.
        DamagedFolderError
            If it is whole, but none to such a question. Asked once more, it is asked anew.
        MTLError
            What the engine raised. Asked once more, it is asked anew.
        """
        found = self.root.found(calls[0].key)
        if found is None:
            raise CalculatedElsewhere(CarriedQuestion.of(self.choice, calls))
        folder, answer = found
        if answer.error is not None:
            folder.forget(calls[0].key)
            raise raised_there(answer.error)
        seen, computed_by = self.root.seen(self.choice), folder.fingerprint
        if seen is None or computed_by is None or computed_by.get(_WEIGHTS) == seen.get(_WEIGHTS):
            try:
                return read(answer)
            except _OF_ANOTHER_SHAPE as error:
                folder.forget(calls[0].key)
                raise DamagedFolderError(
                    f"does not answer what was asked ({calls[0].kind}): {type(error).__name__}: {str(error)[:200]}",
                    subject=str(folder.path),
                    remedy="see that both sides have one version of mtl_flows, then mtl job rerun",
                ) from None
        folder.forget(calls[0].key)
        raise CalculationError(
            f"its weights were {str(computed_by.get(_WEIGHTS))[:12]}, not {str(seen.get(_WEIGHTS))[:12]}",
            subject=self.choice.name,
            remedy="see that all nodes have one version, then hand the material in again",
        )


def _tells_who(fingerprint: Mapping[str, Any]) -> bool:
    return all(isinstance(fingerprint.get(name), str) for name in _IDENTITY)


def _identity(answer: CarriedAnswer) -> dict[str, Any]:
    fingerprint = dict(answer.value)
    if not _tells_who(fingerprint):
        raise ValueError(f"it has no {' and '.join(_IDENTITY)}")
    return fingerprint


def _frames(answer: CarriedAnswer, start: MDState) -> Iterator[tuple[NDArray[np.float32], int, float, float]]:
    for data in answer.blocks:
        block = FrameBlock.from_bytes(data)
        if block.positions_A.shape[1:] != start.positions_A.shape:
            raise ValueError("its frames have other atoms")
        rows = zip(block.positions_A, block.steps, block.temperatures_K, block.energies_eV, strict=True)
        for positions_A, step, temperature_K, energy_eV in rows:
            yield positions_A, int(step), float(temperature_K), float(energy_eV)


def _chunk(answer: CarriedAnswer, start: MDState) -> ChunkResult:
    result = restored(answer.value, answer.wall_s)
    if result.state.species != start.species or result.state.positions_A.shape != start.positions_A.shape:
        raise ValueError("it ends with other atoms")
    return result
