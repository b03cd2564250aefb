"""Crystals, each kept once."""

from collections.abc import Iterable

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
