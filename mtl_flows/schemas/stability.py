"""Documents of the stability stage: electrochemical windows, and the energies they rest on."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from mtl_flows.schemas.base import Document, FreeForm, Provenance, RunDocument, shared
from mtl_flows.science.energies import EntryKind

if TYPE_CHECKING:
    # Phase diagrams take seconds to import, and every process reads the schemas.
    from mtl_flows.science.stability import WindowResult


class ProductRecord(BaseModel):
    """An amount of one phase."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    formula: str = Field(description="reduced formula")
    amount: float = Field(description="share of the atoms, or formula units per formula unit")


class PlateauRecord(BaseModel):
    """One plateau of the voltage profile."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    voltage_V: float = Field(description="voltage against the elemental mobile ion where the plateau begins")
    exchanged_per_formula: float = Field(
        description="mobile ions taken up (+) or given off (-) per formula unit"
    )
    products: list[ProductRecord] = Field(description="phases on the plateau, formula units per formula unit")


class HullRecord(BaseModel):
    """What the hull was made of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    elements: int = Field(description="distinct competing elements")
    binaries: int = Field(description="distinct competing compounds of two elements")
    higher: int = Field(description="distinct competing compounds of more elements")
    pairs_without_compound: list[str] = Field(description="pairs of elements without a competing compound")
    statement: str = Field(description="the same in a sentence")


class StabilityDocument(RunDocument):
    """Electrochemical window of one material against a hull of energies of one origin."""

    telling = ("low_V", "high_V", "e_above_hull_eV_per_atom")

    relaxation_id: str = Field("", description="the relaxed approximant; empty if the composition was judged")
    ordering_id: str = Field("", description="the approximant; empty if the composition alone was judged")
    engine_name: str = Field("", description="engine that gave every energy; empty for other providers")
    provider: EntryKind = Field("potential", description="materials_project, file or potential")
    energies: str = Field(description="label of the energies: potential and version, database, or file")
    energy_scale: str = Field(description="what the energies are comparable with")
    corrections: str = Field("", description="which corrections the energies carry")
    file_sha256: str = Field("", description="hash of the file of entries; empty for other providers")
    own_energy: str = Field("", description="what gave the material's own energy; empty if it has none")
    competing_phases: str = Field(
        "",
        description="hash of what competes: crystals of the phases relaxed with the potential, else the content of the "
        "file or answer; empty where version 1 did not say, and where nothing was relaxed",
    )
    older_hull: bool = Field(
        False, description="other phases compete by now: another window has taken the place of this one"
    )
    hull: HullRecord | None = Field(None, description="quality of the hull")
    formula: str = Field(description="reduced formula")
    status: Literal["known", "unknown"] = Field(description="unknown if an end member has no energy")
    missing: list[str] = Field(description="what is missing where the window is unknown")
    open_edges: list[str] = Field(description="edges that a missing compound would move inwards")
    low_V: float | None = Field(description="lower edge against the elemental mobile ion; null if unknown")
    high_V: float | None = Field(description="upper edge; null if unknown")
    width_V: float | None = Field(description="width; null if unknown, never zero for unknown")
    stability: Literal["stable", "metastable", "not_assessed"] = Field(description="on the hull, above it")
    on_hull: bool = Field(description="some phase of this composition lies on the hull")
    e_above_hull_eV_per_atom: float | None = Field(description="height above the hull; null if not assessed")
    decomposition: list[ProductRecord] = Field(description="equilibrium at rest, shares of the atoms")
    reduction_products: list[ProductRecord] = Field(description="what forms just below the lower edge")
    oxidation_products: list[ProductRecord] = Field(description="what forms just above the upper edge")
    voltage_profile: list[PlateauRecord] = Field(
        description="all plateaus, from the elemental mobile ion outwards"
    )
    n_competing_phases: int = Field(description="phases the hull was made of")
    skipped: dict[str, str] = Field(description="competing phases without an energy, with the reason")

    @classmethod
    def from_result(
        cls,
        key: str,
        result: "WindowResult",
        *,
        crystal_id: str,
        material_id: str,
        provenance: Provenance,
        parent_id: str = "",
        relaxation_id: str = "",
        ordering_id: str = "",
        engine_name: str = "",
        competing_phases: str = "",
    ) -> Self:
        """Document `result`; `competing_phases` is the hash of what competed."""
        told = shared(cls, result) | shared(cls, result.origin)
        for name in ("decomposition", "reduction_products", "oxidation_products"):
            told[name] = _products(getattr(result, name))
        told["voltage_profile"] = [
            PlateauRecord(**shared(PlateauRecord, step) | {"products": _products(step.products)})
            for step in result.voltage_profile
        ]
        return cls(
            id=key,
            material_id=material_id,
            crystal_id=crystal_id,
            parent_id=parent_id or crystal_id,
            relaxation_id=relaxation_id,
            parameters_hash=provenance.parameters.hash,
            provenance=provenance,
            ordering_id=ordering_id,
            engine_name=engine_name,
            provider=result.origin.kind,
            energies=result.origin.label,
            competing_phases=competing_phases,
            hull=HullRecord(**shared(HullRecord, result.quality)),
            n_competing_phases=result.quality.n_entries,
            skipped=dict(result.quality.skipped),
            **told,
        )


class EntryDocument(Document):
    """A provider's answer: one relaxed phase, a chemical system of the Materials Project, or a file of entries."""

    telling = ("key",)

    schema_version: int = Field(2, description="version of this document's layout")
    key: str = Field(
        description="potential, energy scale, cell treatment and hash of the structure; or source and system; or hash"
    )
    value: FreeForm = Field(description="relaxed structure and its energy, or a set of entries")
    provenance: Provenance | None = Field(
        None, description="when it was obtained and by which code; null for entries of early versions"
    )


def _products(amounts: Mapping[str, float]) -> list[ProductRecord]:
    return [ProductRecord(formula=formula, amount=float(amount)) for formula, amount in amounts.items()]
