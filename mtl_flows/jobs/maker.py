"""Base of the Makers here: parameters stay records, also after a trip through the database."""

from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

from jobflow import Maker
from pydantic import TypeAdapter


@dataclass
class RecordMaker(Maker):
    """Maker whose fields may be frozen dataclasses, nested as well.

    A job's document holds them as plain mappings; they are checked and made records again when the job is read.
    """

    def __post_init__(self) -> None:
        for name, adapter in _records_of(type(self)).items():  # type: ignore[arg-type]
            value = getattr(self, name)
            if isinstance(value, dict):
                setattr(self, name, adapter.validate_python(value))


@cache
def _records_of(maker: type[RecordMaker]) -> dict[str, TypeAdapter[Any]]:
    """What reads the fields of a Maker that are records; a job is read several times on its way."""
    kinds = get_type_hints(maker)
    names = [declared.name for declared in fields(maker) if is_dataclass(kinds[declared.name])]
    return {name: TypeAdapter(kinds[name]) for name in names}
