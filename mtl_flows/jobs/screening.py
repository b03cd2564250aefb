"""Which parameters a screening goes by: those it was made with, or the defaults of its ion."""

from dataclasses import replace

from pydantic import TypeAdapter
from pymatgen.core import Element

from mtl_flows.science.chemistry import ChemistryParameters
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.database import MTLStore


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
    name = name or store.screenings.default()
    if not store.screenings.existing([name]) and Element.is_valid_symbol(name):
        return ScreeningParameters(name)
    chosen = store.screenings.named(name).parameters
    return replace(TypeAdapter(ScreeningParameters).validate_python(chosen), name=name)


def register(store: MTLStore, parameters: ScreeningParameters) -> None:
    """Enter a screening unless one of its name is there."""
    store.screenings.register(parameters.screening, parameters.mobile_ion, parameters.as_dict())


def choose_chemistry(store: MTLStore, name: str, chemistry: ChemistryParameters) -> ScreeningParameters:
    """Let these rules hold from now on; the verdicts of others stay in the store under their own hash."""
    parameters = replace(screening_parameters(store, name), chemistry=chemistry)
    store.screenings.choose(parameters.screening, parameters.mobile_ion, parameters.as_dict())
    return parameters
