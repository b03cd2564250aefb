"""What OPTIMADE tells of a structure: the standard's properties, and those of the candidate table under our prefix."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final, Literal

from mtl_flows.pages.overview import COLUMNS
from mtl_flows.schemas.candidates import CandidateDocument

Kind = Literal["string", "integer", "float", "boolean", "timestamp", "list"]

PREFIX: Final = "mtl"
FOREIGN: Final = "_"
"""What begins so and not with our prefix belongs to another provider."""

ALWAYS: Final = ("id", "type")
"""Of every entry, beside its attributes."""

_STANDARD: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "id": "string",
        "type": "string",
        "immutable_id": "string",
        "last_modified": "timestamp",
        "elements": "list",
        "nelements": "integer",
        "elements_ratios": "list",
        "chemical_formula_descriptive": "string",
        "chemical_formula_reduced": "string",
        "chemical_formula_anonymous": "string",
        "dimension_types": "list",
        "nperiodic_dimensions": "integer",
        "lattice_vectors": "list",
        "cartesian_site_positions": "list",
        "nsites": "integer",
        "species": "list",
        "species_at_sites": "list",
        "structure_features": "list",
        "space_group_it_number": "integer",
    }
)
FRACTIONS: Final = f"_{PREFIX}_fractional_site_positions"
DRAWN: Final = ("lattice_vectors", "cartesian_site_positions", FRACTIONS, "species", "species_at_sites")
"""Read of the crystal when an entry is told; nobody filters by them."""

_SAID_BY_THE_STANDARD = ("material_id", "reduced_formula", "n_sites", "n_elements", "space_group_number")
_ALSO: Final = ("crystal_id", "representative_id")
# By their codes in the Unified Code for Units of Measure, as the standard asks.
_UNITS: Final = {"_S_per_cm": "S/cm", "_eV_per_atom": "eV", "_eV": "eV", "_A": "Ao", "_V": "V"}
_KINDS: Final[Mapping[str, Kind]] = {"text": "string", "formula": "string", "flag": "boolean", "list": "list"}
_OURS: Final = {
    "immutable_id": "Id of the revision of the material.",
    "last_modified": "When this revision was ingested; results of later stages may be younger.",
}


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a structure.

    Attributes
    ----------
    unit
        As the Unified Code for Units of Measure writes it; empty where there is none.
    field
        Field of the candidate table that it is; empty for those of the standard.
    """

    name: str
    kind: Kind
    description: str
    unit: str = ""
    field: str = ""

    @property
    def is_queried(self) -> bool:
        """Whether filters may name it."""
        return self.name not in DRAWN

    @property
    def is_sortable(self) -> bool:
        """Whether entries can be sorted by it."""
        return self.kind != "list"

    def told(self) -> dict[str, object]:
        """Return what the endpoint ``info`` says of it."""
        unit = {"unit": self.unit} if self.unit else {}
        return {"description": self.description, **unit, "sortable": self.is_sortable, "type": self.kind}


@cache
def properties() -> Mapping[str, Property]:
    """Return all properties by their names, the standard's first."""
    from optimade.models import StructureResource, StructureResourceAttributes

    found = {}
    for name, kind in _STANDARD.items():
        model = StructureResource if name in ALWAYS else StructureResourceAttributes
        field = model.model_fields[name]
        described = _OURS.get(name) or (field.description or name).partition("\n\n")[0]
        extra = field.json_schema_extra
        unit = extra.get("x-optimade-unit") if isinstance(extra, dict) else None
        found[name] = Property(name, kind, described, str(unit or ""))
    exact = "Fractional coordinates of each site; exact, which what is computed of Cartesian ones is not."
    found[FRACTIONS] = Property(FRACTIONS, "list", exact)
    kinds = {column.field: column.kind for column in COLUMNS} | dict.fromkeys(_ALSO, "text")
    for name, kind_ in kinds.items():
        if name not in _SAID_BY_THE_STANDARD:
            ours = _own(name, kind_)
            found[ours.name] = ours
    return MappingProxyType(found)


def is_foreign(name: str) -> bool:
    """Whether a property belongs to another provider."""
    return name.startswith(FOREIGN) and not name.startswith(f"_{PREFIX}_")


@cache
def standard_names() -> frozenset[str]:
    """Names of the standard's properties, of those as well that are never known here."""
    from optimade.models import StructureResourceAttributes

    return frozenset({*ALWAYS, *StructureResourceAttributes.model_fields})


def _own(field: str, kind: str) -> Property:
    """Property of a field: its name in lower case, its unit beside it."""
    described = CandidateDocument.model_fields[field]
    ending = next((ending for ending in _UNITS if field.endswith(ending)), "")
    whole = described.annotation is int
    return Property(
        f"_{PREFIX}_{field.removesuffix(ending).lower()}",
        _KINDS[kind] if kind != "number" else "integer" if whole else "float",
        described.description or field,
        _UNITS.get(ending, ""),
        field,
    )
