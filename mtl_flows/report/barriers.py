"""Barriers of single materials: those that rank, and those of refined grids beside them."""

from collections.abc import Sequence
from typing import Any

from mtl_flows.jobs.barrier import refined_barriers
from mtl_flows.schemas.barrier import BarrierDocument
from mtl_flows.stages import BARRIER, ScreeningParameters
from mtl_flows.store.database import MTLStore

LEVELS = ("E_1D_eV", "E_2D_eV", "E_3D_eV")
_TOLD = {*LEVELS, "spacing_A", "change_eV", "interpolated", "reason"}


def current_revisions(store: MTLStore, materials: Sequence[str]) -> dict[str, str]:
    """Id of the current revision of each material, of the last one where none is current.

    Raises
    ------
    NotFoundError
        If one is unknown.
    """
    found = {}
    for material in materials:
        revisions = store.structures.by_material(material)
        found[material] = next((r.id for r in revisions if r.current), revisions[-1].id)
    return found


def barrier_report(
    store: MTLStore, revisions: dict[str, str], parameters: ScreeningParameters
) -> dict[str, dict[str, Any]]:
    """Collect what is known of the barriers of some materials.

    Parameters
    ----------
    revisions
        Revision of each material, as `current_revisions` gives it.

    Returns
    -------
    dict
        For each material ``ranking`` and ``refined``: levels above the deepest point, spacing of the grid, what
        refining changed at last; None of what has not been computed.
    """
    ids = list(revisions.values())
    keys = BARRIER.keys(store.structures.subjects(ids), parameters.of(BARRIER))
    ranking = store.results(BARRIER).found(keys)
    refined = refined_barriers(store, ids, parameters)
    return {
        material: {"ranking": _told(ranking.get(revision)), "refined": _told(refined.get(revision))}
        for material, revision in revisions.items()
    }


def _told(document: BarrierDocument | None) -> dict[str, Any] | None:
    return document.model_dump(include=_TOLD) if document else None
