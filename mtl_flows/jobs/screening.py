"""Which parameters the screening of a store goes by: those chosen last, or the defaults."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from mtl_flows.errors import ConfigurationError
from mtl_flows.jobs.parameters import ScreeningParameters
from mtl_flows.schemas.screening import ScreeningDocument
from mtl_flows.science.chemistry import ChemistryParameters
from mtl_flows.store.database import MTLStore


def screening_parameters(store: MTLStore, mobile_ion: str) -> ScreeningParameters:
    """Parameters chosen last for this mobile ion; the defaults if none were."""
    if not store.screenings.existing([mobile_ion]):
        return ScreeningParameters(mobile_ion)
    chosen = store.screenings.get(mobile_ion).parameters
    return TypeAdapter(ScreeningParameters).validate_python(chosen)


def choose_chemistry(store: MTLStore, mobile_ion: str, chemistry: ChemistryParameters) -> ScreeningParameters:
    """Let these rules hold from now on; the verdicts of others stay in the store under their own hash."""
    parameters = replace(screening_parameters(store, mobile_ion), chemistry=chemistry)
    store.screenings.put(
        [ScreeningDocument(id=mobile_ion, parameters=parameters.as_dict(), chosen_at=datetime.now(UTC))]
    )
    return parameters


def read_chemistry(path: Path) -> ChemistryParameters:
    """Read what departs from the default rules from a YAML file of `ChemistryParameters`' fields.

    An empty file stands for the defaults.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, or holds a field that does not exist or a value of the wrong type.
    """
    known = sorted(ChemistryParameters.__dataclass_fields__)
    try:
        chosen = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"cannot be read: {error}", subject=str(path), remedy="name a YAML file of chemical parameters"
        ) from None
    if not isinstance(chosen, dict) or not chosen.keys() <= set(known):
        unknown = sorted(map(str, set(chosen) - set(known))) if isinstance(chosen, dict) else []
        raise ConfigurationError(
            f"unknown: {', '.join(unknown)}" if unknown else "not a list of `parameter: value`",
            subject=str(path),
            remedy=f"parameters are {', '.join(known)}",
        )
    try:
        return TypeAdapter(ChemistryParameters).validate_python(chosen)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(wrong, subject=str(path), remedy="mend the value") from None
