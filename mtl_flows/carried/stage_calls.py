"""What stages of a screening are asked for: documents of some crystals, a few crystals at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal, Self

from pydantic import TypeAdapter

from mtl_flows import __version__
from mtl_flows.carried.call import Call, key_of
from mtl_flows.errors import ConfigurationError
from mtl_flows.records import Record, plain
from mtl_flows.schemas.base import content_hash, library_versions
from mtl_flows.stages import CRYSTAL_STAGES, PICTURE_STAGES, CrystalStage, ScreeningParameters, Subject
from mtl_flows.stages.work import Limits

PORTION: Final = 25
"""Crystals that are answered at a time: what a node loses that is cut off."""


@dataclass(frozen=True)
class StageChoice(Record):
    """Which stages, under which parameters.

    Attributes
    ----------
    stages
        Their nouns, with the version of each algorithm where it is asked.
    limits
        What a structure may cost.
    needed
        Stages whose documents they read, with their versions.
    """

    stages: dict[str, int]
    parameters: ScreeningParameters
    limits: Limits = field(default_factory=Limits)
    kind: Literal["stages"] = "stages"
    needed: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, stages: Sequence[CrystalStage[Any]], parameters: ScreeningParameters, limits: Limits) -> Self:
        """Choose stages."""
        versions = {stage.noun: stage.version for stage in carried_stages()}
        chosen = {stage.noun: stage.version for stage in stages}
        needed = {noun: versions[noun] for stage in stages for noun in stage.needs if noun not in chosen}
        return cls(chosen, parameters, limits, needed=needed)

    @property
    def key(self) -> str:
        """What tells it from other choices."""
        return content_hash([self.stages, self.parameters.as_dict()])

    @property
    def processors(self) -> int:
        """How many it uses at a time."""
        return max(1, self.limits.workers)

    def chosen(self) -> list[CrystalStage[Any]]:
        """Return the stages, each after those that it needs.

        Raises
        ------
        ConfigurationError
            If one, or one that it needs, is not known here or has another version.
        """
        here = {stage.noun: stage for stage in carried_stages()}
        for noun, version in {**self.needed, **self.stages}.items():
            found = here[noun].version if noun in here else None
            if found != version:
                raise ConfigurationError(
                    f"is version {version} where it is asked and "
                    f"{'not known' if found is None else f'version {found}'} here",
                    subject=f"stage {noun}",
                    remedy="use one version of mtl_flows on both sides, then mtl job rerun",
                )
        return [stage for stage in here.values() if stage.noun in self.stages]


def carried_stages() -> tuple[CrystalStage[Any], ...]:
    """Stages that other machines know by their nouns."""
    return (*CRYSTAL_STAGES, *PICTURE_STAGES)


def computing_here() -> dict[str, Any]:
    """Who computes where this runs: all that the documents of stages may follow from beside their parameters."""
    return {"code_version": __version__, "libraries": library_versions()}


def differing(computed_by: Mapping[str, Any]) -> str:
    """Say in which versions those who computed differ from what is installed here; empty where in none.

    Parameters
    ----------
    computed_by
        As `computing_here` gives it there; it may hold anything.
    """
    there, here = computed_by.get("libraries"), {**library_versions(), "mtl_flows": __version__}
    libraries = {**(there if isinstance(there, dict) else {}), "mtl_flows": computed_by.get("code_version")}
    return ", ".join(
        f"{name} {str(libraries[name])[:40]} (here {version})"
        for name, version in sorted(here.items())
        if libraries.get(name, version) != version
    )


@dataclass(frozen=True)
class Portion(Record):
    """A few crystals, and what is wanted of them.

    Attributes
    ----------
    crystals
        Structures of pymatgen as mappings, by id.
    wanted
        Ids of documents, by the noun of their stage.
    upstream
        Documents that they are made of and that are not wanted themselves, by the noun of their stage.
    """

    crystals: dict[str, dict[str, Any]]
    subjects: tuple[Subject, ...]
    wanted: dict[str, tuple[str, ...]]
    upstream: dict[str, tuple[dict[str, Any], ...]]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name; crystals and documents are as JSON holds them, and by far the most of it."""
        return {**vars(self), "subjects": plain(self.subjects)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "Portion":
        """Restore what `as_dict` wrote.

        Raises
        ------
        ValueError
            If it is none.
        """
        return _portions().validate_python(dict(told))


@dataclass(frozen=True)
class PortionAnswer(Record):
    """What became of a portion: every document that was wanted is in one of these, by the noun of its stage.

    Attributes
    ----------
    documents
        As JSON holds them.
    refused
        Errors that were written out, by the id of the document.
    left_out
        Ids of those that lack a document of another stage, which refused their crystal.
    code_version, libraries
        Who computed.
    """

    documents: dict[str, list[dict[str, Any]]]
    refused: dict[str, dict[str, dict[str, str]]]
    left_out: dict[str, list[str]]
    code_version: str
    libraries: dict[str, str]

    @classmethod
    def from_dict(cls, told: Any) -> "PortionAnswer":
        """Restore what `as_dict` wrote.

        Raises
        ------
        ValueError
            If it is none.
        """
        return _answers().validate_python(told)


def portion_key(ids: Mapping[str, Sequence[str]], limits: Limits) -> str:
    """Key of the question for documents, given by the nouns of their stages; what they follow from is in their ids.

    What is refused may follow from the limits as well.
    """
    allowed = [limits.timeout_s, limits.memory_MB] if limits.workers else []
    return key_of("stages", [[noun, sorted(set(ids[noun]))] for noun in sorted(ids)], allowed)


def portion_call(key: str, portion: Portion) -> Call:
    """Ask for what is wanted of a portion."""
    return Call("stages", key, portion.as_dict())


@cache
def _portions() -> TypeAdapter[Portion]:
    return TypeAdapter(Portion)


@cache
def _answers() -> TypeAdapter[PortionAnswer]:
    return TypeAdapter(PortionAnswer)
