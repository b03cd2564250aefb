"""What every document carries: a deterministic key, a schema version and its provenance."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mtl_flows import __version__
from mtl_flows.errors import ConfigurationError
from mtl_flows.records import plain

# Libraries whose version can change a number in the store.
_RECORDED_LIBRARIES = (
    "ase",
    "atomate2",
    "chgnet",
    "giotto-ph",
    "giotto-tda",
    "numpy",
    "pymatgen",
    "pymatgen-analysis-diffusion",
    "scikit-learn",
    "scipy",
    "sevenn",
    "spglib",
    "torch",
)

_LONGEST_SHOWN = 28
# `json.dumps` would make one for each of the hundreds of thousands of keys that a screening looks at.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def content_hash(content: Any) -> str:
    """SHA-256 of `content` as canonical JSON: sorted keys, shortest numbers, so 5 and 5.0 are the same."""
    return hashlib.sha256(_CANONICAL.encode(_plain(content)).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return int(value) if value.is_integer() else float(value)
    if value is None or isinstance(value, str | int):
        return value
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    raise TypeError(f"cannot hash a {type(value).__name__}")


@cache
def library_versions() -> dict[str, str]:
    """Versions of the installed libraries that can change a result."""
    found = {}
    for name in _RECORDED_LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


BYTES_IN_JSON: Final = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
"""How models write bytes into JSON, and read them."""

FreeForm = Annotated[dict[str, Any], AfterValidator(_listed)]
"""A mapping whose content the schema leaves open; tuples become lists, as the server keeps them."""


class StageParameters(BaseModel):
    """The parameters of one stage and the hash that keys its documents.

    The hash covers the stage, the version of its algorithm, the mobile ion and every parameter, so a change
    in any of them makes new documents beside the old ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str = Field(description="stage noun, such as topology")
    algorithm_version: int = Field(description="raised whenever the same input would give another result")
    mobile_ion: str = Field(description="element symbol of the mobile ion")
    values: FreeForm = Field(description="every parameter of the stage, units in the names")

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits that identify this set of parameters."""
        return content_hash(self.model_dump())[:16]


class Provenance(BaseModel):
    """Where a document comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    inputs: dict[str, str] = Field(description="content hash of every input, by name")
    parameters: StageParameters = Field(description="parameters of the stage")
    code_version: str = Field(description="version of mtl_flows")
    libraries: dict[str, str] = Field(description="versions of the libraries that can change the result")
    created_at: datetime = Field(description="UTC")
    job: str = Field(
        "",
        description="uuid of the job that wrote the document, or `ingest`; otherwise empty outside a workflow",
    )

    @classmethod
    def record(cls, parameters: StageParameters, inputs: Mapping[str, str], job: str = "") -> Self:
        """Provenance of a result computed now by the running code."""
        return cls(
            inputs=dict(inputs),
            parameters=parameters,
            code_version=__version__,
            libraries=library_versions(),
            created_at=utc_now(),
            job=job,
        )

    @classmethod
    def declared(cls, what: str, inputs: Mapping[str, str]) -> Self:
        """Provenance of what somebody states rather than computes, such as a label."""
        stated = StageParameters(stage=what, algorithm_version=1, mobile_ion="", values={})
        return cls.record(stated, inputs)


def utc_now() -> datetime:
    """Return the time, in the milliseconds MongoDB keeps, so that a document equals its copy from the store."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Document(BaseModel):
    """Base of everything written to the store: frozen, closed, keyed deterministically."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, ser_json_inf_nan="constants", **BYTES_IN_JSON
    )

    telling: ClassVar[tuple[str, ...]] = ()
    """Fields that the representation shows beside the id."""

    id: str = Field(alias="_id", description="deterministic key")
    schema_version: int = Field(1, description="version of this document's layout")

    def __repr__(self) -> str:
        shown = [f"{name}={_brief(getattr(self, name))}" for name in self.telling]
        return f"{type(self).__name__}({', '.join([_brief(self.id), *shown])})"

    def __str__(self) -> str:
        return repr(self)

    def to_mongo(self) -> dict[str, Any]:
        """Plain mapping with ``_id``, as the server keeps it."""
        return self.model_dump(by_alias=True)

    @classmethod
    def from_mongo(cls, stored: Mapping[str, Any]) -> Self:
        """Validate what the server returned.

        Raises
        ------
        ConfigurationError
            If a later version of mtl_flows wrote it.
        """
        known = cls.model_fields["schema_version"].default
        if stored.get("schema_version", 1) > known:
            raise ConfigurationError(
                f"written by a later mtl_flows (schema {stored['schema_version']}, this one knows {known})",
                subject=str(stored.get("_id", "")),
                remedy="update mtl_flows",
            )
        return cls.model_validate(dict(stored))


def shared(model: type[BaseModel], result: object) -> dict[str, Any]:
    """Return what a result holds under the names of a document's fields, as documents hold it."""
    return {name: plain(getattr(result, name)) for name in model.model_fields if hasattr(result, name)}


def _brief(value: Any) -> str:
    """Return a value in few characters: four digits of a number, both ends of a long text."""
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:20]}…{text[-6:]}"


@dataclass(frozen=True)
class Header:
    """What the document of a stage begins with, whatever the stage found."""

    id: str
    crystal_id: str
    parameters_hash: str
    provenance: Provenance

    def fields(self) -> dict[str, Any]:
        """Fields of the document, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class CrystalResult(Document):
    """Base of a stage's result for one crystal and what else it reads; materials of one crystal share it."""

    crystal_id: str = Field(description="id of the crystal")
    parameters_hash: str = Field(description="hash of the stage's parameters")
    provenance: Provenance = Field(description="where the document comes from")


class RunDocument(CrystalResult):
    """Base of what is simulated: it hangs on what was ordered, the crystal with the charges that its file gives."""

    parent_id: str = Field(
        description="key of what was ordered: the crystal, and the charges where a file gives some"
    )
    material_id: str = Field(
        description="material it was computed for first; the result belongs to the crystal"
    )


class PotentialRunDocument(RunDocument):
    """Base of what a potential gives for an ordered cell."""

    approximant_id: str = Field(description="id of the ordered cell")
    ordering_id: str = Field(description="ordering that it was computed for first")
    potential_id: str = Field(description="id of the potential")
    engine_name: str = Field(description="short name or import path of the engine")


class ReplicaDocument(PotentialRunDocument):
    """Base of what follows from one run of a relaxed cell."""

    replica: int = Field(description="which run of this cell it is")
    ordering: int = Field(description="number of the ordering")
    series: str = Field(description="hash of how its approximants were ordered, which all of a run share")
    relaxation_id: str = Field(description="id of the relaxed cell that it starts from")
