"""What dynamics say of E_a and the conductivity at room temperature, of the simulation and of the crystal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log10
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mtl_flows.errors import DynamicsError
from mtl_flows.science.dynamics.belief import Belief, Priors
from mtl_flows.science.dynamics.conductivity import nernst_einstein
from mtl_flows.science.dynamics.posterior import infer
from mtl_flows.science.dynamics.readings import Reading, reading_as_dict, reading_from_dict, reading_of
from mtl_flows.science.dynamics.result import DiffusionResult
from mtl_flows.science.elements import ion_charge
from mtl_flows.science.quantiles import PROBABILITIES, Quantiles
from mtl_flows.vocabulary import ErrorSource

TARGET_TEMPERATURE_K = 300.0
CONDUCTING_S_PER_CM = 1e-4
"""σ(300 K) from which a material counts as a superionic conductor."""
ENERGIES_EV = (0.1, 1.0)
"""Activation energies that the study accepts."""


@dataclass(frozen=True, slots=True)
class PotentialError:
    """What a potential gets wrong in E_a: the simulation's less the crystal's, normal.

    Attributes
    ----------
    deviation_eV, bias_eV
        Standard deviation and mean.
    source
        Where they come from; ``default`` is wide enough for what universal potentials were seen to do, softened as they
        are (arXiv:2405.07105): Li6PS5Cl with CHGNet gives 0.35 S/cm where 3·10⁻⁵ to 3·10⁻³ is measured.
    """

    deviation_eV: float = 0.2
    bias_eV: float = 0.0
    source: ErrorSource = "default"


@dataclass(frozen=True, slots=True)
class Transport:
    """E_a and σ as distributions, with what they are asked for.

    Attributes
    ----------
    activation_energy_eV, conductivity_S_per_cm
        The latter at `TARGET_TEMPERATURE_K`.
    conducts
        P(σ ≥ `CONDUCTING_S_PER_CM`).
    within_energies
        P(E_a within `ENERGIES_EV`).
    """

    activation_energy_eV: Quantiles
    conductivity_S_per_cm: Quantiles
    conducts: float
    within_energies: float

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able copy; quantiles are those of `mtl_flows.science.quantiles.PROBABILITIES`."""
        return {
            "activation_energy_quantiles_eV": list(self.activation_energy_eV.values),
            "conductivity_300K_quantiles_S_per_cm": list(self.conductivity_S_per_cm.values),
            "P_conducts": self.conducts,
            "P_energy": self.within_energies,
        }

    @classmethod
    def of(cls, belief: Belief, number_density_per_A3: float, charge_e: float) -> Self:
        """Read a belief off.

        Parameters
        ----------
        number_density_per_A3, charge_e
            Of the mobile ions.
        """
        scale = _log10_conductivity_at_unit_D(number_density_per_A3, charge_e)
        energies = belief.energy_quantiles_eV(PROBABILITIES)
        conductivities = 10.0 ** (belief.log10_D_quantiles(PROBABILITIES, TARGET_TEMPERATURE_K) + scale)
        below, above = belief.energy_below(ENERGIES_EV)
        (poor,) = belief.log10_D_below((log10(CONDUCTING_S_PER_CM) - scale,), TARGET_TEMPERATURE_K)
        return cls(
            activation_energy_eV=Quantiles(tuple(energies.tolist())),
            conductivity_S_per_cm=Quantiles(tuple(conductivities.tolist()), logarithmic=True),
            conducts=float(1.0 - poor),
            within_energies=float(above - below),
        )


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that was simulated of one material under one potential.

    Attributes
    ----------
    readings
        Of each ordering, by temperature; several of one temperature are several runs.
    excluded
        Temperatures, with the reason, that say nothing.
    number_density_per_A3, charge_e
        Of the mobile ions.
    """

    readings: tuple[tuple[Reading, ...], ...]
    excluded: tuple[tuple[float, str], ...]
    number_density_per_A3: float
    charge_e: float
    priors: Priors = field(default_factory=Priors)

    @classmethod
    def of(cls, orderings: Sequence[Sequence[DiffusionResult]], *, priors: Priors = Priors()) -> Self:
        """Take what was analysed of each ordering.

        Raises
        ------
        DynamicsError
            If there is nothing, or the results are of different ions.
        """
        results = [result for ordering in orderings for result in ordering]
        if not results:
            raise DynamicsError("no results", remedy="run one temperature at least")
        if len({result.mobile_ion for result in results}) > 1:
            raise DynamicsError("results of different ions cannot be fitted together")
        told = [[(result, reading_of(result)) for result in ordering] for ordering in orderings]
        return cls(
            readings=tuple(
                tuple(reading for _, reading in ordering if reading is not None) for ordering in told
            ),
            excluded=tuple(
                (result.temperature_K, f"{result.status}: {result.reason}")
                for ordering in told
                for result, reading in ordering
                if reading is None
            ),
            number_density_per_A3=sum(r.number_density_per_A3 for r in results) / len(results),
            charge_e=ion_charge(results[0].mobile_ion),
            priors=priors,
        )

    @property
    def temperatures_K(self) -> tuple[float, ...]:
        """Those that say something, each once."""
        return tuple(sorted({r.temperature_K for ordering in self.readings for r in ordering}))

    def belief(self) -> Belief:
        """Return the posterior of the simulation alone.

        Raises
        ------
        DynamicsError
            If no temperature says anything.
        """
        return infer(self.readings, self.priors)

    def transport(self, belief: Belief) -> Transport:
        """Read a belief about it off."""
        return Transport.of(belief, self.number_density_per_A3, self.charge_e)

    def conductivity_below(
        self, belief: Belief, conductivity_S_per_cm: Sequence[float]
    ) -> NDArray[np.float64]:
        """Return P(σ < value) at `TARGET_TEMPERATURE_K` under a belief about it."""
        scale = _log10_conductivity_at_unit_D(self.number_density_per_A3, self.charge_e)
        return belief.log10_D_below(np.log10(conductivity_S_per_cm) - scale, TARGET_TEMPERATURE_K)

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Join what was observed of several orderings."""
        return replace(
            parts[0],
            readings=tuple(readings for part in parts for readings in part.readings),
            excluded=tuple(excluded for part in parts for excluded in part.excluded),
            number_density_per_A3=sum(part.number_density_per_A3 for part in parts) / len(parts),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able copy that `from_dict` reads."""
        return {
            "readings": [[reading_as_dict(r) for r in ordering] for ordering in self.readings],
            "excluded": [list(excluded) for excluded in self.excluded],
            "number_density_per_A3": self.number_density_per_A3,
            "charge_e": self.charge_e,
            "priors": self.priors.as_dict(),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Inverse of `as_dict`."""
        return cls(
            readings=tuple(tuple(map(reading_from_dict, ordering)) for ordering in stored["readings"]),
            excluded=tuple((temperature_K, reason) for temperature_K, reason in stored["excluded"]),
            number_density_per_A3=stored["number_density_per_A3"],
            charge_e=stored["charge_e"],
            priors=Priors.from_dict(stored["priors"]),
        )


def _log10_conductivity_at_unit_D(number_density_per_A3: float, charge_e: float) -> float:
    """Logarithm of σ in S/cm at `TARGET_TEMPERATURE_K` where D is 1 cm²/s: what turns log10 D into log10 σ."""
    return log10(nernst_einstein(1.0, number_density_per_A3, charge_e, TARGET_TEMPERATURE_K))
