"""Ion dynamics: displacements, diffusivity with an honest error, Arrhenius fit, conductivity."""

from mtl_flows.science.dynamics.arrhenius import (
    ArrheniusFit,
    ArrheniusResult,
    ArrheniusStatus,
    fit_arrhenius,
)
from mtl_flows.science.dynamics.conductivity import nernst_einstein
from mtl_flows.science.dynamics.convergence import Action, ActionKind, DynamicsBudget, next_action
from mtl_flows.science.dynamics.density import IonDensity, ion_density
from mtl_flows.science.dynamics.diffusion import analyse_diffusion, shortest_fit_ps
from mtl_flows.science.dynamics.parameters import DiffusionParameters
from mtl_flows.science.dynamics.result import DiffusionResult, DiffusionStatus, SlopeFit
from mtl_flows.science.dynamics.tensor import DiffusionTensor
from mtl_flows.science.dynamics.trajectory import Trajectory

__all__ = [
    "Action",
    "ActionKind",
    "ArrheniusFit",
    "ArrheniusResult",
    "ArrheniusStatus",
    "DiffusionParameters",
    "DiffusionResult",
    "DiffusionStatus",
    "DiffusionTensor",
    "DynamicsBudget",
    "IonDensity",
    "SlopeFit",
    "Trajectory",
    "analyse_diffusion",
    "fit_arrhenius",
    "ion_density",
    "nernst_einstein",
    "next_action",
    "shortest_fit_ps",
]
