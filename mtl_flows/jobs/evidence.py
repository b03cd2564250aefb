"""Which simulations and which window a row shows: one run, the material's own or one of its group."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from mtl_flows.jobs.ensembles import newest_series
from mtl_flows.jobs.verdict import (
    WINDOW_UNCERTAINTY_V,
    chosen_window,
    judge,
    verdict_document,
    verdict_stage,
    write_verdicts,
)
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.schemas.dynamics import TrajectoryDocument, TransportDocument
from mtl_flows.schemas.stability import StabilityDocument
from mtl_flows.schemas.verdicts import VerdictDocument
from mtl_flows.science.verdict import VerdictThresholds
from mtl_flows.store.database import MTLStore
from mtl_flows.store.groups import RunSource

Sources = Sequence[RunSource]


@dataclass(frozen=True)
class Evidence:
    """Documents of the dynamics and stability that a row shows.

    Attributes
    ----------
    source
        Whose run it is; None where there is none.
    trajectories, fits
        Those of the newest run: one potential and protocol, each approximant once.
    every_fit
        All fits of what was simulated, other potentials' too.
    """

    source: RunSource | None = None
    trajectories: Sequence[TrajectoryDocument] = ()
    fits: Sequence[TransportDocument] = ()
    window: StabilityDocument | None = None
    every_fit: Sequence[TransportDocument] = ()

    @classmethod
    def of(
        cls,
        sources: Sources,
        trajectories: Mapping[str, Sequence[TrajectoryDocument]],
        fits: Mapping[str, Sequence[TransportDocument]],
        windows: Mapping[str, Sequence[StabilityDocument]],
    ) -> Self:
        """Choose what is shown; what other parameters gave stays in its own collections.

        Parameters
        ----------
        sources
            Where to look, the first choice first; as `GroupCollection.sources` gives them.
        trajectories, fits
            By what was ordered.
        windows
            By crystal.
        """
        source = _chosen_source(sources, trajectories, fits)
        mine = trajectories.get(source.parent_id, ()) if source else ()
        every_fit = fits.get(source.parent_id, ()) if source else ()
        crystals = [source.crystal_id] if source else []
        crystals += [other.crystal_id for other in sources]
        if not mine:
            return cls(source, (), newest_series(every_fit), _window(crystals, windows, None), every_fit)
        run = _newest_run(mine)
        relaxations = {trajectory.relaxation_id for trajectory in run}
        return cls(
            source,
            run,
            newest_series(fit for fit in every_fit if _run_of(fit) == _run_of(run[0])),
            _window(crystals, windows, relaxations),
            every_fit,
        )

    def ids(self) -> dict[str, str]:
        """Ids by what they are, for the provenance of a verdict."""
        several = len(self.fits) > 1
        ids = {f"transport {fit.ordering}" if several else "transport": fit.id for fit in self.fits}
        return ids | ({"stability": self.window.id} if self.window is not None else {})


def simulated_crystals(store: MTLStore, mobile_ion: str) -> set[str]:
    """Crystals of which something was simulated, or judged on a hull, for one ion."""
    of_ion = {"provenance.parameters.mobile_ion": mobile_ion}
    runs = (store.dynamics, store.transport, store.stability)
    return {crystal for collection in runs for crystal in collection.raw.distinct("crystal_id", of_ion)}


def gather(store: MTLStore, sources: Mapping[str, Sources], mobile_ion: str) -> dict[str, Evidence]:
    """Evidence of some materials for one ion, by material."""
    parents = {source.parent_id for found in sources.values() for source in found}
    crystals = {source.crystal_id for found in sources.values() for source in found}
    production = {"trajectory_stage": "production"}
    trajectories = store.dynamics.of_parents(parents, mobile_ion, production)
    fits = store.transport.of_parents(parents, mobile_ion)
    windows: dict[str, list[StabilityDocument]] = {}
    query = {"crystal_id": {"$in": sorted(crystals)}, "provenance.parameters.mobile_ion": mobile_ion}
    for window in store.stability.find(query):
        windows.setdefault(window.crystal_id, []).append(window)
    return {material: Evidence.of(found, trajectories, fits, windows) for material, found in sources.items()}


def _chosen_source(
    sources: Sources,
    trajectories: Mapping[str, Sequence[TrajectoryDocument]],
    fits: Mapping[str, Sequence[TransportDocument]],
) -> RunSource | None:
    """The material's own, else the standing member's, else the most complete; earlier readings after all others."""
    simulated = [s for s in sources if s.parent_id in trajectories or s.parent_id in fits]
    if not simulated:
        return None
    first = simulated[0]
    if not first.current or first.kin != "member":
        return first

    def completeness(source: RunSource) -> tuple[int, int]:
        complete = sum(fit.complete for fit in fits.get(source.parent_id, ()))
        return complete, sum(t.steps_done for t in trajectories.get(source.parent_id, ()))

    return max((source for source in simulated if source.current), key=completeness)


def _window(
    crystals: Sequence[str], windows: Mapping[str, Sequence[StabilityDocument]], relaxations: set[str] | None
) -> StabilityDocument | None:
    """Window of the first crystal that has one that counts: of the run's approximants, or of the composition."""
    for crystal in crystals:
        counting = [
            window
            for window in windows.get(crystal, ())
            if relaxations is None or not window.relaxation_id or window.relaxation_id in relaxations
        ]
        if counting:
            return chosen_window(counting)
    return None


def _newest_run(trajectories: Sequence[TrajectoryDocument]) -> list[TrajectoryDocument]:
    """Trajectories of all approximants and temperatures under the parameters that were used last."""
    newest = max(trajectories, key=lambda trajectory: (trajectory.provenance.created_at, trajectory.id))
    return [trajectory for trajectory in trajectories if _run_of(trajectory) == _run_of(newest)]


def _run_of(document: TrajectoryDocument | TransportDocument) -> tuple[Any, Any]:
    """What all approximants of a run share: how they were ordered, and how they are simulated."""
    if isinstance(document, TrajectoryDocument):
        return document.series, document.parameters_hash
    return document.series, document.dynamics_hash


def judge_candidates(
    store: MTLStore,
    candidates: Iterable[CandidateDocument],
    thresholds: VerdictThresholds,
    *,
    window_uncertainty_V: float = WINDOW_UNCERTAINTY_V,
) -> list[VerdictDocument]:
    """Judge materials under any thresholds from what their rows show, and write the verdicts.

    Verdicts under other thresholds stay beside these; running it again changes nothing.
    """
    chosen = list(candidates)
    sources = store.groups.sources(candidate.material_id for candidate in chosen)
    ions = {candidate.mobile_ion for candidate in chosen}
    shown = {ion: gather(store, sources, ion) for ion in ions}
    documents = []
    for candidate in chosen:
        evidence = shown[candidate.mobile_ion][candidate.material_id]
        stage = verdict_stage(candidate.mobile_ion, thresholds, window_uncertainty_V=window_uncertainty_V)
        verdict = judge(
            candidate.model_dump(), evidence.window, thresholds, window_uncertainty_V=window_uncertainty_V
        )
        documents.append(
            verdict_document(
                verdict,
                stage,
                material_id=candidate.material_id,
                structure_id=candidate.structure_id,
                formula=candidate.reduced_formula,
                inputs=evidence.ids(),
            )
        )
    write_verdicts(store, documents)
    return documents
