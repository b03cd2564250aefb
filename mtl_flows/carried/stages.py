"""Stages that compute elsewhere: what came back of a portion, held against what was asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from mtl_flows.carried.failures import raised_there
from mtl_flows.carried.root import CarrierRoot
from mtl_flows.carried.stage_answers import restored
from mtl_flows.carried.stage_calls import PortionAnswer, carried_stages
from mtl_flows.errors import DamagedFolderError, MTLError
from mtl_flows.schemas.base import CrystalResult, Header

Asked = Mapping[str, Mapping[str, Header]]
"""What documents begin with, by the noun of their stage and their id."""


class CarriedResult(NamedTuple):
    """What became of one document.

    Attributes
    ----------
    outcome
        The document, the error that its crystal was refused with, or None where a stage before gave nothing.
    header
        What it begins with, as computed there.
    """

    outcome: CrystalResult | MTLError | None
    header: Header


Answered = Mapping[tuple[str, str], CarriedResult]
"""Results by the noun of their stage and the id of the document."""


@dataclass(frozen=True)
class CarriedStages:
    """Answers of stages among those of a carrier; their folders may hold anything."""

    root: CarrierRoot

    def answer(self, key: str, asked: Asked, wanted: Mapping[str, Sequence[str]]) -> Answered | None:
        """Return what came back of a portion; None if nothing did, or it is damaged: then it is asked anew.

        Parameters
        ----------
        asked
            All that may be answered.
        wanted
            What must be, by the noun of its stage.

        Raises
        ------
        DamagedFolderError
            If the answer is whole, but none to what was asked. Asked once more, it is asked anew.
        MTLError
            What was raised there, of no fault of a crystal. Asked once more, it is asked anew.
        """
        found = self.root.found(key)
        if found is None:
            return None
        if found.answer.error is not None:
            found.folder.forget(key)
            raise raised_there(found.answer.error)
        try:
            told = PortionAnswer.from_dict(found.answer.value)
            results = dict(_results(told, asked))
            if lacking := {(noun, one) for noun, ids in wanted.items() for one in ids} - results.keys():
                raise LookupError(f"nothing is said of {' '.join(min(lacking))}")
            return results
        except (ValueError, LookupError) as error:  # of pydantic, too
            found.folder.forget(key)
            raise DamagedFolderError(
                f"does not answer what was asked: {' '.join(str(error).split())[:200]}",
                subject=str(found.folder.path),
                remedy="see that both sides have one version of mtl_flows, then mtl job rerun",
            ) from None


def _results(told: PortionAnswer, asked: Asked) -> Iterator[tuple[tuple[str, str], CarriedResult]]:
    stages = {stage.noun: stage for stage in carried_stages()}
    for noun, documents in told.documents.items():
        if noun not in asked:
            raise LookupError(f"{noun} was not asked for")
        for one in documents:
            document = restored(stages[noun], one)
            header = _header(asked, noun, document.id)
            yield (noun, document.id), CarriedResult(_as_asked(document, header), header)
    by = {"code_version": told.code_version, "libraries": told.libraries}
    for noun, refused in told.refused.items():
        for key, error in refused.items():
            header = _header(asked, noun, key)
            provenance = header.provenance.model_copy(update=by)
            yield (noun, key), CarriedResult(raised_there(error), replace(header, provenance=provenance))
    for noun, left_out in told.left_out.items():
        for key in left_out:
            yield (noun, key), CarriedResult(None, _header(asked, noun, key))


def _header(asked: Asked, noun: str, key: str) -> Header:
    try:
        return asked[noun][key]
    except KeyError:
        raise LookupError(f"{noun} {key} was not asked for") from None


def _as_asked(document: CrystalResult, header: Header) -> CrystalResult:
    """Return a document as the job that asked for it writes it; what it was computed by and when stays.

    Raises
    ------
    ValueError
        If it is about something else.
    """
    known = type(document).model_fields["schema_version"].default
    there, here = document.provenance, header.provenance
    if (
        (document.crystal_id, document.parameters_hash, document.schema_version)
        != (header.crystal_id, header.parameters_hash, known)
        or there.parameters != here.parameters
        or there.inputs != here.inputs
    ):
        raise ValueError(f"{document.id} is made of something else, or by something else")
    return document.model_copy(update={"provenance": there.model_copy(update={"job": here.job})})
