"""The order in which materials deserve a fixed budget of molecular dynamics."""

from collections.abc import Iterable, Sequence
from math import inf, log

_NARROWEST = 0.05
_HIGHEST_EV = 3.0
_SCALE_EV = 0.5


def channel_ratio(v3_A: float | None, d3_A: float | None) -> float:
    """Return v3/d3: a wide three-dimensional channel, crossed by short hops.

    Parameters
    ----------
    v3_A
        Largest radius of a sphere that travels through the framework in three dimensions, Å.
    d3_A
        Shortest mobile–mobile hop whose graph percolates in three dimensions, Å.

    Returns
    -------
    float
        At least 0. It is 0 where there is no three-dimensional path: v3 zero or ``None``, d3 infinite or
        ``None``; and where v3 is infinite, for then there is no framework.

    Raises
    ------
    ValueError
        A radius that is negative or not a number, or a hop length that is not positive.
    """
    radius = 0.0 if v3_A is None else v3_A
    hop = inf if d3_A is None else d3_A
    if not radius >= 0:
        raise ValueError(f"v3 must be a radius of at least 0 Å, not {v3_A}")
    if not hop > 0:
        raise ValueError(f"d3 must be a positive length, not {d3_A} Å")
    return radius / hop if radius < inf else 0.0


def priority(ratio: float, E_3D_eV: float) -> float:
    """Return the ranking score ln max(v3/d3, 0.05) − min(E_3D, 3 eV) / 0.5 eV; the higher, the sooner.

    A material without a barrier has none: it comes after all others, by v3/d3.

    Parameters
    ----------
    ratio
        v3/d3, as `channel_ratio` gives it.
    E_3D_eV
        Bond-valence barrier in three dimensions.
    """
    return log(max(ratio, _NARROWEST)) - min(E_3D_eV, _HIGHEST_EV) / _SCALE_EV


def rank(ids: Sequence[str], scores: Iterable[float], budget: int | None = None) -> tuple[str, ...]:
    """Return ids from the highest score down, equals by id; only the first ``budget`` if given."""
    ordered = sorted(zip(ids, scores, strict=True), key=lambda pair: (-pair[1], pair[0]))
    return tuple(material_id for material_id, _ in ordered[:budget])
