"""OPTIMADE: the structures that any provider holds and a filter chooses.

Follows OPTIMADE 1.2 (C. W. Andersen et al., Sci. Data 8, 217, doi:10.1038/s41597-021-00974-z; M. L. Evans et al.,
Digital Discovery 3, 1509, doi:10.1039/D4DD00039K).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element, Lattice, Structure

from mtl_flows.errors import SourceError, UnreadableStructureError
from mtl_flows.sources.release_folder import Origin, ReleaseFolder
from mtl_flows.sources.service import Service

FIELDS: Final = (
    *("lattice_vectors", "cartesian_site_positions", "species_at_sites", "species", "dimension_types"),
    *("structure_features", "last_modified"),
)
_VACANCY = "vacancy"
EXACT: Final = ("fractional_site_positions", "_mtl_fractional_site_positions")
"""Fractional coordinates as version 1.3 of the standard calls them, and as our own provider of version 1.2 does."""

# Fractions of Cartesian positions have rounding errors, which would make another crystal of what lies halfway between
# two numbers of five decimals.
_DECIMALS: Final = 12
_UNUSABLE: Final = {
    "assemblies": "its sites depend on each other (assemblies), which a crystal with occupancies cannot say",
    "implicit_atoms": "some of its atoms have no positions (implicit_atoms)",
    "site_attachments": "atoms are attached to sites without positions (site_attachments)",
}

Progress = Callable[[int, int | None], None]


def fetch_optimade(
    service: Service,
    address: str,
    filter_text: str,
    folder: Path,
    *,
    source: str,
    release: str,
    licence: str = "",
    page_limit: int = 100,
    progress: Progress = lambda done, of: None,
) -> ReleaseFolder:
    """Write the structures that a filter chooses into a release folder; disorder is kept.

    Parameters
    ----------
    address
        Base address of the provider, with or without its version, such as ``https://example.org/optimade/v1``.
    filter_text
        In OPTIMADE's language, such as ``elements HAS "Li" AND nelements=3``.
    source, release, licence
        Of the manifest; the licence as the provider states it, unless you do.

    Raises
    ------
    SourceError
        If the provider does not answer, or not as OPTIMADE says; what was fetched stays and is gone on with.
    ConfigurationError
        If the folder holds something else.
    """
    base = address.rstrip("/")
    if not base.rsplit("/", 1)[-1].startswith("v"):
        base += "/v1"
    told = service.get_json(f"{base}/info")
    origin = Origin(source, release, base, {"filter": filter_text}, licence or _licence(told))
    made = ReleaseFolder.open(folder, origin)
    if made.manifest.complete:
        return made
    fields = ",".join((*FIELDS, *_exact(service, base)))
    first = {"filter": filter_text, "page_limit": page_limit, "response_fields": fields}
    expected = None
    for page, following in _pages(service, f"{base}/structures", first, made.manifest.position):
        for resource in page["data"]:
            _take(made, resource)
        expected = (page.get("meta") or {}).get("data_returned", expected)
        made.reach(following)
        progress(len(made) + len(made.left_out), expected)
    if expected is not None and len(made) + len(made.left_out) < expected:
        raise service.error(
            f"said to have {expected} entries and gave {len(made) + len(made.left_out)}",
            base,
            "run the same command again",
        )
    made.finish()
    return made


def structure_of(attributes: Mapping[str, Any]) -> Structure:
    """Return a crystal as OPTIMADE describes it, occupancies included.

    Raises
    ------
    UnreadableStructureError
        If it is no crystal, lacks something, or says what occupancies cannot.
    """
    for feature in attributes.get("structure_features") or ():
        if feature in _UNUSABLE:
            raise UnreadableStructureError(_UNUSABLE[feature])
    if attributes.get("dimension_types") not in (None, [1, 1, 1]):
        raise UnreadableStructureError("not periodic in three dimensions")
    try:
        lattice = Lattice(attributes["lattice_vectors"])
        species = {each["name"]: _occupants(each) for each in attributes["species"]}
        sites = [species[name] for name in attributes["species_at_sites"]]
        places = _places(attributes, lattice)
        occupied = [(who, where) for who, where in zip(sites, places, strict=True) if who]
        who, where = zip(*occupied, strict=True)
        return Structure(lattice, who, where)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise UnreadableStructureError(f"is no whole crystal: {type(error).__name__}: {error}") from None


def _places(attributes: Mapping[str, Any], lattice: Lattice) -> NDArray[np.float64]:
    """Fractional coordinates of all sites."""
    for name in EXACT:
        if attributes.get(name):
            return np.array(attributes[name], dtype=float)
    cartesian = np.array(attributes["cartesian_site_positions"], dtype=float)
    fractions: NDArray[np.float64] = np.round(lattice.get_fractional_coords(cartesian), _DECIMALS)
    return fractions


def _exact(service: Service, base: str) -> list[str]:
    """Properties with exact coordinates that a provider has."""
    try:
        told = service.get_json(f"{base}/info/structures").get("data")
    except SourceError:
        return []
    has = told.get("properties") if isinstance(told, dict) else None
    return [name for name in EXACT if isinstance(has, dict) and name in has][:1]


def _occupants(species: Mapping[str, Any]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for symbol, share in zip(species["chemical_symbols"], species["concentration"], strict=True):
        if symbol == _VACANCY:
            continue
        if not Element.is_valid_symbol(symbol):
            raise ValueError(f"{symbol} is no element")
        shares[symbol] = shares.get(symbol, 0.0) + float(share)
    return shares


def _take(made: ReleaseFolder, resource: Mapping[str, Any]) -> None:
    entry = str(resource["id"])
    if entry in made:
        return
    try:
        structure = structure_of(resource.get("attributes") or {})
    except UnreadableStructureError as error:
        made.leave_out(entry, error.message)
    else:
        made.add(entry, ".json", json.dumps(structure.as_dict()).encode())


def _pages(
    service: Service, address: str, query: Mapping[str, Any], position: str
) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield pages, each with the address of the following one; begin at a position that still stands."""
    seen = set()
    following, asked = position or address, {} if position else query
    while following:
        if following in seen:
            raise service.error("its pages go in a circle", following, "report it to the provider")
        seen.add(following)
        try:
            page = service.get_json(following, asked)
        except SourceError:
            if following != position:
                raise
            # A cursor that has expired: from the beginning, past what is there.
            seen.clear()
            following, asked, position = address, query, ""
            continue
        data = page.get("data")
        if not isinstance(data, Sequence) or not all(isinstance(one, dict) and "id" in one for one in data):
            raise service.error("the answer holds no list of entries", following)
        link = (page.get("links") or {}).get("next")
        link = link.get("href") if isinstance(link, dict) else link
        following, asked = urljoin(following, link) if link else "", {}
        yield page, following


def _licence(info: Mapping[str, Any]) -> str:
    attributes = (info.get("data") or {}).get("attributes") or {}
    stated = attributes.get("available_licenses_for_entries") or attributes.get("available_licenses")
    if stated:
        return ", ".join(map(str, stated))
    link = attributes.get("license")
    return str(link.get("href", "") if isinstance(link, dict) else link or "")
