"""A row and its crystal as OPTIMADE's properties: pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import gcd, inf
from typing import Any, Final

import numpy as np
from optimade.models.utils import anonymize_formula
from pymatgen.core import Composition

from mtl_flows.science.elements import element_amounts
from mtl_flows.serve.optimade.properties import FRACTIONS, properties

ENTRY_TYPE: Final = "structures"
PERIODIC: Final = (1, 1, 1)

_LARGEST_UNIT: Final = 100  # formula units tried to make the numbers of a formula whole
_WHOLE_WITHIN: Final = 0.01
_FULL: Final = 1.0 - 1e-8


def proportions(amounts: Mapping[str, float]) -> dict[str, int]:
    """Return whole numbers of atoms in the ratios of a composition, as exactly as a hundred formula units can.

    Elements are in alphabetical order, and none is lost.
    """
    symbols = sorted(amounts)
    least = min(amount for amount in amounts.values() if amount > 0)
    values = [amounts[symbol] / least for symbol in symbols]
    chosen, nearest = 1, inf
    for units in range(1, _LARGEST_UNIT + 1):
        off = max(abs(units * value - round(units * value)) for value in values)
        if off < nearest:
            chosen, nearest = units, off
        if off <= _WHOLE_WITHIN:
            break
    whole = [max(1, round(chosen * value)) for value in values]
    shared = gcd(*whole)
    return {symbol: number // shared for symbol, number in zip(symbols, whole, strict=True)}


def queried(row: Mapping[str, Any], revision: Mapping[str, Any]) -> dict[str, Any]:
    """Return every property that filters may name.

    Parameters
    ----------
    row
        Fields of the candidate table.
    revision
        When the material's current revision was recorded (``recorded_at``), and whether atoms of its formula have no
        sites (``implicit_atoms``); empty if it has gone meanwhile.
    """
    amounts = element_amounts(Composition(row["reduced_formula"]))
    total = sum(amounts.values())
    whole = proportions(amounts)
    reduced = "".join(f"{symbol}{number if number > 1 else ''}" for symbol, number in whole.items())
    features = [*([] if row["ordered"] else ["disorder"])]
    features += ["implicit_atoms"] if revision.get("implicit_atoms") else []
    standard = {
        "id": row["material_id"],
        "type": ENTRY_TYPE,
        "immutable_id": row["structure_id"],
        "last_modified": _to_the_second(revision.get("recorded_at")),
        "elements": tuple(whole),
        "nelements": len(whole),
        "elements_ratios": tuple(amounts[symbol] / total for symbol in whole),
        "chemical_formula_descriptive": row["reduced_formula"],
        "chemical_formula_reduced": reduced,
        "chemical_formula_anonymous": anonymize_formula(reduced),
        "dimension_types": PERIODIC,
        "nperiodic_dimensions": sum(PERIODIC),
        "nsites": row["n_sites"],
        "structure_features": tuple(features),
        "space_group_it_number": row["space_group_number"],
    }
    ours = {one.name: row.get(one.field) for one in properties().values() if one.field}
    return standard | {n: tuple(v) if isinstance(v, list) else v for n, v in ours.items()}


def drawn(structure: Mapping[str, Any]) -> dict[str, Any]:
    """Return cell, sites and species of a crystal as `Structure.as_dict` has it.

    Parameters
    ----------
    structure
        Sites with fractional coordinates under ``abc``.
    """
    cell = np.array(structure["lattice"]["matrix"], dtype=float)
    fractions = np.array([site["abc"] for site in structure["sites"]], dtype=float)
    names: dict[tuple[tuple[str, float], ...], str] = {}
    at_sites = []
    for site in structure["sites"]:
        who = tuple(sorted((one["element"], float(one["occu"])) for one in site["species"]))
        if who not in names:
            names[who] = _named(who, set(names.values()))
        at_sites.append(names[who])
    return {
        "lattice_vectors": cell.tolist(),
        "cartesian_site_positions": (fractions @ cell).tolist(),
        FRACTIONS: fractions.tolist(),
        "species": [_species(name, who) for who, name in names.items()],
        "species_at_sites": at_sites,
    }


def _named(who: Sequence[tuple[str, float]], taken: set[str]) -> str:
    """Name of a species: the element where it fills the site, else elements with their shares."""
    full = len(who) == 1 and who[0][1] >= _FULL
    plain = who[0][0] if full else "".join(f"{symbol}{share:.5g}" for symbol, share in who)
    name, number = plain, 1
    while name in taken:
        number += 1
        name = f"{plain}-{number}"
    return name


def _species(name: str, who: Sequence[tuple[str, float]]) -> dict[str, Any]:
    symbols, shares = [symbol for symbol, _ in who], [share for _, share in who]
    vacant = 1.0 - sum(shares)
    if vacant > 1.0 - _FULL:
        symbols.append("vacancy")
        shares.append(vacant)
    return {"name": name, "chemical_symbols": symbols, "concentration": shares}


def _to_the_second(when: datetime | None) -> datetime | None:
    """The standard's times have no fractions of seconds."""
    if when is None:
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(microsecond=0)
