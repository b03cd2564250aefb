"""Base of the Makers here: parameters stay records, also after a trip through the database."""

from dataclasses import dataclass, fields, is_dataclass
from typing import get_type_hints

from jobflow import Maker
from pydantic import TypeAdapter


@dataclass
class RecordMaker(Maker):
    """Maker whose fields may be frozen dataclasses, nested as well.

    A job's document holds them as plain mappings; they are checked and made records again when the job is read.
    """

    def __post_init__(self) -> None:
        kinds = get_type_hints(type(self))
        for declared in fields(self):
            kind, value = kinds[declared.name], getattr(self, declared.name)
            if is_dataclass(kind) and isinstance(value, dict):
                setattr(self, declared.name, TypeAdapter(kind).validate_python(value))
