"""CHGNet calculators that predict no more than is asked."""

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any, ClassVar

import torch
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from chgnet.model import CHGNet
from chgnet.model.dynamics import CHGNetCalculator

from mtl_flows.errors import ConfigurationError
from mtl_flows.simulation.chgnet_graph import crystal_graph


class CHGNetForRelaxation(CHGNetCalculator):  # type: ignore[misc]
    """CHGNet with energy, forces and stress.

    The stock calculator keeps what a loss would need to be differentiated a second time, once for forces and once for
    stress. One plain gradient of the energy gives both, the same but for rounding; in cells with left-handed axes the
    stock calculator gives the stress with the wrong sign.

    Parameters
    ----------
    on_isolated_atoms
        What the stock calculator is asked to do with atoms that nothing reaches; here they count, always.

    Raises
    ------
    ConfigurationError
        If anything else is asked.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]

    def __init__(
        self,
        *,
        model_name: str = "0.3.0",
        use_device: str = "cpu",
        check_cuda_mem: bool = False,
        on_isolated_atoms: str = "ignore",
    ) -> None:
        if on_isolated_atoms != "ignore":
            raise ConfigurationError(
                f"cannot {on_isolated_atoms} on isolated atoms", subject="chgnet", remedy="leave it at ignore"
            )
        # CHGNet announces its size and device on standard output.
        with contextlib.redirect_stdout(io.StringIO()):
            if Path(model_name).is_file():
                model = CHGNet.from_file(model_name)
            else:
                model = CHGNet.load(model_name=model_name, use_device=use_device, verbose=False)
            super().__init__(model=model, use_device=use_device, check_cuda_mem=check_cuda_mem)
        self.model.eval().requires_grad_(False)

    def calculate(
        self,
        atoms: Any = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Predict the implemented properties of ``atoms``."""
        Calculator.calculate(self, atoms, properties, system_changes)
        cutoffs = self.model.graph_converter
        graph = crystal_graph(atoms, cutoffs.atom_graph_cutoff, cutoffs.bond_graph_cutoff).to(self.device)
        with_stress = "stress" in self.implemented_properties
        along = [graph.atom_frac_coord, graph.lattice] if with_stress else [graph.atom_frac_coord]
        with warnings.catch_warnings():
            # Volumes, of which nothing here makes use.
            warnings.filterwarnings("ignore", message="Converting a tensor with requires_grad=True")
            energy = self.model([graph], task="e")["e"].sum()
        factor = len(atoms) if self.model.is_intensive else 1
        slopes = [slope.cpu().numpy() * factor for slope in torch.autograd.grad(energy, along)]
        total = float(energy.detach()) * factor
        # x = f L for fractional coordinates f and a cell L of rows.
        self.results = {
            "energy": total,
            "free_energy": total,
            "forces": -slopes[0] @ atoms.cell.reciprocal(),
        }
        if with_stress:
            # L (1 + strain) takes all atoms and images with it.
            of_strain = atoms.cell[:].T @ slopes[1]
            self.results["stress"] = full_3x3_to_voigt_6_stress(of_strain / atoms.get_volume())


class CHGNetForDynamics(CHGNetForRelaxation):
    """CHGNet with energy and forces only: what dynamics at constant cell needs."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]
