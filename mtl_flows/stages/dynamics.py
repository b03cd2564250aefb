"""Parameters of the dynamics of one material, and the keys that follow from them."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from pymatgen.core import Composition

from mtl_flows.errors import ConfigurationError
from mtl_flows.records import Record
from mtl_flows.schemas.base import StageParameters, content_hash
from mtl_flows.schemas.dynamics import Sample
from mtl_flows.science.dynamics import DiffusionParameters, DynamicsBudget
from mtl_flows.science.ordering import OrderingParameters
from mtl_flows.simulation.devices import AUTO
from mtl_flows.simulation.engine import Engine, RelaxationGoal
from mtl_flows.simulation.parameters import MDParameters, default_timestep_fs
from mtl_flows.simulation.registry import get_engine
from mtl_flows.stages.ordering import ORDERING
from mtl_flows.stages.potentials import potential_id
from mtl_flows.stages.runs import DYNAMICS, RELAXATION

_SEEDS_APART = 1_000_003
_GUARDS = {"max_temperature_ratio": 3.0, "max_framework_msd_A2": 9.0}
"""Limits of the guards in keys of before they could be chosen: they enter a key where they differ."""


@dataclass(frozen=True)
class DynamicsParameters(Record):
    """The article's protocol (§3.3), with an engine of choice.

    Attributes
    ----------
    mobile_ion
        Element that is allowed to diffuse.
    engine
        Name or import path, as `mtl_flows.simulation.registry.get_engine` takes it.
    engine_settings
        Settings of the engine's own, by name; which there are is for the engine to say.
    n_threads
        Threads of one job.
    device
        Where the potential is evaluated, as `mtl_flows.simulation.devices` names it, unless the worker says otherwise;
        part of no key.
    weights
        Which weights are meant where the potential's name has stood for several; empty for the first, see
        `mtl_flows.stages.potentials`.
    ordering
        Of the approximants of a disordered material.
    relax_fmax_eV_per_A, relax_steps
        Largest force left, and most steps, of the relaxation of positions and cell.
    heat_from_K, heat_to_K, heat_ps
        The ramp before production.
    temperatures_K
        Temperatures of production.
    production_ps
        Length after which a temperature is judged for the first time, equilibration included.
    budget
        How far a temperature that has not converged is extended.
    chunk_ps
        Simulated time of one job; a lost worker costs at most this much.
    timestep_fs
        Integration step; 0 stands for 2 fs, or with hydrogen 1 fs, 0.5 fs above 1000 K.
    frame_interval_fs
        Time between stored frames.
    max_temperature_ratio, max_framework_msd_A2
        Where the guards stop a run, see `MDParameters`.
    allow_unsound
        Whether a potential whose forces are not the slope of its energy may drive dynamics; part of no key.
    seed
        Of velocities and thermostat; each replica and temperature has random numbers of its own.
    diffusion
        Of the analysis.

    Raises
    ------
    ConfigurationError
        If a time or temperature is not positive, a temperature is named twice, or the production is shorter than
        its equilibration.
    """

    mobile_ion: str = "Li"
    engine: str = "chgnet"
    engine_settings: dict[str, Any] = field(default_factory=dict)
    n_threads: int = 1
    device: str = AUTO
    weights: str = ""
    ordering: OrderingParameters = field(default_factory=OrderingParameters)
    relax_fmax_eV_per_A: float = 0.05
    relax_steps: int = 500
    heat_from_K: float = 300.0
    heat_to_K: float = 1200.0
    heat_ps: float = 10.0
    temperatures_K: tuple[float, ...] = (800.0, 1000.0, 1200.0, 1400.0)
    production_ps: float = 20.0
    budget: DynamicsBudget = field(default_factory=lambda: DynamicsBudget(max_production_ps=100.0))
    chunk_ps: float = 5.0
    timestep_fs: float = 0.0
    frame_interval_fs: float = 20.0
    seed: int = 0
    max_temperature_ratio: float = 3.0
    max_framework_msd_A2: float = 9.0
    allow_unsound: bool = False
    diffusion: DiffusionParameters = field(default_factory=DiffusionParameters)

    def __post_init__(self) -> None:
        temperatures_K = tuple(float(t) for t in self.temperatures_K)
        object.__setattr__(self, "temperatures_K", temperatures_K)
        names = ("heat_ps", "chunk_ps", "frame_interval_fs", *_GUARDS)
        problems = [f"{name} is not positive" for name in names if not getattr(self, name) > 0]
        if (
            not temperatures_K
            or not min(temperatures_K) > 0
            or len(set(temperatures_K)) < len(temperatures_K)
        ):
            problems.append("temperatures_K are not different and positive")
        if not self.production_ps > self.diffusion.discard_ps:
            problems.append("production_ps does not outlast the equilibration, discard_ps")
        if problems:
            raise ConfigurationError("; ".join(problems), subject="dynamics", remedy="choose other values")

    def as_dict(self) -> dict[str, Any]:
        """Plain mappings, as a campaign's document holds them."""
        left_out = {"weights": "", "device": AUTO, "allow_unsound": False}
        return {name: value for name, value in Record.as_dict(self).items() if left_out.get(name) != value}

    def ordering_stage(self) -> StageParameters:
        """Key of the ordered approximants."""
        # The number of approximants does not change any of them.
        values = {k: v for k, v in self.ordering.as_dict().items() if k != "n_orderings"}
        return ORDERING.parameters(values, self.mobile_ion)

    def n_orderings(self, *, ordered: bool) -> int:
        """Number of approximants of a crystal; of an ordered one there is but one, however many are asked for."""
        return 1 if ordered else self.ordering.n_orderings

    @property
    def potential_id(self) -> str:
        """Id of the potential, known without loading its model."""
        return potential_id(self.configured_engine(), self.weights)

    def relaxation_stage(self) -> StageParameters:
        """Key of relaxed cells: the potential, and when a relaxation is done. No ion is set apart."""
        values = {
            "potential": self.potential_id,
            "relax_fmax_eV_per_A": self.relax_fmax_eV_per_A,
            "relax_steps": self.relax_steps,
        }
        return RELAXATION.parameters(values, "")

    def dynamics_stage(self) -> StageParameters:
        """Key of trajectories: what they start from and what shapes them, but not their length or analysis."""
        shaping = ("heat_from_K", "heat_to_K", "heat_ps", "timestep_fs", "frame_interval_fs", "seed")
        values = {"relaxation": self.relaxation_stage().hash}
        values |= {name: getattr(self, name) for name in shaping}
        values |= {name: getattr(self, name) for name, was in _GUARDS.items() if getattr(self, name) != was}
        return DYNAMICS.parameters(values | self.configured_engine().shaping(), self.mobile_ion)

    def configured_engine(self) -> Engine:
        """Return the engine with its settings and threads.

        Raises
        ------
        ConfigurationError
            If there is no such engine, or it has no such settings.
        """
        return self._configured_engine

    @cached_property
    def _configured_engine(self) -> Engine:
        return get_engine(self.engine).configured(
            self.engine_settings, n_threads=self.n_threads, device=self.device
        )

    def relaxation_goal(self) -> RelaxationGoal:
        """Return when the relaxation of an approximant is done."""
        return RelaxationGoal(self.relax_fmax_eV_per_A, self.relax_steps)

    def judgement_hash(self) -> str:
        """Hash of everything that decides when a trajectory is long enough and what it says."""
        return content_hash([self.production_ps, asdict(self.budget), self.diffusion.as_dict()])[:16]

    def ordering_id(self, parent_id: str, ordering: int) -> str:
        """Id of one ordering, whose document says which cell it gave."""
        return f"{parent_id}:{self.ordering_stage().hash}:{ordering}"

    def relaxation_id(self, approximant_id: str) -> str:
        """Id of an ordered cell, relaxed."""
        return f"{approximant_id}:{self.relaxation_stage().hash}"

    def run_id(self, sample: Sample) -> str:
        """What all simulations of one sample share."""
        return f"{sample.approximant_id}:{self.dynamics_stage().hash}:{sample.replica}"

    def trajectory_id(self, sample: Sample, temperature_K: float | None) -> str:
        """Id of its simulation at one temperature, or of the ramp if that is None."""
        name = "heat" if temperature_K is None else f"{temperature_K:g}K"
        return f"{self.run_id(sample)}:{name}"

    def md_parameters(
        self,
        composition: Composition,
        temperature_K: float | None,
        replica: int = 0,
        *,
        timestep_fs: float = 0.0,
    ) -> MDParameters:
        """Parameters of one simulation, as long as the budget allows.

        Parameters
        ----------
        temperature_K
            None for the ramp.
        timestep_fs
            With which it was begun; 0 for one that begins now.
        """
        # Replicas of one cell have to be two samples, not one counted twice.
        seed = self.seed + _SEEDS_APART * replica
        hottest_K = self.heat_to_K if temperature_K is None else temperature_K
        timestep_fs = timestep_fs or self.timestep_fs or default_timestep_fs(composition, hottest_K)
        common: dict[str, Any] = {
            "timestep_fs": timestep_fs,
            "frame_interval": max(1, round(self.frame_interval_fs / timestep_fs)),
            "mobile_ion": self.mobile_ion,
            **{name: getattr(self, name) for name in _GUARDS},
        }
        if temperature_K is None:
            return MDParameters(
                temperature_K=(self.heat_from_K, self.heat_to_K),
                n_steps=steps(self.heat_ps, timestep_fs),
                seed=seed,
                **common,
            )
        longest_ps = self.budget.max_production_ps + self.diffusion.discard_ps
        return MDParameters(
            temperature_K=(temperature_K,),
            n_steps=steps(max(longest_ps, self.production_ps), timestep_fs),
            seed=seed + round(temperature_K),
            **common,
        )


def steps(time_ps: float, timestep_fs: float) -> int:
    """Whole number of steps in a time."""
    return max(1, round(1000.0 * time_ps / timestep_fs))
