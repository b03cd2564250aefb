"""What the stages have computed of some revisions, read from the store."""

from collections.abc import Sequence

from mtl_flows.schemas.base import CrystalResult
from mtl_flows.stages import CRYSTAL_STAGES, ScreeningParameters, Subject
from mtl_flows.store.database import MTLStore


def results_in_table(
    store: MTLStore, subjects: Sequence[Subject], parameters: ScreeningParameters
) -> dict[str, dict[str, CrystalResult]]:
    """Documents that rows and gates are made of, by structure and stage; those that are there."""
    found: dict[str, dict[str, CrystalResult]] = {subject.structure_id: {} for subject in subjects}
    for stage in CRYSTAL_STAGES:
        if stage.in_table:
            keys = stage.keys(subjects, parameters.of(stage))
            for structure_id, document in store.results(stage).found(keys).items():
                found[structure_id][stage.noun] = document
    return found
