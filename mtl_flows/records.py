"""The one way from a record to what JSON and MongoDB hold."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any


class Record:
    """Base of dataclasses that are written out."""

    __slots__ = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name, records and sequences in them as mappings and lists."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]


def plain(value: Any) -> Any:
    """Return a value without records, tuples, arrays and enumerations in it."""
    if isinstance(value, Record):
        return value.as_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return value.tolist() if type(value).__module__ == "numpy" else value
