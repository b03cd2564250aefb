"""Which materials are simulated: those named, screened or not, or the best that a filter describes."""

from dataclasses import replace

from mtl_flows.errors import ConfigurationError, NotFoundError, OrderingError
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.candidates import CandidateInputs, build
from mtl_flows.store.candidate_filter import CandidateFilter
from mtl_flows.store.database import MTLStore

SURVIVORS = CandidateFilter(survivors=True)


def simulated_by(chosen: CandidateFilter) -> CandidateFilter:
    """Return a filter for what is simulated: survivors, or under ``ranked`` all that pass the chemical rules."""
    return replace(chosen, survivors=chosen.protocol != "ranked")


def best(
    store: MTLStore, chosen: CandidateFilter, *, limit: int = 0, everything: bool = False
) -> list[CandidateDocument]:
    """Return the first of what a filter describes, by falling priority.

    Parameters
    ----------
    limit
        At most so many; 0 leaves it to `everything`.
    everything
        All of them, for which the protocol ``ranked`` is no reason.

    Raises
    ------
    ConfigurationError
        If nothing says where to end.
    """
    found = list(store.candidates.select(simulated_by(chosen), limit=limit))
    if not limit and (chosen.protocol == "ranked" or not everything) and found:
        ranks = chosen.protocol == "ranked"
        raise ConfigurationError(
            f"ranks {len(found)} materials and has no survivors"
            if ranks
            else f"would simulate {len(found)} materials at full length",
            subject=f"protocol {chosen.protocol}",
            remedy="say how many to simulate: --limit N" + ("" if ranks else ", or --all"),
        )
    return found


def named(store: MTLStore, material_id: str, mobile_ion: str) -> CandidateDocument:
    """Return the row of a material; of one that was ingested and not screened, what a row would say.

    Raises
    ------
    NotFoundError
        If nothing of that name was ingested.
    OrderingError
        If its file gives no sites to some of its atoms.
    """
    try:
        row = store.candidates.get(material_id)
    except NotFoundError:
        structure = store.structures.current_named(material_id)
        unscreened = ScreeningParameters(mobile_ion=mobile_ion, name=store.screening)
        row, _ = build(CandidateInputs(structure), unscreened)
    structure = store.structures.current_named(row.material_id)
    if structure.flags.missing_hydrogen or structure.implicit_hydrogens > 0.0:
        raise OrderingError(
            "its file gives no sites to hydrogen atoms that its formula holds, so that there is no cell to simulate",
            subject=material_id,
            remedy="add the atoms to the file and ingest it again",
        )
    return row
