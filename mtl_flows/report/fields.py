"""The documents' fields as a Markdown page, made from the models themselves."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pymongo import MongoClient

from mtl_flows.schemas.base import Document
from mtl_flows.store.database import MTLStore


def collections() -> dict[str, type[Document]]:
    """Name of each collection and the model of its documents, those that people query first."""
    unopened = MTLStore(MongoClient(connect=False), "unopened")
    models: dict[str, type[Document]] = {known.name: known.model for known in unopened.collections}
    return {"candidates": models.pop("candidates"), **models}


def fields_page() -> str:
    """Markdown page with one table for each collection and each record inside its documents."""
    lines = ["# Every field", "", "Made from the models by `python -m mtl_flows.report.fields`.", ""]
    nested: dict[str, type[BaseModel]] = {}
    for name, model in collections().items():
        lines += [f"## `{name}`", "", _first_line(model), "", *_table(model), ""]
        nested |= {record.__name__: record for record in _records(model)}
    for name, record in sorted(nested.items()):
        lines += [f"## {name}", "", _first_line(record), "", *_table(record), ""]
    return "\n".join(lines)


def _table(model: type[BaseModel]) -> Iterator[str]:
    yield "| field | type | meaning |"
    yield "|---|---|---|"
    for name, field in model.model_fields.items():
        meaning = (field.description or "").replace("|", "\\|")
        yield f"| `{field.alias or name}` | {_type(field.annotation)} | {meaning} |"


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join("null" if a is type(None) else _type(a) for a in arguments)
    if origin in (list, tuple):
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"mapping to {_type(arguments[1])}"
    if origin is not None:
        return ", ".join(f"`{argument}`" for argument in arguments)
    return getattr(annotation, "__name__", str(annotation))


def _records(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for field in model.model_fields.values():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield kind
                yield from _records(kind)


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


if __name__ == "__main__":
    print(fields_page())  # noqa: T201 - the page is the output
