"""Diffusion by direction: the tracer tensor, its principal axes, and in how many dimensions ions move."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mtl_flows.errors import DynamicsError

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DiffusionTensor:
    """Tracer diffusion in all directions; a third of the trace is the diffusivity.

    Attributes
    ----------
    tensor_cm2_per_s
        Symmetric, in the Cartesian frame of the trajectory.
    principal_cm2_per_s
        Its eigenvalues, largest first; a small one may be negative by chance.
    principal_error_cm2_per_s
        Their standard errors: the variance of the diffusivity, shared out as for independent jumps along the axes.
    axes
        Unit vectors along which the principal values hold, one a row; where two values are equal within their
        errors the axes between them mean nothing.
    dimensionality
        (Σλ)² / Σλ² of the principal values: 1 in a channel, 2 in a layer, 3 where all directions are equal; None
        where nothing moves. Noise spreads the values and lowers it: by 0.15 of 3 where D is known to 15 %.
    """

    tensor_cm2_per_s: Matrix
    principal_cm2_per_s: Vector
    principal_error_cm2_per_s: Vector
    axes: Matrix
    dimensionality: float | None

    @classmethod
    def of(cls, tensor_cm2_per_s: FloatArray, standard_error_cm2_per_s: float) -> Self:
        """Diagonalise a tensor.

        Parameters
        ----------
        tensor_cm2_per_s
            Shape (3, 3), symmetric.
        standard_error_cm2_per_s
            Of a third of its trace.

        Raises
        ------
        DynamicsError
            If it is not symmetric.
        """
        if not np.allclose(tensor_cm2_per_s, tensor_cm2_per_s.T, rtol=1e-9, atol=1e-20):
            raise DynamicsError("the diffusion tensor is not symmetric")
        ascending, columns = np.linalg.eigh(tensor_cm2_per_s)
        values, axes = ascending[::-1], columns.T[::-1]
        # An axis has no sense of direction: the largest component is positive.
        axes = axes * np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1))
        moving = np.clip(values, 0.0, None)
        total = float(moving.sum())
        # Var D = Σ Var λ / 9, each in proportion to the number of jumps. For a walk without jumps it would be its
        # square: there the errors of small values come out too large, those of large ones a tenth too small.
        shares = np.abs(values) / np.abs(values).sum() if values.any() else np.zeros(3)
        errors = 3.0 * standard_error_cm2_per_s * np.sqrt(shares)
        return cls(
            tensor_cm2_per_s=_matrix(tensor_cm2_per_s),
            principal_cm2_per_s=_vector(values),
            principal_error_cm2_per_s=_vector(errors),
            axes=_matrix(axes),
            dimensionality=total**2 / float((moving**2).sum()) if total > 0.0 else None,
        )

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Self:
        """Return what a stored result holds."""
        return cls(
            tensor_cm2_per_s=_matrix(stored["tensor_cm2_per_s"]),
            principal_cm2_per_s=_vector(stored["principal_cm2_per_s"]),
            principal_error_cm2_per_s=_vector(stored["principal_error_cm2_per_s"]),
            axes=_matrix(stored["axes"]),
            dimensionality=stored["dimensionality"],
        )


def slope_tensor(displacements_A: FloatArray, lags: NDArray[np.intp], weights: FloatArray) -> FloatArray:
    """Return 3 Σ_k w_k ⟨Δr Δrᵀ⟩(τ_k): the tensor whose trace over three is Σ_k w_k MSD(τ_k).

    Parameters
    ----------
    displacements_A
        Displacements of the ions, shape (n_ions, n_frames, 3).
    lags
        Lags in frames.
    weights
        Weight of each lag, those of the diffusivity.

    Returns
    -------
    numpy.ndarray
        Shape (3, 3), symmetric; in Å² over the unit of time of the weights.
    """
    tensor = np.zeros((3, 3))
    for lag, weight in zip(lags, weights, strict=True):
        moved = (displacements_A[:, lag:] - displacements_A[:, :-lag]).reshape(-1, 3)
        tensor += 3.0 * weight / len(moved) * (moved.T @ moved)
    symmetric: FloatArray = 0.5 * (tensor + tensor.T)
    return symmetric


def _vector(values: Any) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _matrix(rows: Any) -> Matrix:
    a, b, c = (_vector(row) for row in rows)
    return a, b, c
