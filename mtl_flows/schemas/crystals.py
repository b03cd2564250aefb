"""Document of a crystal: what is computed on, kept once however many files hold it."""

from typing import Self

from pydantic import Field
from pymatgen.core import Structure

from mtl_flows.schemas.base import Document, FreeForm, Provenance
from mtl_flows.science.crystals import crystal_hash

_ID_DIGITS = 24


def crystal_id(structure: Structure) -> str:
    """Id of a crystal: hash of cell, elements, occupancies and coordinates."""
    return crystal_hash(structure)[:_ID_DIGITS]


class CrystalDocument(Document):
    """One crystal, its sites in canonical order; site indices in other documents refer to it."""

    telling = ("reduced_formula", "n_sites")

    reduced_formula: str = Field(description="reduced formula of the sites")
    n_sites: int = Field(description="crystallographic sites in the cell, whatever their occupancy")
    structure: FreeForm = Field(
        description="pymatgen Structure, the cell given in the file, without labels or charges"
    )
    provenance: Provenance = Field(description="of the file it was first read from")

    @classmethod
    def of(cls, crystal: Structure, reduced_formula: str, provenance: Provenance) -> Self:
        """Document a crystal in canonical order."""
        return cls(
            id=crystal_id(crystal),
            reduced_formula=reduced_formula,
            n_sites=len(crystal),
            structure=crystal.as_dict(),
            provenance=provenance,
        )

    def to_structure(self) -> Structure:
        """Return the pymatgen structure."""
        return Structure.from_dict(self.structure)
