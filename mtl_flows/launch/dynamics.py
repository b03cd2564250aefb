"""Handing in molecular dynamics: one workflow for each material, the most promising first."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from jobflow import Flow

from mtl_flows.errors import OrderingError
from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.potentials import standing_potential
from mtl_flows.launch.categories import by_dft, heavy
from mtl_flows.launch.selection import SURVIVORS, best, named, simulated_by
from mtl_flows.launch.submit import Submission, SubmittedWorkflow, made_of, submit_all
from mtl_flows.schemas.base import content_hash
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.stages.subjects import RunSource
from mtl_flows.store.candidate_filter import CandidateFilter
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore


@dataclass(frozen=True)
class Work:
    """One crystal to simulate, for all materials of its group.

    Attributes
    ----------
    candidate
        Row of the material that is simulated.
    parent
        What is ordered of it.
    asked_for
        Material that was named, where another one of its group is simulated in its place.
    """

    candidate: CandidateDocument
    parent: str
    asked_for: str = ""


@dataclass(frozen=True)
class DynamicsPlan:
    """What to simulate, and what is done.

    Attributes
    ----------
    todo, done
        Work without and with a fit under the same parameters, by falling priority.
    refined
        Work whose material was simulated as it was read before, and not as it is now: not to be handed in unasked.
    refused
        Why materials that were named have no cell to simulate.
    found
        All materials that the filter gives, chosen or not.
    maker
        Makes the workflows, with the potential that the engine's name stands for now.
    """

    todo: list[Work]
    done: list[Work]
    refined: list[Work]
    refused: list[OrderingError]
    found: int
    maker: DynamicsFlowMaker


def plan_dynamics(
    store: MTLStore,
    maker: DynamicsFlowMaker,
    *,
    materials: Sequence[str] = (),
    chosen: CandidateFilter = SURVIVORS,
    limit: int = 0,
    everything: bool = True,
    own: bool = False,
    again: bool = False,
) -> DynamicsPlan:
    """Choose what to simulate: once for each group of duplicates.

    Parameters
    ----------
    materials
        These, whatever their gates said, screened or not; what `chosen` gives if empty.
    chosen
        Of survivors, or under the protocol ``ranked`` of what passes the chemical rules, those that it describes.
    limit, everything
        The best so many of them; 0 for all, which the protocol ``ranked`` does not give.
    own
        Simulate the cell of each material that is named, not that of its group.
    again
        Simulate anew what was simulated as an earlier revision.

    Raises
    ------
    NotFoundError
        If one of `materials` was not ingested.
    ConfigurationError
        If nothing says where to end.
    """
    maker = replace(maker, parameters=standing_potential(store, maker.parameters))
    refused: list[OrderingError] = []
    rows = [] if materials else best(store, chosen, limit=limit, everything=everything)
    for material_id in materials:
        try:
            rows.append(named(store, material_id, maker.parameters.mobile_ion))
        except OrderingError as error:
            refused.append(error)
    planned: dict[str, Work] = {}
    for work in _works(store, maker, rows, own=own):
        planned.setdefault(work.parent, work)
    finished = _finished(store, maker, planned.values())
    done = [work for work in planned.values() if work.parent in finished]
    left = [work for work in planned.values() if work.parent not in finished]
    refined = [work for work in left if work.candidate.result_is_earlier and not again]
    todo = [work for work in left if work not in refined]
    found = 0 if materials else store.candidates.count(store.candidates.asked(simulated_by(chosen)))
    return DynamicsPlan(todo, done, refined, refused, found, maker)


def _works(
    store: MTLStore, maker: DynamicsFlowMaker, rows: Sequence[CandidateDocument], *, own: bool
) -> list[Work]:
    """What is simulated for materials: what their groups have begun, else the cell of the one that stands for each."""
    sources = store.groups.sources([row.material_id for row in rows])
    current = {material: [s for s in found if s.current] for material, found in sources.items()}
    if own:
        return [Work(row, current[row.material_id][0].parent_id) for row in rows]
    p = maker.parameters
    orderings = {s.parent_id: p.ordering_id(s.parent_id, 0) for found in current.values() for s in found}
    there = store.orderings.existing(orderings.values())
    begun = {parent for parent, ordering in orderings.items() if ordering in there}
    chosen = {row.material_id: _source(row, current[row.material_id], begun) for row in rows}
    others = {s.material_id for material, s in chosen.items() if s.material_id != material}
    standing = {r.material_id: r for r in store.candidates.find({"material_id": {"$in": sorted(others)}})}
    works = []
    for row in rows:
        source = chosen[row.material_id]
        if source == current[row.material_id][0]:
            works.append(Work(row, source.parent_id))
        else:
            shown = standing.get(source.material_id, row)
            works.append(Work(shown, source.parent_id, asked_for=row.material_id))
    return works


def _source(row: CandidateDocument, sources: Sequence[RunSource], begun: Collection[str]) -> RunSource:
    mine = sources[0]
    head = next((source for source in sources if source.material_id == row.representative_id), mine)
    going_on = [source for source in sources if source.parent_id in begun]
    return next((s for s in (mine, head, *going_on) if s in going_on), head)


def _finished(store: MTLStore, maker: DynamicsFlowMaker, planned: Iterable[Work]) -> set[str]:
    """What was ordered of the work that has complete fits of as many orderings as are asked for."""
    p = maker.parameters
    wanted = {w.parent: p.n_orderings(ordered=w.candidate.ordered) for w in planned}
    series = p.ordering_stage().hash
    orderings = [o for o in store.orderings.samples(wanted, p.mobile_ion) if o.series == series]
    fits = {o: maker.transport_id(o.sample) for o in orderings}
    fitted = store.transport.complete(fits.values())
    if maker.check.n_frames:
        wanted_checks = {"parameters_hash": maker.check.stage(p.mobile_ion).hash, "n_checked": {"$gt": 0}}
        checked = {(c.approximant_id, c.replica) for c in store.dft_checks.find(wanted_checks)}
        fitted = {fit for o, fit in fits.items() if fit in fitted and (o.ordering or o.sample in checked)}
    done = Counter(o.parent_id for o, fit in fits.items() if fit in fitted)
    return {parent for parent, n_orderings in wanted.items() if done[parent] >= n_orderings}


def submit_dynamics(connection: Connection, plan: DynamicsPlan) -> list[SubmittedWorkflow]:
    """Hand in one workflow of heavy jobs for all that is to do."""
    made = made_of(plan.maker)
    return submit_all((_submission(plan.maker, made, work) for work in plan.todo), connection)


def _submission(maker: DynamicsFlowMaker, made: str, work: Work) -> Submission:
    material, ordered = work.candidate.material_id, work.candidate.ordered

    def make() -> Flow:
        flow = maker.make(work.parent, material, ordered=ordered)
        return heavy(by_dft(flow), maker.parameters.configured_engine())

    return Submission(
        name=maker.name_of(material),
        make=make,
        metadata={"material": material},
        inputs=content_hash([made, work.parent, material, ordered]),
    )
