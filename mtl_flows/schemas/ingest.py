"""Documents of the ingest stage: structures, files read, rejections and releases."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mtl_flows.errors import InputError, MTLError
from mtl_flows.schemas.base import Document, Provenance, content_hash, utc_now
from mtl_flows.science.naming import names, source_key

REPEATED = "#"
"""Stands between the name of a data block and its number where an earlier block bears the name."""

_LONGEST = 2000


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
    missing_hydrogen: bool = Field(description="the formula holds hydrogen that no site accounts for")
    composition_mismatch: bool = Field(description="the sites do not add up to the declared formula")
    theoretical: bool = Field(description="calculated rather than measured")
    non_ambient: bool = Field(description="measured away from ambient temperature or pressure")
    poor_refinement: bool = Field(description="R factor above the limit")


class StructureDocument(Document):
    """One revision of one material, as its source gives it."""

    telling = ("reduced_formula", "n_sites", "space_group_symbol")

    material_id: str = Field(
        description="id of the material at its source, such as icsd-188887 or lif@our-lab"
    )
    names: list[str] = Field(
        default_factory=list,
        description="what it answers to, in lower case: id, the same without the source, database codes",
    )
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
    site_charges: list[dict[str, float]] = Field(
        default_factory=list,
        description="species with their oxidation states on each site of the crystal, such as Mn3+; empty unless atoms "
        "of one element differ in it",
    )
    implicit_hydrogens: float = Field(
        0.0, description="hydrogen atoms of the cell that the file gives no sites"
    )
    site_labels: list[str] = Field(
        default_factory=list, description="labels of the sites, in the order of the crystal's"
    )
    warnings: list[str] = Field(default_factory=list, description="what reading had to mend or assume")
    provenance: Provenance = Field(description="where the document comes from")

    @model_validator(mode="before")
    @classmethod
    def _answers_to_its_id(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and not fields.get("names") and "material_id" in fields:
            return {**fields, "names": names(fields["material_id"])}
        return fields

    @property
    def ordered(self) -> bool:
        """Whether every site holds one fully occupied species."""
        return self.flags.ordered


class RejectionEvent(BaseModel):
    """What became of a refusal at one time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: datetime = Field(description="UTC")
    accepted: bool = Field(description="it was resolved; else it was met, for the first time or again")
    release: str = Field("", description="release in which; empty for later stages")
    subject: str = Field("", description="file or structure that was refused; empty where it was resolved")
    file_sha256: str = Field("", description="hash of the file")
    message: str = Field("", description="what was wrong")


class RejectionDocument(Document):
    """Why a file or a material was refused by a stage.

    At ingest one document stands for a material and a reason, or, where no material could be read, for the source,
    the stem of the file and a reason, whatever folder and release the file lies in.
    """

    telling = ("subject", "stage", "reason")

    schema_version: int = Field(3, description="version of this document's layout")
    stage: str = Field(description="stage noun, such as ingest")
    subject: str = Field(description="file name or structure id; of several, the latest")
    reason: str = Field(description="reason code of the error, such as no_mobile_ion")
    message: str = Field(description="what was wrong")
    remedy: str = Field("", description="what can be done about it")
    file_sha256: str = Field("", description="hash of the file; empty for later stages")
    source: str = Field("", description="source that delivered the file; empty for later stages")
    file_stem: str = Field(
        "", description="name of the file without folder and ending; empty for later stages"
    )
    material_id: str = Field("", description="material concerned, where it is known")
    block: str = Field("", description="data block of a file with several, numbered where names repeat")
    lines: list[str] = Field(default_factory=list, description="lines of the file that it is about, numbered")
    releases: list[str] = Field(default_factory=list, description="releases it was met in")
    mobile_ion: str = Field(
        "", description="mobile ion the stage looked for; at ingest all of the project, with commas between"
    )
    elements: list[str] = Field(
        default_factory=list, description="elements of the sites, where the file holds none of these ions"
    )
    created_at: datetime = Field(description="UTC, first met")
    resolved: bool = Field(False, description="the subject was accepted later")
    resolved_at: datetime | None = Field(
        None,
        description="UTC; null while it was not, and where an early version did not say",
    )
    events: list[RejectionEvent] = Field(
        default_factory=list, description="when it was met and resolved, oldest first"
    )
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
        material_id: str = "",
        mobile_ion: str = "",
        provenance: Provenance | None = None,
    ) -> Self:
        """Document for `error` of a stage after ingest; the same refusal always gets the same id."""
        key = content_hash([stage, subject, error.reason, "", mobile_ion])
        return cls(
            id=key[:32],
            stage=stage,
            subject=subject,
            reason=error.reason,
            message=error.message,
            remedy=error.remedy,
            material_id=material_id,
            mobile_ion=mobile_ion,
            created_at=utc_now(),
            provenance=provenance,
        )

    @classmethod
    def of_file(
        cls,
        error: MTLError,
        *,
        subject: str,
        file_stem: str,
        source: str = "",
        file_sha256: str = "",
        material_id: str = "",
        mobile_ion: str = "",
        block: str = "",
        elements: Sequence[str] = (),
        provenance: Provenance | None = None,
    ) -> Self:
        """Document for `error` of reading a file of a source; the same refusal always gets the same id."""
        return cls(
            id=cls.file_key(source, material_id, file_stem, error.reason, block),
            stage="ingest",
            subject=subject[:_LONGEST],
            reason=error.reason,
            message=error.message[:_LONGEST],
            block=block,
            lines=list(error.lines) if isinstance(error, InputError) else [],
            remedy=error.remedy or "check the file",
            file_sha256=file_sha256,
            source=source,
            file_stem=file_stem,
            material_id=material_id,
            mobile_ion=mobile_ion,
            elements=list(elements),
            created_at=utc_now(),
            provenance=provenance,
        )

    def about(self, material_id: str) -> Self:
        """The same refusal of a material under another id."""
        key = self.file_key(self.source, material_id, self.file_stem, self.reason, self.block)
        return self.model_copy(update={"id": key, "material_id": material_id})

    def of_reason(self, reason: str) -> str:
        """Id of a refusal of the same file for another reason."""
        return self.file_key(self.source, self.material_id, self.file_stem, reason, self.block)

    def ended_in(self, release: str) -> bool:
        """Whether it stands no more because of what this release holds."""
        return self.resolved and bool(self.events) and self.events[-1].release == release

    def met_again(self) -> Self:
        """The same refusal, met now."""
        return self.model_copy(update={"created_at": utc_now(), "resolved": False, "resolved_at": None})

    @staticmethod
    def file_key(source: str, material_id: str, file_stem: str, reason: str, block: str = "") -> str:
        """Id of a refusal at ingest: of the material, else of the source, whatever its case, and the file's stem.

        A block whose name an earlier one of its file bears is told apart by its number.
        """
        about = [material_id] if material_id else [source_key(source), file_stem]
        if REPEATED in block:
            about.append(block)
        return content_hash(["ingest", *about, reason])[:32]


class FileDocument(Document):
    """Ledger of the files read: a file whose outcome stands here is not read again."""

    telling = ("name",)

    schema_version: int = Field(3, description="version of this document's layout")
    name: str = Field(description="file name, with the path inside its archive")
    stem: str = Field(description="name of the file without folder and ending")
    sha256: str = Field(description="hash of the file's bytes")
    parameters_hash: str = Field(description="hash of the parameters it was read with")
    structures: list[str] = Field(default_factory=list, description="ids of the revisions it holds")
    fingerprints: list[str] = Field(default_factory=list, description="fingerprint of each of `structures`")
    rejections: list[str] = Field(default_factory=list, description="ids of the rejections it caused")
    lacks: list[str] = Field(
        default_factory=list, description="mobile ions for lack of all of which something in it was refused"
    )
    code_version: str = Field("", description="version of mtl_flows that read it")
    read_at: datetime | None = Field(None, description="UTC, when it was read")


class DeliveryDocument(Document):
    """What a release holds of a material, and the file that delivered it."""

    telling = ("release", "structure_id")

    release: str = Field(description="name of the release")
    material_id: str = Field(description="material that it holds")
    structure_id: str = Field(description="revision of the material that it holds")
    file_name: str = Field(description="file that delivered it, with the path inside its archive")
    stem: str = Field(description="name of that file without folder and ending")

    @staticmethod
    def key(release: str, material_id: str) -> str:
        """Id of what a release holds of a material."""
        return content_hash([release, material_id])[:32]


class IngestRecord(BaseModel):
    """One ingest into a release."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(description="random identifier")
    started_at: datetime = Field(description="UTC")
    ended_at: datetime | None = Field(None, description="UTC; null while it runs, and if it was cut off")
    counts: dict[str, int] = Field(
        default_factory=dict, description="what it met so far, by what became of it"
    )
    parameters_hash: str = Field("", description="hash of the parameters it read with")
    mobile_ions: list[str] = Field(
        default_factory=list, description="ions that it looked for; empty where an early version did not say"
    )
    code_version: str = Field("", description="version of mtl_flows")


class ReleaseDocument(Document):
    """One delivery of files by a source."""

    telling = ("source", "date", "complete")

    schema_version: int = Field(4, description="version of this document's layout")
    name: str = Field(description="name the user gave it")
    source: str = Field("", description="name of the source, such as ICSD")
    sequence: int = Field(description="order of arrival, from 1")
    complete: bool = Field(False, description="what it does not hold has been withdrawn by the source")
    date: datetime = Field(
        description="UTC, decides its place among the releases; by default the first ingest"
    )
    created_at: datetime = Field(description="UTC, first ingest")
    ingests: list[IngestRecord] = Field(default_factory=list, description="every ingest, oldest first")
    provenance: Provenance | None = Field(
        None, description="code that entered it; null for releases of early versions"
    )

    def total(self, name: str) -> int:
        """Sum of one count over all ingests: of ``new`` and ``changed``, what the release brought."""
        return sum(ingest.counts.get(name, 0) for ingest in self.ingests)

    def latest(self, name: str) -> int | None:
        """One count of the latest ingest that ended; None if none has."""
        ended = [ingest for ingest in self.ingests if ingest.ended_at is not None]
        return ended[-1].counts.get(name) if ended else None
