"""Stages that compute elsewhere: what came back of a portion, held against what was asked."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

from mtl_flows.carried.failures import raised_there
from mtl_flows.carried.folder import CalculationFolder
from mtl_flows.carried.root import CarrierRoot
from mtl_flows.carried.stage_answers import restored
from mtl_flows.carried.stage_calls import Portion, PortionAnswer, carried_stages
from mtl_flows.errors import DamagedFolderError, MTLError
from mtl_flows.schemas.base import CrystalResult, Header

Name = tuple[str, str]
"""Of a document: the noun of its stage, and its id."""


class AskedPortion(NamedTuple):
    """What a portion is asked for.

    Attributes
    ----------
    headers
        What each document begins with that may be answered, by the noun of its stage and its id.
    wanted
        Documents that must be.
    needs
        What each is made of beside its crystal.
    """

    headers: Mapping[str, Mapping[str, Header]]
    wanted: Set[Name]
    needs: Mapping[Name, Sequence[Name]]


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


Answered = Mapping[Name, CarriedResult]
"""Results by the names of the documents."""


@dataclass(frozen=True)
class CarriedStages:
    """Answers of stages among those of a carrier; their folders may hold anything."""

    root: CarrierRoot

    def answer(self, key: str, asked: AskedPortion) -> Answered | None:
        """Return what came back of a portion; None if nothing did, or what did is damaged or too little by now.

        What is of no use is dropped: it is asked anew.

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
        folder = found.folder
        if found.answer.error is not None:
            folder.forget(key)
            raise raised_there(found.answer.error)
        try:
            results = dict(_results(PortionAnswer.from_dict(found.answer.value), asked.headers))
            owed = cache(lambda: _owed(folder, key))
            _see_reasons(results, asked, owed)
            lacking = asked.wanted - results.keys()
            if lacking and (untold := lacking & owed()):
                raise LookupError(f"nothing is said of {' '.join(min(untold))}")
        except DamagedFolderError as error:  # of what was asked
            self.root.damaged.append(str(error))
            folder.forget(key)
            return None
        except (ValueError, LookupError) as error:  # of pydantic, too
            folder.forget(key)
            raise DamagedFolderError(
                f"does not answer what was asked: {' '.join(str(error).split())[:200]}",
                subject=str(folder.path),
                remedy="see that both sides have one version of mtl_flows, then mtl job rerun",
            ) from None
        if lacking:  # since it was asked, more has gone missing
            folder.forget(key)
            return None
        return results


def _owed(folder: CalculationFolder, key: str) -> set[Name]:
    """Documents that a portion was to compute, or was given.

    Raises
    ------
    DamagedFolderError
        If its question cannot be read any more.
    """
    try:
        (call,) = (call for call in folder.asked().calls if call.key == key)
        portion = Portion.from_dict(call.arguments)
        given = {(noun, str(one["_id"])) for noun, ones in portion.upstream.items() for one in ones}
    except (ValueError, KeyError):
        raise DamagedFolderError("does not hold what was asked any more", subject=str(folder.path)) from None
    return given | {(noun, one) for noun, ids in portion.wanted.items() for one in ids}


def _see_reasons(results: Answered, asked: AskedPortion, owed: Callable[[], Set[Name]]) -> None:
    """See that what is left out lacks a document: one that was refused, left out itself, or not there to be given.

    Raises
    ------
    LookupError
        If it lacks none.
    """
    for name, result in results.items():
        if result.outcome is None and not any(
            not isinstance(results[need].outcome, CrystalResult) if need in results else need not in owed()
            for need in asked.needs[name]
        ):
            raise LookupError(f"{' '.join(name)} is left out without a reason")


def _results(
    told: PortionAnswer, asked: Mapping[str, Mapping[str, Header]]
) -> Iterator[tuple[Name, CarriedResult]]:
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


def _header(asked: Mapping[str, Mapping[str, Header]], noun: str, key: str) -> Header:
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
