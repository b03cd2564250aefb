"""Surfaces of the bond-valence landscape, for pictures of the materials that are looked at first."""

from mtl_flows.errors import UnsupportedIonError
from mtl_flows.schemas.barrier import LandscapeDocument
from mtl_flows.schemas.base import Header
from mtl_flows.science.barrier import BarrierParameters, coarse_surface, landscape_of
from mtl_flows.stages.base import CrystalStage, StageInput


def _build(given: StageInput, parameters: BarrierParameters, header: Header) -> LandscapeDocument:
    try:
        landscape = landscape_of(given.charged_structure, given.mobile_ion, parameters)
    except UnsupportedIonError as unknown:
        return LandscapeDocument(**header.fields(), reason=unknown.message)
    return LandscapeDocument.of(header, coarse_surface(landscape))


LANDSCAPE = CrystalStage(
    noun="landscape",
    version=1,
    document=LandscapeDocument,
    section="barrier",
    values=BarrierParameters.as_dict,
    build=_build,
    reads=("oxidation_states",),
    collection="landscapes",
    in_table=False,
)
