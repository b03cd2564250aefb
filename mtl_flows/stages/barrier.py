"""Barriers of the bond-valence landscape."""

from mtl_flows.errors import UnsupportedIonError
from mtl_flows.schemas.barrier import BarrierDocument
from mtl_flows.schemas.base import Header
from mtl_flows.science.barrier import BarrierParameters, migration_barriers
from mtl_flows.science.occupancy import mobile_entropy_kB_per_nm3
from mtl_flows.stages.base import CrystalStage, StageInput


def _build(given: StageInput, parameters: BarrierParameters, header: Header) -> BarrierDocument:
    entropy = mobile_entropy_kB_per_nm3(given.structure, given.mobile_ion)
    try:
        result = migration_barriers(given.charged_structure, given.mobile_ion, parameters)
    except UnsupportedIonError as unknown:
        # Nothing is wrong with the material: it has no barrier, and says why.
        return BarrierDocument(**header.fields(), mobile_entropy_kB_per_nm3=entropy, reason=unknown.message)
    return BarrierDocument.of(header, result, entropy)


BARRIER = CrystalStage(
    noun="barrier",
    version=1,
    document=BarrierDocument,
    section="barrier",
    values=BarrierParameters.as_dict,
    build=_build,
    reads=("oxidation_states",),
    collection="barriers",
)
