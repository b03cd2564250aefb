"""What a carrier lets the jobs that it runs compute with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pymatgen.core import Structure

from mtl_flows.carried.engine import CarriedEngine
from mtl_flows.carried.engine_calls import EngineChoice
from mtl_flows.carried.root import CarrierRoot
from mtl_flows.carried.stages import CarriedStages
from mtl_flows.simulation.engine import RelaxationGoal
from mtl_flows.stages.dynamics import DynamicsParameters


@dataclass(frozen=True)
class CarrierSupply:
    """Engines and stages that compute elsewhere.

    Attributes
    ----------
    root
        Where their answers are.
    device
        Where potentials are evaluated, whatever was asked for; empty for that.
    """

    root: CarrierRoot
    device: str = ""

    def engine(
        self,
        parameters: DynamicsParameters,
        *,
        until_step: int = 0,
        relaxing: Callable[[], Sequence[tuple[Structure, RelaxationGoal]]] = tuple,
    ) -> CarriedEngine:
        """Return an engine; what is asked of it next is told as far as the job knows it."""
        p = parameters
        choice = EngineChoice(p.engine, dict(p.engine_settings), p.n_threads, self.device or p.device)
        return CarriedEngine(choice, self.root, until_step, relaxing)

    def stages(self) -> CarriedStages:
        """Return what stages have answered."""
        return CarriedStages(self.root)
