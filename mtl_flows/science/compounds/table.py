"""Reading a table of compounds (YAML)."""

import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import yaml
from pymatgen.core.periodic_table import Element

from mtl_flows.errors import ConfigurationError, InputError, OccupancyError
from mtl_flows.science.compounds.model import (
    AtomSite,
    Compound,
    Conductivity,
    Confidence,
    Coordinates,
    Source,
    SpaceGroup,
)

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DOI = re.compile(r"10\.\d{4,9}/\S+")
# The same in C, five times as fast, where PyYAML was built with it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_compounds(path: str | Path) -> tuple[Compound, ...]:
    """Read and check a table of compounds.

    Parameters
    ----------
    path
        YAML file: a list of mappings, one per compound.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, is not a list of mappings, or has an id twice.
    InputError
        If an entry is incomplete or malformed; the error names the compound.
    """
    file = Path(path)
    try:
        rows = yaml.load(file.read_text(encoding="utf-8"), Loader=_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"not a readable table of compounds: {error}", subject=str(file)) from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigurationError("the table of compounds is not a list of mappings", subject=str(file))
    compounds = tuple(parse_compound(row) for row in rows)
    ids = [compound.id for compound in compounds]
    repeated = sorted({slug for slug in ids if ids.count(slug) > 1})
    if repeated:
        raise ConfigurationError(f"ids occur more than once: {repeated}", subject=str(file))
    return compounds


def parse_compound(row: Mapping[str, Any]) -> Compound:
    """Turn one row of the table into a ``Compound``.

    Raises
    ------
    InputError
        If a field is missing, unknown or malformed; the error names the compound.
    """
    subject = str(row.get("id", "entry without id"))
    try:
        return _parse(dict(row))
    except KeyError as error:
        raise InputError(f"field {error} is missing", subject=subject) from error
    except (ConfigurationError, AttributeError, TypeError, ValueError, ZeroDivisionError) as error:
        raise InputError(f"the entry is malformed: {error}", subject=subject) from error


def _parse(row: dict[str, Any]) -> Compound:
    slug = str(row.pop("id"))
    if not _SLUG.fullmatch(slug):
        raise ValueError("the id is not a lower-case slug")
    group = SpaceGroup(**_only(row.pop("space_group"), {"symbol": str, "number": int, "setting": str}))
    _ = group.hall_number  # an unknown setting raises here, not when the structure is built
    a, b, c, alpha, beta, gamma = (_number(value) for value in row.pop("lattice"))
    sites = tuple(_parse_site(slug, entry) for entry in row.pop("sites"))
    if len({site.label for site in sites}) != len(sites):
        raise ValueError("site labels are repeated")
    conductivity = row.pop("conductivity", None)
    temperature_K, icsd = row.pop("temperature_K", None), row.pop("icsd", None)
    compound = Compound(
        id=slug,
        name=str(row.pop("name")),
        formula=str(row.pop("formula")),
        formula_units=_number(row.pop("formula_units")),
        family=str(row.pop("family")),
        space_group=group,
        lattice=(a, b, c, alpha, beta, gamma),
        sites=sites,
        source=_parse_source(row.pop("source")),
        coordinates=row.pop("coordinates", "published"),
        temperature_K=None if temperature_K is None else _number(temperature_K),
        icsd=None if icsd is None else int(icsd),
        conductivity=None if conductivity is None else _parse_conductivity(conductivity),
        known_conductor=bool(row.pop("known_conductor", False)),
        poor_conductor=bool(row.pop("poor_conductor", False)),
        article_finalist=bool(row.pop("article_finalist", False)),
        source_confidence=row.pop("source_confidence", "high"),
        note=str(row.pop("note", "")).strip(),
    )
    if row:
        raise ValueError(f"unknown fields {sorted(row)}")
    if compound.coordinates not in get_args(Coordinates):
        raise ValueError(f"coordinates are not one of {get_args(Coordinates)}")
    if compound.source_confidence not in get_args(Confidence):
        raise ValueError(f"source_confidence is not one of {get_args(Confidence)}")
    if (compound.coordinates != "published" or compound.source_confidence == "low") and not compound.note:
        raise ValueError("an entry that is not fully published needs a note")
    return compound


def _parse_site(slug: str, entry: Any) -> AtomSite:
    label, content, x, y, z = entry
    species = {content: 1} if isinstance(content, str) else content
    occupancies = {Element(symbol).symbol: _number(value) for symbol, value in species.items()}
    site = AtomSite(str(label), MappingProxyType(occupancies), (_number(x), _number(y), _number(z)))
    if min(occupancies.values()) <= 0 or site.occupancy > 1 + 1e-6:
        raise OccupancyError(f"the occupancy of site {label} is not between 0 and 1", subject=slug)
    return site


def _parse_source(entry: Mapping[str, Any]) -> Source:
    source = Source(**_only(entry, {"doi": str, "citation": str}))
    if not source.doi and not source.citation:
        raise ValueError("a source needs a DOI or a citation")
    if source.doi and not _DOI.fullmatch(source.doi):
        raise ValueError(f"'{source.doi}' is not a DOI")
    return source


def _parse_conductivity(entry: Mapping[str, Any]) -> Conductivity:
    fields = dict(entry)
    value = _number(fields.pop("S_per_cm"))
    if value <= 0:
        raise ValueError("the conductivity is not positive")
    return Conductivity(value, bool(fields.pop("below", False)), _parse_source(fields))


def _only(entry: Mapping[str, Any], fields: Mapping[str, type]) -> dict[str, Any]:
    unknown = sorted(set(entry) - set(fields))
    if unknown:
        raise ValueError(f"unknown fields {unknown}")
    return {key: fields[key](value) for key, value in entry.items()}


def _number(value: Any) -> float:
    """Read 0.25 and 1/4 alike: fractions keep special positions exact."""
    return float(Fraction(str(value)))
