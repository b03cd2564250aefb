"""Which parameters the screening of a store goes by: those chosen last, or the defaults."""

from dataclasses import replace
from datetime import UTC, datetime

from pydantic import TypeAdapter

from mtl_flows.schemas.screening import ScreeningDocument
from mtl_flows.science.chemistry import ChemistryParameters
from mtl_flows.stages import ScreeningParameters
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
