"""The linear map from features to the space in which distances are taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtl_flows.records import Record


@dataclass(frozen=True, slots=True, eq=False)
class Scaler(Record):
    """The map ``(x - mean) / scale``, column by column.

    Attributes
    ----------
    mean, scale
        Shape (n_features,). The identity has zeros and ones.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def identity(cls, n_features: int) -> Self:
        """Return the scaler that changes nothing."""
        return cls(np.zeros(n_features), np.ones(n_features))

    @classmethod
    def standard(cls, features: NDArray[np.float64]) -> Self:
        """Return the scaler to zero mean and unit variance; a constant column is only centred."""
        spread = features.std(axis=0)
        noise = np.finfo(np.float64).eps * np.abs(features).max(axis=0) * len(features)
        return cls(features.mean(axis=0), np.where(spread > noise, spread, 1.0))

    def transform(self, features: ArrayLike) -> NDArray[np.float64]:
        """Scale features of shape (n, n_features)."""
        scaled: NDArray[np.float64] = (np.asarray(features, dtype=np.float64) - self.mean) / self.scale
        return scaled

    @classmethod
    def from_dict(cls, data: Mapping[str, Sequence[float]]) -> Self:
        """Restore a scaler from ``as_dict``."""
        return cls(np.asarray(data["mean"], dtype=np.float64), np.asarray(data["scale"], dtype=np.float64))
