"""Bins of limited fields: how the server finds the best rows within limits without sorting all that meet them.

An index gives rows in order of priority only below equal keys. A range is none, a short list of bins is: the server
merges one ordered stream for each, stops at the limit, and judges the range itself on the keys. The bins are kept
beside a candidate's own fields, and only there.
"""

from collections.abc import Mapping
from math import floor, isnan
from typing import Any, Final, NamedTuple

FIELD: Final = "bins"
"""Sub-document of a stored row with one bin for each of `BINNED`; renamed if the bins ever change."""

NO_VALUE: Final = -1
"""Bin of a row without a value: outside every range, and different from a row whose bins were never written."""


class Bins(NamedTuple):
    """Equal bins of one field; the first and the last hold everything beyond.

    Attributes
    ----------
    low, width
        Where the second bin begins, and how wide each is, in the unit of the field.
    number
        How many there are.
    """

    low: float
    width: float
    number: int

    def of(self, value: float | None) -> int:
        """Bin of a value; never smaller for a larger value, whatever the rounding."""
        if value is None or isnan(value):
            return NO_VALUE
        top = self.low + self.width * self.number
        clipped = min(max(value, self.low - self.width), top)
        return min(max(floor((clipped - self.low) / self.width) + 1, 0), self.number - 1)

    def within(self, at_least: float | None, at_most: float | None) -> list[int]:
        """Every bin in which a value between the limits may be."""
        first = 0 if at_least is None else self.of(at_least)
        last = self.number - 1 if at_most is None else self.of(at_most)
        return list(range(first, last + 1))


# Over the values that lithium compounds take, so that a share of the bins is roughly a share of the rows.
BINNED: Final[Mapping[str, Bins]] = {
    "r_connected_A": Bins(2.0, 0.2, 25),
    "d3_A": Bins(2.0, 0.2, 25),
    "v3_A": Bins(1.0, 0.1, 17),
    "rho_cycles_published": Bins(0.1, 0.1, 11),
    "rho_cycles_text": Bins(0.1, 0.1, 11),
}


def bins_of(row: Mapping[str, Any]) -> dict[str, int]:
    """Bins of a row of the candidate table."""
    return {name: bins.of(row.get(name)) for name, bins in BINNED.items()}


def asked(limits: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, list[int]]]:
    """The bins that limits meet, as MongoDB reads it; true of every row within the limits.

    Parameters
    ----------
    limits
        ``$gte`` and ``$lte`` by field. Nothing is asked of fields without bins, nor where all bins are met.
    """
    met = {
        name: BINNED[name].within(limit.get("$gte"), limit.get("$lte"))
        for name, limit in limits.items()
        if name in BINNED
    }
    return {f"{FIELD}.{name}": {"$in": bins} for name, bins in met.items() if len(bins) < BINNED[name].number}
