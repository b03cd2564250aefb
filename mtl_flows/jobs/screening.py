"""Which parameters a screening goes by: those it was made with, or the defaults of its ion."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from pymatgen.core import Element

from mtl_flows.errors import ConfigurationError, NotFoundError
from mtl_flows.stages import SCREENING_STAGES, ScreeningParameters
from mtl_flows.store.database import MTLStore
from mtl_flows.store.screening import Screenings


def screening_parameters(store: MTLStore, name: str = "") -> ScreeningParameters:
    """Parameters of a screening; of one that is named after an ion and not there yet, the defaults of that ion.

    Parameters
    ----------
    name
        Of the screening; the store's default if empty.

    Raises
    ------
    NotFoundError
        If there is no such screening, and no element of that name.
    """
    found = store.screenings.all()
    return parameters_among(found, name or found.default)


def parameters_among(found: Screenings, name: str) -> ScreeningParameters:
    """As `screening_parameters`, of screenings that were read."""
    if name not in found.names and Element.is_valid_symbol(name):
        return ScreeningParameters(name, name=name)
    return replace(_parameters(found.named(name).parameters), name=name)


def read_screening(path: Path, mobile_ion: str, name: str = "") -> ScreeningParameters:
    """Read what departs from the defaults of an ion, a section for each stage, as `as_yaml` writes it.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, names another ion, or holds a field that does not exist or a wrong value.
    """
    try:
        chosen: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"cannot be read: {error}", subject=str(path), remedy="name a YAML file of parameters"
        ) from None
    defaults = ScreeningParameters(mobile_ion, name=name).as_dict()
    if not isinstance(chosen, dict):
        raise ConfigurationError(
            "holds no sections", subject=str(path), remedy=f"sections are {', '.join(_sections(defaults))}"
        )
    if chosen.get("mobile_ion", mobile_ion) != mobile_ion:
        raise ConfigurationError(
            f"is about {chosen['mobile_ion']}, not {mobile_ion}", subject=str(path), remedy="name one ion"
        )
    try:
        return replace(_parameters(_overlaid(defaults, chosen, str(path))), name=name)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(wrong, subject=str(path), remedy="mend the value") from None


def as_yaml(parameters: ScreeningParameters) -> str:
    """Every parameter of a screening, a section for each stage, as `read_screening` takes it."""
    plain = TypeAdapter(ScreeningParameters).dump_python(parameters, mode="json", exclude={"name"})
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def register(store: MTLStore, parameters: ScreeningParameters) -> None:
    """Enter a screening unless one of its name is there."""
    store.screenings.register(parameters.screening, parameters.mobile_ion, _entry(parameters), _versions())


def choose_screening(store: MTLStore, parameters: ScreeningParameters) -> list[str]:
    """Enter a screening, or make sure that the one of its name goes by the same parameters.

    Returns
    -------
    list of str
        Stages whose algorithm this software has in another version than the one that screened last: their results are
        made anew, in place.

    Raises
    ------
    ConfigurationError
        If the name stands for other parameters.
    NotFoundError
        If there is no such element, or no structure holds it.
    """
    check_ion(store, parameters.mobile_ion)
    register(store, parameters)
    standing = store.screenings.named(parameters.screening)
    before = replace(_parameters(standing.parameters), name=parameters.name)
    if before != parameters:
        raise ConfigurationError(
            f"stands for other parameters ({', '.join(_differing(before, parameters))} differ)",
            subject=f"screening {parameters.screening}",
            remedy="give them a name of their own: --screening NAME --parameters FILE",
        )
    updated = sorted(n for n, v in _versions().items() if standing.versions.get(n, v) != v)
    store.screenings.note_versions(parameters.screening, _versions())
    return updated


def check_ion(store: MTLStore, mobile_ion: str) -> None:
    """Refuse to screen for an ion that does not exist or that nothing holds.

    Raises
    ------
    ConfigurationError
        If there is no such element.
    NotFoundError
        If no structure holds it.
    """
    if not Element.is_valid_symbol(mobile_ion):
        raise ConfigurationError("is no element", subject=mobile_ion, remedy="write its symbol, such as Na")
    if store.structures.count() and not store.structures.count({"elements": mobile_ion, "current": True}):
        raise NotFoundError(
            "no structure of the store holds it",
            subject=mobile_ion,
            remedy=f"mtl ingest -m {mobile_ion} PATH",
        )


def _entry(parameters: ScreeningParameters) -> dict[str, Any]:
    return replace(parameters, name="").as_dict()


def _versions() -> dict[str, int]:
    return {stage.noun: stage.version for stage in SCREENING_STAGES}


def _parameters(stored: Mapping[str, Any]) -> ScreeningParameters:
    return TypeAdapter(ScreeningParameters).validate_python(dict(stored))


def _sections(defaults: Mapping[str, Any]) -> list[str]:
    return [name for name, value in defaults.items() if isinstance(value, dict)]


def _overlaid(defaults: Mapping[str, Any], chosen: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Defaults with what was chosen in their place, section by section."""
    if unknown := sorted(map(str, set(chosen) - set(defaults))):
        raise ConfigurationError(
            f"unknown: {', '.join(unknown)}", subject=path, remedy=f"there are {', '.join(defaults)}"
        )
    return {
        name: _overlaid(value, chosen[name] or {}, f"{path}, {name}")
        if name in chosen and isinstance(value, dict) and isinstance(chosen[name], Mapping | None)
        else chosen.get(name, value)
        for name, value in defaults.items()
    }


def _differing(one: ScreeningParameters, other: ScreeningParameters) -> list[str]:
    before, after = _entry(one), _entry(other)
    return [name for name in before if before[name] != after[name]]
