"""Documents of the ingest stage: structures, files read, rejections and releases."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from mtl_flows.errors import MTLError
from mtl_flows.schemas.base import Document, Provenance, content_hash, utc_now


class SourceFile(BaseModel):
    """The file, or the data block of a file, that a structure was read from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="file name, with the path inside its archive")
    sha256: str = Field(description="hash of the file's bytes")
    size_bytes: int = Field(description="size of the file")
    block: str = Field("", description="name of the data block; empty where the format has none")


class SourceMetadata(BaseModel):
    """What the file says of the measurement; `None` where it says nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature_K: float | None = Field(None, description="temperature of the measurement in K")
    pressure_kPa: float | None = Field(None, description="pressure of the measurement in kPa")
    r_factor: float | None = Field(None, description="R factor of the refinement, as a fraction")
    theoretical: bool = Field(False, description="calculated rather than measured")
    doi: str = Field("", description="DOI of the publication")
    title: str = Field("", description="title of the publication")
    declared_formula_sum: str = Field("", description="formula sum the file declares")
    declared_space_group: str = Field("", description="space-group symbol the file declares")


class StructureFlags(BaseModel):
    """What a curator may want to sort out; ingest keeps every flagged structure."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ordered: bool = Field(description="every site holds one fully occupied species")
    mobile_disordered: bool = Field(description="some mobile site is partly occupied or shared")
    framework_disordered: bool = Field(description="some framework site is partly occupied or shared")
    missing_hydrogen: bool = Field(description="the formula holds hydrogen that no site accounts for")
    composition_mismatch: bool = Field(description="the sites do not add up to the declared formula")
    theoretical: bool = Field(description="calculated rather than measured")
    non_ambient: bool = Field(description="measured away from ambient temperature or pressure")
    poor_refinement: bool = Field(description="R factor above the limit")


class StructureDocument(Document):
    """One revision of one material, as its source gives it."""

    material_id: str = Field(description="id of the material at its source, such as icsd-188887")
    revision: int = Field(ge=1, description="1 for the first content seen, one more for each change")
    current: bool = Field(False, description="the revision that stages work on")
    withdrawn: bool = Field(False, description="absent from the latest complete release of its source")
    representative_id: str = Field(
        "", description="material that stands for this one and its duplicates; empty until compared"
    )
    source: str = Field("", description="source that delivered it first, such as ICSD")
    releases: list[str] = Field(default_factory=list, description="releases that hold this revision")
    file: SourceFile = Field(description="where it was read")
    crystal_id: str = Field(description="id of the crystal that it holds")
    fingerprint: str = Field(description="hash of the crystal and of everything else the file says of it")
    formula: str = Field(description="formula as the file gives it")
    composition_key: str = Field(description="atomic fractions; only equal keys are compared for duplicates")
    reduced_formula: str = Field(description="reduced formula of the sites")
    chemical_system: str = Field(description="element symbols, sorted and joined by dashes")
    elements: list[str] = Field(description="element symbols, sorted")
    n_sites: int = Field(description="crystallographic sites in the cell, whatever their occupancy")
    n_atoms: float = Field(description="atoms in the cell, weighted by occupancy")
    space_group_number: int = Field(description="found by spglib, symprec 0.01 Å")
    space_group_symbol: str = Field(description="Hermann–Mauguin symbol found by spglib")
    volume_A3: float = Field(description="volume of the cell in Å³")
    density_g_cm3: float = Field(description="mass density in g/cm³")
    flags: StructureFlags = Field(description="what a curator may want to sort out")
    metadata: SourceMetadata = Field(description="what the file says of the measurement")
    oxidation_states: dict[str, float] = Field(
        default_factory=dict, description="mean oxidation state by element, where the file gives them"
    )
    implicit_hydrogens: float = Field(
        0.0, description="hydrogen atoms of the cell that the file gives no sites"
    )
    site_labels: list[str] = Field(
        default_factory=list, description="labels of the sites, in the order of the crystal's"
    )
    warnings: list[str] = Field(default_factory=list, description="what reading had to mend or assume")
    provenance: Provenance = Field(description="where the document comes from")

    @property
    def ordered(self) -> bool:
        """Whether every site holds one fully occupied species."""
        return self.flags.ordered


class RejectionDocument(Document):
    """Why a file or a material was refused by a stage."""

    schema_version: int = Field(2, description="version of this document's layout")
    stage: str = Field(description="stage noun, such as ingest")
    subject: str = Field(description="file name or structure id")
    reason: str = Field(description="reason code of the error, such as no_mobile_ion")
    message: str = Field(description="what was wrong")
    remedy: str = Field("", description="what can be done about it")
    file_sha256: str = Field("", description="hash of the file; empty for later stages")
    material_id: str = Field("", description="material concerned, where it is known")
    releases: list[str] = Field(default_factory=list, description="releases it was met in")
    mobile_ion: str = Field("", description="mobile ion the stage looked for")
    created_at: datetime = Field(description="UTC, first met")
    resolved: bool = Field(False, description="the subject was accepted later")
    provenance: Provenance | None = Field(
        None, description="where the refusal comes from; null where the stage recorded none"
    )

    @classmethod
    def of(
        cls,
        error: MTLError,
        *,
        stage: str,
        subject: str,
        file_sha256: str = "",
        material_id: str = "",
        mobile_ion: str = "",
        provenance: Provenance | None = None,
    ) -> Self:
        """Document for `error`; the same refusal always gets the same id."""
        key = content_hash([stage, subject, error.reason, file_sha256, mobile_ion])
        return cls(
            id=key[:32],
            stage=stage,
            subject=subject,
            reason=error.reason,
            message=error.message,
            remedy=error.remedy,
            file_sha256=file_sha256,
            material_id=material_id,
            mobile_ion=mobile_ion,
            created_at=utc_now(),
            provenance=provenance,
        )


class FileDocument(Document):
    """Ledger of the files read: a file whose outcome stands here is not read again."""

    schema_version: int = Field(2, description="version of this document's layout")
    name: str = Field(description="file name, with the path inside its archive")
    sha256: str = Field(description="hash of the file's bytes")
    parameters_hash: str = Field(description="hash of the parameters it was read with")
    structures: list[str] = Field(default_factory=list, description="ids of the revisions it holds")
    fingerprints: list[str] = Field(default_factory=list, description="fingerprint of each of `structures`")
    rejections: list[str] = Field(default_factory=list, description="ids of the rejections it caused")
    code_version: str = Field("", description="version of mtl_flows that read it")
    read_at: datetime | None = Field(None, description="UTC, when it was read")


class ReleaseDocument(Document):
    """One delivery of files by a source."""

    schema_version: int = Field(2, description="version of this document's layout")
    name: str = Field(description="name the user gave it")
    source: str = Field("", description="name of the source, such as ICSD")
    sequence: int = Field(description="order of arrival, from 1")
    complete: bool = Field(False, description="what it does not hold has been withdrawn by the source")
    counts: dict[str, int] = Field(default_factory=dict, description="summary of the latest ingest")
    created_at: datetime = Field(description="UTC, first ingest")
    updated_at: datetime = Field(description="UTC, latest ingest that ended")
    provenance: Provenance | None = Field(
        None, description="code that entered it; null for releases of early versions"
    )
