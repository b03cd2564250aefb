"""Crystals, each kept once."""

from collections.abc import Iterable, Mapping
from typing import Any

from pymatgen.core import Structure
from pymongo import ASCENDING, IndexModel

from mtl_flows.schemas.crystals import CrystalDocument
from mtl_flows.store.collection import DocumentCollection


class CrystalCollection(DocumentCollection[CrystalDocument]):
    """What is computed on."""

    name = "crystals"
    model = CrystalDocument
    indexes = (IndexModel([("reduced_formula", ASCENDING)]),)

    def structures(self, crystal_ids: Iterable[str]) -> dict[str, Structure]:
        """Structures of these crystals, by id.

        Raises
        ------
        NotFoundError
            If one of them is not there.
        """
        wanted = sorted(set(crystal_ids))
        return {document.id: document.to_structure() for document in self.get_many(wanted)}

    def drawn(self, crystal_ids: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """These crystals as pymatgen's `Structure.as_dict` has them, by id, unchecked; those that are there."""
        query = {"_id": {"$in": sorted(set(crystal_ids))}}
        return {stored["_id"]: stored["structure"] for stored in self.raw.find(query, {"structure": 1})}
