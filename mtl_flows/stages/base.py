"""What a stage is: a noun, a version, what it reads, the document it writes, and how that is built."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pymatgen.core import Structure

from mtl_flows.schemas.base import CrystalResult, Document, Header, Provenance, StageParameters
from mtl_flows.science.charges import with_charges
from mtl_flows.stages.subjects import Statement, Subject

D = TypeVar("D", bound=Document)
R = TypeVar("R", bound=CrystalResult)


def _nothing(document: Any) -> Mapping[str, float | bool | None]:
    return {}


@dataclass(frozen=True)
class Stage(Generic[D]):
    """One stage of the pipeline.

    Attributes
    ----------
    noun
        Its name everywhere: of its modules, of its collection, in parameters and rejections.
    version
        Of the algorithm; raised whenever the same input would give another result.
    document
        What it writes.
    """

    noun: str
    version: int
    document: type[D]

    def parameters(self, values: Mapping[str, Any], mobile_ion: str) -> StageParameters:
        """Key part that stage, version, ion and every parameter make."""
        return StageParameters(
            stage=self.noun, algorithm_version=self.version, mobile_ion=mobile_ion, values=dict(values)
        )


@dataclass(frozen=True)
class StageInput:
    """All that a stage may read to compute one document.

    Attributes
    ----------
    upstream
        Documents of the stages that it needs, by noun.
    """

    subject: Subject
    structure: Structure
    mobile_ion: str
    upstream: Mapping[str, CrystalResult] = field(default_factory=dict)

    @property
    def charged_structure(self) -> Structure:
        """The crystal with the oxidation states that the file writes on its sites."""
        return with_charges(self.structure, self.subject.site_charges, self.subject.oxidation_states)


@dataclass(frozen=True)
class CrystalStage(Stage[R]):
    """A stage that computes one document for each crystal, and what else it reads, alone.

    Attributes
    ----------
    section
        Field of `ScreeningParameters` that holds its parameters.
    values
        Those of its parameters that shape the result, by name.
    build
        Pure: the document of one input under these parameters; `header` is what every document begins with.
    reads
        What it reads beside the crystal.
    needs
        Stages whose documents it reads.
    collection
        Where its documents are kept; named like the stage if empty.
    in_table
        Rows of the candidate table are made of its documents.
    light
        It takes milliseconds for a structure: a batch of it alone is not worth the way to another machine.
    told
        What a document tells to gates, by name; `Facts.told` hands it to them.
    """

    section: str
    values: Callable[[Any], Mapping[str, Any]]
    build: Callable[[StageInput, Any, Header], R]
    reads: tuple[Statement, ...] = ()
    needs: tuple[str, ...] = ()
    collection: str = ""
    in_table: bool = True
    light: bool = False
    told: Callable[[R], Mapping[str, float | bool | None]] = _nothing

    def keyed(self, section: Any, mobile_ion: str) -> StageParameters:
        """Key part that the parameters in its section make."""
        return self.parameters(self.values(section), mobile_ion)

    def keys(self, subjects: Iterable[Subject], parameters: StageParameters) -> dict[str, str]:
        """Id of the document of each subject, by structure id; the parameters are hashed once."""
        ending = parameters.hash
        return {subject.structure_id: f"{subject.key(self.reads)}:{ending}" for subject in subjects}

    def header(self, subject: Subject, parameters: StageParameters, job: str = "") -> Header:
        """What the document of a subject begins with."""
        inputs = {"crystal": subject.crystal_id}
        if self.reads:
            inputs["statements"] = subject.key(self.reads).rpartition(".")[2]
        return Header(
            id=f"{subject.key(self.reads)}:{parameters.hash}",
            crystal_id=subject.crystal_id,
            parameters_hash=parameters.hash,
            provenance=Provenance.record(parameters, inputs, job),
        )
