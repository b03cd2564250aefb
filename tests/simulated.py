"""Simulations of synthetic walks, for what shows them."""

from typing import Any

import numpy as np
from samples import trajectory

from mtl_flows.jobs.ordering import find_ordering
from mtl_flows.science.dynamics import DiffusionParameters, analyse_diffusion
from mtl_flows.science.dynamics.conductivity import BOLTZMANN_EV_PER_K
from mtl_flows.science.dynamics.synthetic import SyntheticWalk
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.database import MTLStore

P = DynamicsParameters(engine="toy_walk:ENGINE")


def walk(temperature_K: float, energy_eV: float) -> SyntheticWalk:
    D = 2e-3 * np.exp(-energy_eV / (BOLTZMANN_EV_PER_K * temperature_K))
    return SyntheticWalk(float(D), n_ions=30, duration_ps=30.0, timestep_fs=40.0)


def simulate(store: MTLStore, temperature_K: float, energy_eV: float, material: str = "licl") -> None:
    """Put a simulation of a synthetic walk into the store."""
    (subject,) = store.structures.subjects(store.structures.current_ids({"material_id": material}))
    made = find_ordering(store, subject, 0, P)
    parameters = DiffusionParameters(n_surrogates=20)
    told: dict[str, Any] = analyse_diffusion(
        walk(temperature_K, energy_eV).trajectory(round(temperature_K)), "Li", temperature_K, parameters
    ).as_dict()
    low, high = told["interval_cm2_per_s"]
    analysed = trajectory(
        made,
        P,
        temperature_K,
        status=told["status"],
        diffusion=told,
        diffusivity_cm2_per_s=told["D_cm2_per_s"],
        diffusivity_low_cm2_per_s=low,
        diffusivity_high_cm2_per_s=high,
    )
    store.dynamics.add([analysed])
