"""Tables of measured conductivities: OBELiX's columns, or any with an id and a conductivity."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf, nan
from pathlib import Path
from typing import Final, Literal

from mtl_flows.errors import InputError
from mtl_flows.science.known import canonical_id

Bound = Literal["", "<", ">"]

_UNITS_S_PER_CM: Final[Mapping[str, float]] = {
    "": 1.0,
    "s cm": 1.0,
    "s cm 1": 1.0,
    "s per cm": 1.0,
    "ms cm": 1e-3,
    "ms cm 1": 1e-3,
    "ms per cm": 1e-3,
    "s m": 1e-2,
    "s m 1": 1e-2,
    "s per m": 1e-2,
}
_DELIMITERS: Final = ",;\t"
_BOUNDS: Final[tuple[Bound, ...]] = ("<", ">")


@dataclass(frozen=True, slots=True)
class MeasuredConductivity:
    """One measured room-temperature ionic conductivity.

    Attributes
    ----------
    id
        Of the structure, as the table writes it.
    value_S_per_cm
        The conductivity, or the bound on it.
    bound
        ``"<"`` where the measurement only says that the conductivity is lower (below detection), ``">"`` for
        higher.
    family
        Structural family as the table writes it; empty if it does not say.
    icsd_id
        ``"icsd-12345"``, or empty.
    of_a_relative
        The structure under this id is that of a close relative of the compound measured (OBELiX's "close
        match").
    """

    id: str
    value_S_per_cm: float
    bound: Bound = ""
    family: str = ""
    icsd_id: str = ""
    of_a_relative: bool = False

    def is_superionic(self, threshold_S_per_cm: float) -> bool | None:
        """Whether the conductivity reaches the threshold; ``None`` where the bound leaves it open."""
        if self.bound == "<" and self.value_S_per_cm > threshold_S_per_cm:
            return None
        if self.bound == ">" and self.value_S_per_cm < threshold_S_per_cm:
            return None
        if self.bound == "<":
            return False
        return self.value_S_per_cm >= threshold_S_per_cm


def read_conductivity_table(
    path: str | Path, on_refused: Callable[[InputError], None] | None = None
) -> tuple[MeasuredConductivity, ...]:
    """Read a table of measured conductivities, with commas, semicolons or tabs between its columns.

    Columns are found by their names, in any case: ``id`` (or ``material_id``, ``structure_id``, ``name``);
    one whose name begins with or contains ``conductivity``, with its unit after it (S/cm if none; mS/cm and
    S/m are converted); optionally ``family``, ``icsd_id`` and ``close match``. Rows without a conductivity
    are left out, and so are repetitions of a row.

    Parameters
    ----------
    path
        A CSV file in UTF-8.
    on_refused
        Called with what is wrong with a row, which is then left out; if None, the first wrong row ends the reading.

    Returns
    -------
    tuple of MeasuredConductivity

    Raises
    ------
    InputError
        The file or a column is missing, a value cannot be read or is not positive, or an id comes twice.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            file.seek(0)
            reader = csv.DictReader(file, delimiter=max(_DELIMITERS, key=header.count))
            columns = _find_columns(reader.fieldnames or (), path)
            rows = []
            for row in reader:
                if not (row[columns.conductivity] or "").strip():
                    continue
                try:
                    rows.append(_read_row(row, columns, path))
                except InputError as error:
                    if on_refused is None:
                        raise
                    on_refused(error)
            rows = list(dict.fromkeys(rows))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot be read: {error}", subject=str(path)) from error
    repeated = [i for i, count in Counter(canonical_id(row.id) for row in rows).items() if count > 1]
    if repeated:
        raise InputError(f"ids come more than once: {', '.join(repeated[:5])}", subject=str(path))
    if not rows:
        raise InputError("the table holds no conductivity", subject=str(path))
    return tuple(rows)


@dataclass(frozen=True, slots=True)
class _Columns:
    id: str
    conductivity: str
    factor: float
    family: str
    icsd_id: str
    close_match: str


def _find_columns(names: Iterable[str], path: Path) -> _Columns:
    plain = {" ".join(re.findall(r"[a-z0-9]+", name.casefold())): name for name in names}

    def first(*wanted: str) -> str:
        return next((plain[name] for name in wanted if name in plain), "")

    identity = first("id", "material id", "structure id", "name")
    conductivity = next((name for name in plain if "conductivity" in name), "")
    if not identity or not conductivity:
        raise InputError(
            f"no column holds the {'conductivity' if identity else 'id'}",
            subject=str(path),
            remedy="name the columns id, conductivity_S_per_cm and, if known, family",
        )
    unit = conductivity.partition("conductivity")[2].strip()
    if unit not in _UNITS_S_PER_CM or "log" in conductivity:
        raise InputError(
            f"the unit of column {plain[conductivity]!r} is not known",
            subject=str(path),
            remedy="give conductivities in S/cm, mS/cm or S/m, not as logarithms",
        )
    return _Columns(
        id=identity,
        conductivity=plain[conductivity],
        factor=_UNITS_S_PER_CM[unit],
        family=first("family", "structural family"),
        icsd_id=first("icsd id", "icsd"),
        close_match=first("close match"),
    )


def _read_row(row: Mapping[str, str | None], columns: _Columns, path: Path) -> MeasuredConductivity:
    def text(column: str) -> str:
        return (row.get(column) or "").strip()

    material_id = text(columns.id)
    written = text(columns.conductivity)
    bound: Bound = next((sign for sign in _BOUNDS if written.startswith(sign)), "")
    try:
        value = float(written.removeprefix(bound)) * columns.factor
    except ValueError:
        value = nan
    if not 0 < value < inf or not material_id:
        raise InputError(
            f"row {material_id!r}: {written!r} is not a conductivity",
            subject=str(path),
            remedy="write a positive number, or <1E-10 for one below detection",
        )
    return MeasuredConductivity(
        id=material_id,
        value_S_per_cm=value,
        bound=bound,
        family=text(columns.family),
        icsd_id=_icsd_id(text(columns.icsd_id)),
        of_a_relative=text(columns.close_match).casefold() in ("yes", "true", "1"),
    )


def _icsd_id(code: str) -> str:
    """Return ``"icsd-12345"`` from a collection code that may have passed through a floating-point column."""
    digits = re.fullmatch(r"(?:icsd-?)?(\d+)(?:\.0+)?", code.casefold())
    return f"icsd-{digits[1]}" if digits else ""
