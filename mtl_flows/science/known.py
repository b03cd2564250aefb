"""Known conductors: the article's list, and the one rule by which ids are compared."""

import csv
from collections.abc import Collection, Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray


def canonical_id(material_id: str) -> str:
    """Return the form in which ids are compared: no surrounding blanks, no distinction of case."""
    return material_id.strip().casefold()


@cache
def load_known_conductors() -> frozenset[str]:
    """Return the ids of the known lithium superionic conductors listed with the article.

    Returns
    -------
    frozenset of str
        193 ids such as ``"icsd-157654"``.

    Notes
    -----
    The list is what the article calls known (doi:10.1021/jacs.5c04828, Table S2). It is not a measurement:
    of its members with a measured room-temperature conductivity most lie below 1e-4 S/cm.
    """
    text = files("mtl_flows").joinpath("data/known_conductors.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(f"icsd-{row['icsd_id']}" for row in rows)


def is_known(ids: Sequence[str], known_ids: Collection[str]) -> NDArray[np.bool_]:
    """Mark which ids are known conductors, whatever their case.

    Parameters
    ----------
    ids
        Material ids, length n.
    known_ids
        Ids of known conductors; those that no material bears are ignored.

    Returns
    -------
    NDArray of bool, shape (n,)
    """
    known = {canonical_id(known_id) for known_id in known_ids}
    return np.fromiter(
        (canonical_id(material_id) in known for material_id in ids), dtype=bool, count=len(ids)
    )
