"""One structure file into the documents it gives: structures and rejections."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path

from mtl_flows.errors import DocumentTooLargeError, InputError, MTLError, NoMobileIonError, SetAsideError
from mtl_flows.schemas.base import Provenance, StageParameters, content_hash
from mtl_flows.schemas.crystals import CrystalDocument
from mtl_flows.schemas.ingest import (
    RejectionDocument,
    SourceFile,
    SourceMetadata,
    StructureDocument,
    StructureFlags,
)
from mtl_flows.science.crystals import canonical
from mtl_flows.science.curation import ION_FILTERS, CurationLimits, disorder, flags, raised
from mtl_flows.science.duplicates import composition_key
from mtl_flows.science.naming import file_slug, material_id, names
from mtl_flows.science.reading import (
    FoundFile,
    ParsedBlock,
    ParsedStructure,
    Part,
    ReadingParameters,
    check_structure,
    lacking_ion,
    parts_of_file,
    read_part,
    reduced_formula,
    split_file,
)
from mtl_flows.science.symmetry import space_group
from mtl_flows.store.collection import within_limit

STAGE = "ingest"
# A file that is longer is read in parts of so many entries.
_LARGE_BYTES = 2**17
_ENTRIES_EACH = 50
# Entries that are longer may give documents that are too large.
_TO_WEIGH = 2**21
_SITES_TO_WEIGH = 20_000
ALGORITHM_VERSION = 2


@dataclass(frozen=True)
class Reading:
    """What one data block gave: a revision of a material, and the crystal it holds."""

    revision: StructureDocument
    crystal: CrystalDocument
    label: str = ""
    """Of its data block, where the file holds several."""


Documents = list[Reading | RejectionDocument]


@dataclass(frozen=True)
class IngestParameters:
    """What decides how a file is read and whether it is taken."""

    mobile_ions: tuple[str, ...] = ("Li",)
    reading: ReadingParameters = field(default_factory=ReadingParameters)
    curation: CurationLimits = field(default_factory=CurationLimits)
    drop: tuple[str, ...] = ()

    def stage(self) -> StageParameters:
        """Return the parameters as every document records them; ions only where what is taken is read by them."""
        values = asdict(self.reading) | {"curation": asdict(self.curation)}
        if self.drop:
            values["drop"] = sorted(self.drop)
        if not ION_FILTERS.isdisjoint(self.drop):
            values["mobile_ions"] = sorted(self.mobile_ions)
        values["site_tolerances"] = list(self.reading.site_tolerances)
        return StageParameters(stage=STAGE, algorithm_version=ALGORITHM_VERSION, mobile_ion="", values=values)


def parts_of(file: FoundFile) -> Iterable[FoundFile | Part]:
    """A file with many entries in parts, each made when it is asked for; any other as it is."""
    if isinstance(file.content, InputError) or len(file.content) < _LARGE_BYTES:
        return [file]
    parts = parts_of_file(file.name, file.content, _ENTRIES_EACH)
    try:
        first = list(islice(parts, 2))
    except InputError:
        return [file]
    return chain(first, parts) if len(first) > 1 else [file]


def singly(file: FoundFile | Part) -> list[Part]:
    """Entries of a file or of a part of it one by one; none of what cannot be split."""
    if isinstance(file, Part):
        return file.singly()
    if isinstance(file.content, InputError):
        return []
    try:
        return split_file(file.name, file.content, 1)
    except InputError:
        return []


def read_file(file: FoundFile | Part, parameters: IngestParameters, source: str = "") -> Documents:
    """Documents of everything one file of a source holds, or a part of it; revisions are provisional."""
    if isinstance(file, Part):
        return [_document(file, block, parameters, source) for block in read_part(file, parameters.reading)]
    if isinstance(file.content, InputError):
        return [rejection(file.content, file.name, "", parameters, source)]
    try:
        parts = split_file(file.name, file.content)
    except InputError as error:
        return [rejection(error, file.name, sha256(file.content).hexdigest(), parameters, source)]
    return [document for part in parts for document in read_file(part, parameters, source)]


def _document(
    part: Part, block: ParsedBlock, parameters: IngestParameters, source: str
) -> "Reading | RejectionDocument":
    """Document of one entry."""
    named = part.several or len(part.texts) > 1 or block.label != block.name
    label = block.label if named else ""
    subject = f"{part.file_name} [{label}]" if label else part.file_name
    parsed, material = block.result, ""
    try:
        if isinstance(parsed, InputError):
            raise lacking_ion(parsed, *parameters.mobile_ions)
        material = material_id(parsed.codes, parsed.stem, source)
        check_structure(
            parsed.structure, *parameters.mobile_ions, subject=subject, parameters=parameters.reading
        )
        _filter(parsed, parameters, subject)
        reading = _reading(parsed, parameters, material, source)
        if part.size_of_largest > _TO_WEIGH or len(parsed.structure) > _SITES_TO_WEIGH:
            within_limit(reading.revision, "structures")
            within_limit(reading.crystal, "crystals")
        return replace(reading, label=label)
    except (InputError, DocumentTooLargeError) as error:
        elements: list[str] = []
        if isinstance(error, NoMobileIonError):
            elements = (
                list(getattr(parsed, "elements", ()))
                if isinstance(parsed, InputError)
                else sorted(e.symbol for e in parsed.structure.composition.element_composition)
            )
        return rejection(
            error,
            part.file_name,
            part.file_sha256,
            parameters,
            source,
            material,
            block=label,
            elements=elements,
        )


def _filter(parsed: ParsedStructure, parameters: IngestParameters, subject: str) -> None:
    """Refuse what the user's filters drop."""
    if not parameters.drop:
        return
    where = disorder(parsed.structure, parameters.mobile_ions)
    found = raised(flags(parsed, parameters.curation), where, parameters.drop)
    if found:
        raise SetAsideError(
            f"set aside as {' and '.join(name.replace('_', ' ') for name in found)}",
            subject=subject,
            remedy=f"ingest it without --drop {','.join(found)} to take it",
        )


def _reading(parsed: ParsedStructure, parameters: IngestParameters, material: str, source: str) -> "Reading":
    structure, order = canonical(parsed.structure)
    composition = structure.composition.element_composition
    number, symbol = space_group(structure)
    provenance = Provenance.record(parameters.stage(), {"file": parsed.file_sha256}, STAGE)
    crystal = CrystalDocument.of(structure, reduced_formula(composition), provenance)
    metadata = asdict(parsed.metadata)
    site_charges = [dict(parsed.site_charges[int(i)]) for i in order] if parsed.site_charges else []
    said = [crystal.id, parsed.formula_text, metadata, parsed.oxidation_states, parsed.implicit_hydrogens]
    if site_charges:
        said.append(site_charges)
    document = StructureDocument(
        id=f"{material}.r1",
        material_id=material,
        revision=1,
        names=names(material, parsed.codes),
        source=source,
        file=SourceFile(
            name=parsed.file_name,
            sha256=parsed.file_sha256,
            size_bytes=parsed.file_size,
            block=parsed.block_name,
        ),
        crystal_id=crystal.id,
        fingerprint=content_hash(said),
        formula=parsed.formula_text,
        composition_key=composition_key(structure),
        reduced_formula=crystal.reduced_formula,
        chemical_system=composition.chemical_system,
        elements=sorted(element.symbol for element in composition),
        n_sites=len(structure),
        n_atoms=float(composition.num_atoms),
        space_group_number=number,
        space_group_symbol=symbol,
        volume_A3=float(structure.volume),
        density_g_cm3=float(structure.density),
        flags=StructureFlags(**asdict(flags(parsed, parameters.curation))),
        metadata=SourceMetadata(**metadata),
        oxidation_states=parsed.oxidation_states,
        site_charges=site_charges,
        implicit_hydrogens=parsed.implicit_hydrogens,
        site_labels=[parsed.structure[int(i)].label for i in order],
        warnings=list(parsed.warnings),
        provenance=provenance,
    )
    return Reading(document, crystal)


def stems(file_name: str, block: str) -> set[str]:
    """What a file and a block of it go by whatever the folder; refusals of either end once the block is read."""
    return {file_slug(Path(file_name)), file_slug(Path(file_name), block)}


def rejection(
    error: MTLError,
    file_name: str,
    digest: str,
    parameters: IngestParameters,
    source: str = "",
    material: str = "",
    *,
    block: str = "",
    elements: Sequence[str] = (),
) -> RejectionDocument:
    """Refusal of a file under the parameters it was read with; `block` is one of several in the file."""
    return RejectionDocument.of_file(
        error,
        subject=f"{file_name} [{block}]" if block else file_name,
        file_stem=file_slug(Path(file_name), block),
        file_sha256=digest,
        source=source,
        material_id=material,
        block=block,
        mobile_ion=",".join(parameters.mobile_ions),
        elements=elements,
        provenance=Provenance.record(parameters.stage(), {"file": digest} if digest else {}, STAGE),
    )
