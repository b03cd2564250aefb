"""The chemical rules."""

from collections.abc import Mapping

from pymatgen.core import Structure

from mtl_flows.schemas.base import Header
from mtl_flows.schemas.chemistry import ChemistryDocument
from mtl_flows.science.charges import SiteCharges
from mtl_flows.science.chemistry import ChemistryParameters, ChemistryReport, check_chemistry
from mtl_flows.science.chemistry.rules import VERSION
from mtl_flows.stages.base import CrystalStage, StageInput

States = tuple[SiteCharges, Mapping[str, float]]
"""Oxidation states that a file gives: site by site, and as means by element."""


def apply_rules(
    structure: Structure,
    charged_structure: Structure,
    stated: States,
    mobile_ion: str,
    parameters: ChemistryParameters,
    formula: str | None,
) -> ChemistryReport:
    """Apply the rules to a crystal and what its file states of it.

    Parameters
    ----------
    charged_structure
        The crystal with the oxidation states that the file writes on its sites.
    stated
        Where atoms of one element differ, site by site; else the means by element.
    """
    site_charges, means = stated
    return check_chemistry(
        charged_structure if site_charges else structure,
        mobile_ion,
        parameters,
        # A mean may hide very different atoms and is judged as one.
        oxidation_states=None if site_charges else means,
        formula_text=formula,
    )


def _build(given: StageInput, parameters: ChemistryParameters, header: Header) -> ChemistryDocument:
    file = given.subject
    stated = file.site_charges, file.oxidation_states
    report = apply_rules(
        given.structure, given.charged_structure, stated, given.mobile_ion, parameters, file.formula
    )
    return ChemistryDocument.of(header, report)


CHEMISTRY = CrystalStage(
    noun="chemistry",
    version=VERSION,
    document=ChemistryDocument,
    section="chemistry",
    values=ChemistryParameters.as_dict,
    build=_build,
    reads=("formula", "oxidation_states"),
    light=True,
)
