"""What an analysis of diffusion says: numbers, their status, and how they were come by."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from mtl_flows.records import Record
from mtl_flows.science.dynamics.parameters import DiffusionParameters
from mtl_flows.science.dynamics.tensor import DiffusionTensor

CM2_PER_S = 1e-4  # one Å²/ps


class DiffusionStatus(StrEnum):
    """What a diffusivity is worth."""

    CONVERGED = "converged"
    UPPER_BOUND = "upper_bound"
    FRAMEWORK_MELTED = "framework_melted"
    UNCONVERGED = "unconverged"


@dataclass(frozen=True, slots=True)
class SlopeFit:
    """The straight line through the mean square displacement, for diagnosis: it has no status.

    Attributes
    ----------
    D_cm2_per_s, standard_error_cm2_per_s
        Slope over six and its standard error.
    D_components_cm2_per_s
        Diffusivity along the Cartesian axes; their mean is the slope over six.
    D_charge_cm2_per_s, haven_ratio
        From the displacement of all ions together; noise at usual lengths, so for information only.
    n_effective_hops
        Jumps that the slope amounts to over the run and all ions.
    design_effect
        How many ions move as one, as far as errors are concerned.
    exponent
        Of MSD ∝ τ^β between the ends of the window; 1 in the diffusive regime.
    nonlinearity, nonlinearity_error
        Slope of the late half of the window less that of the early half, relative to the slope.
    window_ps
        Shortest and longest lag of the fit.
    lag_ps, msd_A2
        The mean square displacement, beyond the window too.
    tensor
        Diffusion by direction; absent from results stored before it was computed.
    degrees_of_freedom
        Of the standard error, for Student's t; absent from results stored before it was kept.
    """

    D_cm2_per_s: float
    standard_error_cm2_per_s: float
    D_components_cm2_per_s: tuple[float, float, float]
    D_charge_cm2_per_s: float
    haven_ratio: float
    n_effective_hops: float
    design_effect: float
    exponent: float
    nonlinearity: float
    nonlinearity_error: float
    window_ps: tuple[float, float]
    lag_ps: tuple[float, ...] = field(repr=False)
    msd_A2: tuple[float, ...] = field(repr=False)
    tensor: DiffusionTensor | None = None
    degrees_of_freedom: float | None = None

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Self:
        """Return what a stored result holds."""
        tensor = stored.get("tensor")
        return cls(**{**stored, "tensor": DiffusionTensor.from_dict(tensor) if tensor else None})


@dataclass(frozen=True, slots=True)
class DiffusionResult(Record):
    """Diffusion of one kind of ion at one temperature.

    Attributes
    ----------
    mobile_ion, temperature_K, n_mobile, number_density_per_A3
        Which ion, at what temperature, how many and how densely packed.
    status, reason
        What the numbers are worth, and why, in words.
    D_cm2_per_s
        Tracer diffusivity; absent where the status is ``upper_bound`` or ``framework_melted``, and where the
        run is too short to have a slope.
    interval_cm2_per_s
        Interval at the confidence level; (0, bound) for an upper bound; absent where nothing is known.
    relative_error
        Standard error over D; absent with D.
    n_hops
        Jumps counted, forward and back.
    framework_msd_A2, framework_msd_by_element_A2, max_framework_displacement_A
        Motion of the framework with vibration averaged out.
    mean_temperature_K
        Mean of the instantaneous temperature.
    production_ps, n_frames
        Length analysed.
    fit
        The fitted line; absent where the run is too short.
    parameters, method, versions
        Of this analysis.
    """

    mobile_ion: str
    temperature_K: float
    n_mobile: int
    number_density_per_A3: float
    status: DiffusionStatus
    reason: str
    D_cm2_per_s: float | None
    interval_cm2_per_s: tuple[float, float] | None
    relative_error: float | None
    n_hops: int
    framework_msd_A2: float
    framework_msd_by_element_A2: dict[str, float]
    max_framework_displacement_A: float
    mean_temperature_K: float
    production_ps: float
    n_frames: int
    fit: SlopeFit | None
    parameters: DiffusionParameters
    method: str
    versions: dict[str, str]

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Self:
        """Return what :meth:`as_dict` gave, of this version or an older one."""
        return cls(
            **{
                **stored,
                "status": DiffusionStatus(stored["status"]),
                "fit": SlopeFit.from_dict(stored["fit"]) if stored["fit"] else None,
                "parameters": DiffusionParameters(**stored["parameters"]),
            }
        )
