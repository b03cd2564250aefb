"""Parameters that depart from the defaults, from a YAML file."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from mtl_flows.errors import ConfigurationError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

P = TypeVar("P", bound="DataclassInstance")


def read_parameters(path: Path, kind: type[P]) -> P:
    """Read what departs from the defaults of a dataclass of parameters; an empty file stands for the defaults.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, or holds a field that does not exist or a value of the wrong type.
    """
    known = sorted(field.name for field in fields(kind))
    try:
        chosen: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"cannot be read: {error}", subject=str(path), remedy="name a YAML file of parameters"
        ) from None
    if not isinstance(chosen, dict) or not chosen.keys() <= set(known):
        unknown = sorted(map(str, set(chosen) - set(known))) if isinstance(chosen, dict) else []
        raise ConfigurationError(
            f"unknown: {', '.join(unknown)}" if unknown else "not a list of `parameter: value`",
            subject=str(path),
            remedy=f"parameters are {', '.join(known)}",
        )
    try:
        return TypeAdapter(kind).validate_python(chosen)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(wrong, subject=str(path), remedy="mend the value") from None
