"""Verdicts over a table of numbers, such as a publication's: no database, no calculation."""

import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from statistics import NormalDist
from types import MappingProxyType
from typing import Any

from mtl_flows.errors import ConfigurationError
from mtl_flows.science.measured import Measured
from mtl_flows.science.verdict import (
    ACTIVATION_ENERGY,
    WINDOW,
    Verdict,
    VerdictThresholds,
    decide,
)

_HALF_WIDTH_95 = NormalDist().inv_cdf(0.975)  # in standard errors

_ALIASES: Mapping[str, Sequence[str]] = {
    "id": ("id", "material_id", "icsd_id"),
    "formula": ("formula", "composition", "reduced_formula"),
    "source": ("source", "doi"),
    ACTIVATION_ENERGY: (ACTIVATION_ENERGY,),
    WINDOW: (WINDOW, "electrochemical_window_V"),
}


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """One row of a table and its verdict."""

    id: str
    formula: str
    verdict: Verdict

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-able form."""
        return {"id": self.id, "formula": self.formula, **self.verdict.as_dict()}


def published_table() -> Path:
    """Return the packaged table: the article's Table 1, and conductors with windows of another publication."""
    with as_file(files("mtl_flows") / "data" / "published_candidates.csv") as path:
        return path


@dataclass(frozen=True, slots=True)
class QuotedRow:
    """One row of a table: what it says of one material, by quantity."""

    id: str
    formula: str
    measured: Mapping[str, Measured]


def judge_table(
    path: Path, thresholds: VerdictThresholds = VerdictThresholds(window_uncertainty_V=0.0)
) -> list[JudgedRow]:
    """Judge each row of a CSV file.

    Parameters
    ----------
    path
        As `read_quantities` takes it, with any quantity that a criterion names.
    thresholds
        Criteria, and the half-width of the interval of windows that come without one.

    Raises
    ------
    ConfigurationError
        As `read_quantities`.
    """
    quantities = {criterion.quantity for criterion in thresholds.criteria}
    rows = read_quantities(path, quantities, {WINDOW: thresholds.window_uncertainty_V})
    return [JudgedRow(row.id, row.formula, decide(row.measured, thresholds)) for row in rows]


def read_quantities(
    path: Path, quantities: Collection[str], half_widths: Mapping[str, float] = MappingProxyType({})
) -> list[QuotedRow]:
    """Read quantities with their intervals and origins from a CSV file.

    Parameters
    ----------
    path
        Columns: ``id`` (or ``material_id``, ``icsd_id``), ``formula`` (or ``composition``) and some of the quantities;
        ``electrochemical_window_V`` stands for ``window_V``, and ``source`` for the origin. With ``QUANTITY_error``
        (standard error) or ``QUANTITY_low`` and ``QUANTITY_high`` a quantity is an interval, otherwise it is taken at
        face value. An empty cell is unknown.
    half_widths
        Of the intervals of quantities that come without one.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, lacks a column, or a cell is no number.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot be read: {error}", subject=path.name) from error
    if not rows:
        raise ConfigurationError("has no rows", subject=path.name)
    names = {wanted: _column(rows[0], wanted) for wanted in {"id", "formula", "source", *quantities}}
    if not any(names[quantity] for quantity in quantities):
        raise ConfigurationError(
            f"has no column {' or '.join(sorted(quantities))}",
            subject=path.name,
            remedy=f"its columns are {', '.join(map(str, rows[0]))}",
        )
    quoted = []
    for number, row in enumerate(rows, start=2):
        where = f"{path.name}, line {number}"
        origin = row.get(names["source"]) or path.name
        measured = {
            quantity: _measured(row, names[quantity], origin, where, half_widths.get(quantity, 0.0))
            for quantity in quantities
        }
        quoted.append(
            QuotedRow(row.get(names["id"]) or str(number - 1), row.get(names["formula"]) or "", measured)
        )
    return quoted


def _column(row: Mapping[str, Any], wanted: str) -> str:
    return next((name for name in _ALIASES.get(wanted, (wanted,)) if name in row), "")


def _measured(row: Mapping[str, Any], name: str, origin: str, where: str, half_width: float) -> Measured:
    value = _number(row, name, where)
    if value is None:
        return Measured.unusable(origin, note="not in the table")
    low, high = _number(row, f"{name}_low", where), _number(row, f"{name}_high", where)
    error = _number(row, f"{name}_error", where)
    if error is not None:
        half_width = _HALF_WIDTH_95 * error
    try:
        return Measured(
            value,
            value - half_width if low is None else low,
            value + half_width if high is None else high,
            origin,
        )
    except ConfigurationError as problem:
        raise ConfigurationError(problem.message, subject=where) from problem


def _number(row: Mapping[str, Any], name: str, where: str) -> float | None:
    text = (row.get(name) or "").strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(f"{text!r} is no number", subject=f"{where}, {name}") from None
