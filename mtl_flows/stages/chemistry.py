"""The eight chemical rules."""

from mtl_flows.schemas.base import Header
from mtl_flows.schemas.chemistry import ChemistryDocument
from mtl_flows.science.chemistry import ChemistryParameters, check_chemistry
from mtl_flows.stages.base import CrystalStage, StageInput


def _build(given: StageInput, parameters: ChemistryParameters, header: Header) -> ChemistryDocument:
    one_by_one = bool(given.subject.site_charges)
    report = check_chemistry(
        given.charged_structure if one_by_one else given.structure,
        given.mobile_ion,
        parameters,
        # A mean may hide very different atoms and is judged as one.
        oxidation_states=None if one_by_one else given.subject.oxidation_states,
        formula_text=given.subject.formula,
    )
    return ChemistryDocument.of(header, report)


CHEMISTRY = CrystalStage(
    noun="chemistry",
    version=1,
    document=ChemistryDocument,
    section="chemistry",
    values=ChemistryParameters.as_dict,
    build=_build,
    reads=("formula", "oxidation_states"),
)
