"""VASP: a program of its own, run by atomate2's Makers under custodian."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pymatgen.core import Structure

from mtl_flows.science.energies import RAW_PBE
from mtl_flows.simulation.engine import ChunkResult, Relaxation, RelaxationGoal
from mtl_flows.simulation.frames import FrameSink
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.soundness import Soundness
from mtl_flows.simulation.state import MDState
from mtl_flows.simulation.vasp.parameters import VaspParameters


@dataclass(frozen=True)
class VaspEngine:
    """VASP with the settings of the article.

    Attributes
    ----------
    parameters
        Of its calculations.
    n_threads
        Recorded; how many processes VASP runs in is for its command to say.
    """

    parameters: VaspParameters = field(default_factory=VaspParameters)
    n_threads: int = 1
    name: str = "vasp"
    energy_scale: str = RAW_PBE
    # Relaxing a hull of phases by VASP is a campaign of its own, not part of one material's workflow.
    relaxes_hulls: bool = False
    needs: str = "vasp"

    def configured(
        self, settings: Mapping[str, Any], *, n_threads: int = 1, device: str = "auto"
    ) -> "VaspEngine":
        """Return VASP with other settings: fields of `VaspParameters`, and INCAR tags.

        Which device it runs on is for its command to say.
        """
        return replace(self, parameters=VaspParameters.from_settings(settings), n_threads=n_threads)

    def potential(self) -> dict[str, Any]:
        """Return functional, potentials and the settings that energies and forces follow from."""
        return self.parameters.potential()

    def shaping(self) -> dict[str, Any]:
        """Return the settings of the thermostat."""
        return {self.name: self.parameters.shaping()}

    def fingerprint(self, *, load: bool = True) -> dict[str, Any]:
        """Return what identifies the calculations; POTCARs are recorded with each of them."""
        return {
            "name": self.name,
            "version": "",
            "weights_sha256": "" if load else None,
            "tensors_sha256": "" if load else None,
            "parameters": {**self.potential(), **self.parameters.shaping()},
            "precision": "float64",
            "threads": self.n_threads,
            "energy_scale": self.energy_scale,
        }

    def check(self, structure: Structure) -> Soundness | None:
        """Nothing: forces of a converged calculation are the slope of its energy."""
        return None

    def relax(
        self, structure: Structure, goal: RelaxationGoal, so_far: Relaxation | None = None
    ) -> Relaxation:
        """Relax by atomate2's `RelaxMaker`; called again, compute the energy by its `StaticMaker`.

        Where no step is to be taken, the `StaticMaker` gives all there is.
        """
        # Not everybody's worker has custodian's and VASP's input sets to load.
        from mtl_flows.simulation.vasp.makers import vasp_relax_maker, vasp_static_maker
        from mtl_flows.simulation.vasp.run import run_vasp_maker

        if so_far is not None:
            static = run_vasp_maker(vasp_static_maker(self.parameters), so_far.structure)
            calculations = [*so_far.calculations, static.record]
            return replace(so_far, energy_eV=static.energy_eV, calculations=calculations, complete=True)
        as_it_is = goal.max_steps == 0
        maker = vasp_static_maker(self.parameters) if as_it_is else vasp_relax_maker(self.parameters, goal)
        # One block of atoms, and one potential, for each element.
        run = run_vasp_maker(maker, structure.get_sorted_structure())
        return Relaxation(
            structure=run.structure,
            energy_eV=run.energy_eV,
            forces_eV_per_A=run.forces_eV_per_A,
            converged=run.max_force_eV_per_A <= goal.fmax_eV_per_A,
            n_steps=run.n_ionic_steps,
            calculations=[run.record],
            complete=as_it_is,
        )

    def run_chunk(
        self, start: MDState, stage: MDParameters, sink: FrameSink, *, max_steps: int
    ) -> ChunkResult:
        """Run a chunk by atomate2's `MDMaker` and read the frames."""
        from mtl_flows.simulation.vasp.chunk import run_vasp_chunk

        return run_vasp_chunk(start, stage, sink, parameters=self.parameters, max_steps=max_steps)


ENGINE = VaspEngine()
