"""Structural families, and samples in which whole families are kept apart.

Materials of one family resemble each other in structure and in conductivity. A method that recognises
families scores well on a random half of a table without being able to find anything new, so what counts is
how it does on families that it has not seen.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Split = tuple[Mask, Mask]
Halves = Literal["same families", "new families"]


def family_name(label: str, chemical_system: str) -> str:
    """Return the name under which a material is grouped.

    Case and a plural "s" do not distinguish families. A material without a label belongs to a family of its
    own, named after its chemical system: leaving it out would favour the families that are well known, and
    pooling all such materials would invent a family.

    Parameters
    ----------
    label
        Family as a table gives it, or empty.
    chemical_system
        Elements joined by hyphens, such as ``"Li-P-S"``.
    """
    name = " ".join(label.casefold().split())
    return name.removesuffix("s") if name else chemical_system


def family_halves(families: Sequence[str], n_splits: int, seed: int) -> Iterator[Split]:
    """Yield random splits into two halves that share no family.

    Families in random order go to the first half until it holds half of the materials.

    Yields
    ------
    train, test
        Shape (n,) each, complementary.
    """
    rng = np.random.default_rng(seed)
    groups, member = np.unique(np.asarray(families), return_inverse=True)
    sizes = np.bincount(member)
    for _ in range(n_splits):
        order = rng.permutation(len(groups))
        before = np.cumsum(sizes[order]) - sizes[order]
        train = np.isin(member, order[before < len(member) / 2])
        yield train, ~train


def entry_halves(n: int, n_splits: int, seed: int) -> Iterator[Split]:
    """Yield random splits of ``n`` materials into two halves, families shared."""
    rng = np.random.default_rng(seed)
    for _ in range(n_splits):
        train = np.zeros(n, dtype=bool)
        train[rng.permutation(n)[: n // 2]] = True
        yield train, ~train


def has_both(positive: Mask, *subsets: Mask) -> bool:
    """Whether every subset holds superionic and other materials, so that scores can be learnt or judged."""
    return all(0 < np.count_nonzero(positive[subset]) < np.count_nonzero(subset) for subset in subsets)
