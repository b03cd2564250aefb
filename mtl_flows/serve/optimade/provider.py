"""Entries of a store: which a filter chooses, and all that is told of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mtl_flows.errors import QueryError
from mtl_flows.serve.optimade.asked import Fields, Listing
from mtl_flows.serve.optimade.catalogue import Catalogue
from mtl_flows.serve.optimade.entries import ENTRY_TYPE, drawn, queried
from mtl_flows.serve.optimade.filters import chosen_by
from mtl_flows.serve.optimade.properties import DRAWN, PREFIX, properties
from mtl_flows.serve.tables import Tables
from mtl_flows.store.database import MTLStore

Record = dict[str, Any]

_ALSO_READ = ("material_id", "structure_id", "reduced_formula", "n_sites", "space_group_number", "ordered")
_CRYSTAL = f"_{PREFIX}_crystal_id"


@dataclass(frozen=True, slots=True)
class Found:
    """A page of entries.

    Attributes
    ----------
    total, available
        How many the filter chooses, and how many there are.
    following
        Query of the next page's address; empty on the last.
    """

    entries: list[Record]
    total: int
    available: int
    following: str
    warnings: tuple[str, ...]


class Provider:
    """Answers from the rows of the store's own screening, in memory, and the crystals in the store."""

    def __init__(self, store: MTLStore, catalogues: Tables[Catalogue]) -> None:
        self._store = store
        self._catalogues = catalogues

    def page(self, listing: Listing) -> Found:
        """Return a page of what a filter chooses.

        Raises
        ------
        QueryError
            If the filter cannot be answered, or the page is of another list.
        """
        catalogue = self._catalogue()
        chosen = chosen_by(listing.filter, catalogue)
        try:
            page = catalogue.page(chosen.entries, listing.order, listing.limit, listing.after)
        except (TypeError, ValueError):
            raise QueryError(
                "is a place in a list of another order", subject="page_cursor", remedy="follow links.next"
            ) from None
        return Found(
            self._entries(catalogue, page.entries, listing.fields),
            page.total,
            catalogue.count,
            listing.following(page.last) if page.last else "",
            (*listing.warnings, *chosen.warnings),
        )

    def entry(self, entry_id: str, fields: Fields) -> Record:
        """Return one entry.

        Raises
        ------
        QueryError
            If there is none of that id.
        """
        catalogue = self._catalogue()
        place = catalogue.find(entry_id)
        if place is None:
            raise QueryError.of_status(404, "there is no such structure", subject=entry_id[:80])
        return self._entries(catalogue, [place], fields)[0]

    @property
    def available(self) -> int:
        """How many entries there are."""
        return self._catalogue().count

    def _catalogue(self) -> Catalogue:
        return self._catalogues.of(self._store.screenings.default()).table

    def _entries(self, catalogue: Catalogue, places: Sequence[int], fields: Fields) -> list[Record]:
        in_memory = [name for name in fields.known if name not in DRAWN]
        read = [name for name in fields.known if name in DRAWN]
        found = catalogue.told(places, ["id", _CRYSTAL, *in_memory])
        crystals = self._store.crystals.drawn(one[_CRYSTAL] for one in found) if read else {}
        entries = []
        for one in found:
            crystal = crystals.get(one[_CRYSTAL])
            sites = drawn(crystal) if crystal else dict.fromkeys(DRAWN)
            told = one | sites | dict.fromkeys(fields.unknown)
            names = (*fields.known, *fields.unknown)
            attributes = {name: told[name] for name in names}
            entries.append({"id": one["id"], "type": ENTRY_TYPE, "attributes": attributes})
        return entries


def read_catalogue(store: MTLStore) -> Catalogue:
    """Read the rows of a store's screening."""
    fields = {*_ALSO_READ, *(one.field for one in properties().values() if one.field)}
    revisions = store.structures.recorded()
    rows = store.candidates.fields(sorted(fields))
    return Catalogue(queried(row, revisions.get(row["structure_id"], {})) for row in rows)
