"""Every document: described, closed, frozen, and the same when it comes back from the server."""

import itertools
import types
import typing
from collections.abc import Iterator
from datetime import UTC, datetime
from math import inf
from typing import Any, get_args, get_origin

import pytest
from annotated_types import Ge
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pymatgen.core import Lattice, Structure
from samples import TINY, crystal, crystal_document, structure_document

from mtl_flows.schemas.base import CrystalResult, Document, RunDocument
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.science.topology import PROTOCOLS, TopologyParameters, compute_barcodes
from mtl_flows.stages import (
    BARCODES,
    CRYSTAL_STAGES,
    TOPOLOGY,
    ScreeningParameters,
    StageInput,
    Statement,
    Subject,
)
from mtl_flows.store.database import MTLStore

FLOATS = (inf, -inf, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, 3.0)


def test_every_document_has_a_collection(store: MTLStore) -> None:
    assert {collection.model for collection in store.collections} == set(leaves(Document))


def leaves(kind: type[Document]) -> Iterator[type[Document]]:
    """Documents that are written, not the bases they share; tests' own do not count."""
    children = [child for child in kind.__subclasses__() if child.__module__.startswith("mtl_flows")]
    if not children and kind is not RunDocument:
        yield kind
    for child in children:
        yield from leaves(child)


def models(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model and all that it holds."""
    yield kind
    for field in kind.model_fields.values():
        for part in parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from models(part)


def parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for argument in get_args(annotation):
        yield from parts(argument)


@pytest.mark.parametrize("kind", list(leaves(Document)), ids=lambda kind: kind.__name__)
def test_every_field_is_described_and_nothing_else_is_taken(kind: type[Document]) -> None:
    for model in set(models(kind)):
        assert {name for name, field in model.model_fields.items() if not field.description} == set()
        assert model.model_config["extra"] == "forbid", model
        assert model.model_config["frozen"], model
    full = example(kind, FullValues())
    with pytest.raises(ValidationError):
        kind.from_mongo({**full.to_mongo(), "unknown": 1})
    with pytest.raises(ValidationError):
        full.id = "other"


class FullValues:
    """Values that databases stumble over."""

    def __init__(self) -> None:
        floats = itertools.cycle(FLOATS)
        self.scalars = {
            str: lambda: "Å³ · σ",
            int: lambda: 2**62,
            bool: lambda: True,
            float: lambda: next(floats),
            bytes: lambda: bytes(range(256)),
            datetime: lambda: datetime(2024, 2, 29, 23, 59, 59, 999000, tzinfo=UTC),
            Any: lambda: {"a.b": (1, 2.5, None, "x", True, {"$c": (inf,)}), "": {}},
        }
        self.items = 2
        self.optional = True


class SparseValues:
    """As little as a document may hold."""

    def __init__(self) -> None:
        self.scalars = {
            str: str,
            int: lambda: 1,
            bool: bool,
            float: float,
            bytes: bytes,
            datetime: lambda: datetime(1970, 1, 1, tzinfo=UTC),
            Any: lambda: None,
        }
        self.items = 0
        self.optional = False


Values = FullValues | SparseValues


def example(kind: type[BaseModel], values: Values) -> Any:
    fields = {
        name: 1 if is_bounded(field) and values.optional else value_for(field.annotation, values)
        for name, field in kind.model_fields.items()
    }
    if issubclass(kind, Document):
        fields["id"] = type(values).__name__
        fields["schema_version"] = kind.model_fields["schema_version"].default
    return kind(**fields)


def is_bounded(field: FieldInfo) -> bool:
    return any(isinstance(constraint, Ge) for constraint in field.metadata)


def value_for(annotation: Any, values: Values) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in values.scalars:
        return values.scalars[annotation]()
    if origin is typing.Annotated:
        return value_for(arguments[0], values)
    if origin is typing.Literal:
        return arguments[-1]
    if origin in (typing.Union, types.UnionType):
        return value_for(arguments[0], values) if values.optional else None
    if origin is list:
        return [value_for(arguments[0], values) for _ in range(values.items)]
    if origin is dict:
        keys = get_args(arguments[0]) or [f"key {k}.{k}" for k in range(values.items)]
        return {key: value_for(arguments[1], values) for key in keys}
    assert issubclass(annotation, BaseModel), annotation
    return example(annotation, values)


@pytest.mark.parametrize("values", [FullValues, SparseValues])
def test_a_document_equals_its_copy_from_the_server(store: MTLStore, values: type[Values]) -> None:
    for collection in store.collections:
        document, key = example(collection.model, values()), values.__name__
        if isinstance(document, CandidateDocument):
            document = document.model_copy(update={"screening": "Li"})
            collection, key = store.under("Li").candidates, document.material_id
        assert collection.add([document]).inserted == 1
        assert collection.get(key) == document
        assert collection.add([document]).unchanged == 1
        collection.put([document])
        assert collection.put([document]).unchanged == 1
        assert list(collection.find()) == [document]
        # Bins serve the server's indexes alone.
        assert (collection.raw.find_one() or {}).keys() - {"bins"} == {
            field.alias or name for name, field in collection.model.model_fields.items()
        }


def test_what_science_finds_survives_the_server(store: MTLStore) -> None:
    """Evidence of the rules is whatever a rule saw fit to say: all of it must be BSON."""
    written: list[Document] = []

    def state(subject: Subject, structure: Structure, parameters: ScreeningParameters) -> None:
        upstream: dict[str, CrystalResult] = {}
        for stage in CRYSTAL_STAGES:
            header = stage.header(subject, parameters.of(stage), "job")
            given = StageInput(subject, structure, "Li", upstream)
            upstream[stage.noun] = stage.build(given, getattr(parameters, stage.section), header)
        written.extend(upstream.values())

    metal = Structure(Lattice.cubic(3.51), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    alone = Subject("metal.r1", "metal", ["metal"], "metal", "metal", "Li2", {}, 0.0)
    state(alone, metal, ScreeningParameters())
    for slug in TINY:
        revision = structure_document(slug)
        said = {name: getattr(revision, name) for name in get_args(Statement)}
        quick = ScreeningParameters(topology=TopologyParameters(extended=False))
        state(
            Subject(revision.id, revision.material_id, [], "", revision.crystal_id, **said),
            crystal(slug),
            quick,
        )
        written += [revision, crystal_document(slug)]
    of = {collection.model: collection for collection in store.collections}
    for document in written:
        of[type(document)].add([document])
        assert of[type(document)].get(document.id) == document
    read = store.topology.get(TOPOLOGY.header(alone, ScreeningParameters().of(TOPOLOGY)).id)
    assert read.v3_A == inf
    assert {protocol: len(features) for protocol, features in read.features.items()} == dict.fromkeys(
        PROTOCOLS, 22
    )
    barcodes = store.barcodes.get(BARCODES.header(alone, ScreeningParameters().of(BARCODES)).id)
    mobile, framework = barcodes.orbits[0].barcodes()
    (orbit,) = compute_barcodes(metal).orbits
    assert (mobile.pack(), framework.pack()) == (orbit.mobile.pack(), orbit.framework.pack())
    assert mobile.h0_deaths_A == pytest.approx(orbit.mobile.h0_deaths_A, rel=1e-6)
