"""Which documents of the dynamics and stability stand for a material: those of its newest run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Evidence:
    """Documents of the dynamics and stability that a row shows: those of the newest run."""

    trajectories: Sequence[TrajectoryDocument]
    fits: list[TransportDocument]
    window: StabilityDocument | None

    def ids(self) -> dict[str, str]:
        """Ids by what they are, for the provenance of a verdict."""
        several = len(self.fits) > 1
        ids = {f"transport {fit.ordering}" if several else "transport": fit.id for fit in self.fits}
        return ids | ({"stability": self.window.id} if self.window is not None else {})


def shown_evidence(
    fits: Sequence[TransportDocument],
    windows: Sequence[StabilityDocument],
    trajectories: Sequence[TrajectoryDocument],
) -> Evidence:
    """Choose what is shown; what other parameters gave stays in its own collections.

    The newest run is the one whose last simulation began last; without simulations, whose last fit was written last.
    Fits are those of one series: one potential and protocol, each ordering once.
    Windows of a relaxed approximant belong to its run; those that judge the composition belong to every run.
    """
    if trajectories:
        trajectories = _newest_run(trajectories)
        run = _run_of(trajectories[0])
        fits = [fit for fit in fits if _run_of(fit) == run]
        relaxations = {_relaxation_of(trajectory) for trajectory in trajectories}
        windows = [w for w in windows if not w.ordering_id or _relaxation_of(w) in relaxations]
    return Evidence(trajectories, newest_series(fits), chosen_window(windows))


def _newest_run(trajectories: Sequence[TrajectoryDocument]) -> list[TrajectoryDocument]:
    """Trajectories of all approximants and temperatures under the parameters that were used last."""
    newest = max(trajectories, key=lambda trajectory: (trajectory.provenance.created_at, trajectory.id))
    return [trajectory for trajectory in trajectories if _run_of(trajectory) == _run_of(newest)]


def _run_of(document: TrajectoryDocument | TransportDocument) -> tuple[str, str]:
    """What all approximants of a run share: how they were ordered, and how they are simulated."""
    return document.ordering_id.rpartition(":")[0], document.id.split(":")[-2]


def _relaxation_of(document: TrajectoryDocument | TransportDocument | StabilityDocument) -> str:
    """Id of the relaxed approximant, with which those of its trajectories, fits and windows begin."""
    return document.id.rpartition(":")[0]


def judge_candidates(
    store: MTLStore,
    candidates: Iterable[CandidateDocument],
    thresholds: VerdictThresholds,
    *,
    window_uncertainty_V: float = WINDOW_UNCERTAINTY_V,
) -> list[VerdictDocument]:
    """Judge materials under any thresholds from what their stages wrote, and write the verdicts.

    Verdicts under other thresholds stay beside these; running it again changes nothing.
    """
    documents = []
    for candidate in candidates:
        mine = {"structure_id": candidate.structure_id}
        shown = shown_evidence(
            list(store.transport.find(mine)),
            list(store.stability.find(mine)),
            list(store.dynamics.find({**mine, "trajectory_stage": "production"})),
        )
        documents.append(
            verdict_document(
                judge(
                    candidate.model_dump(),
                    shown.window,
                    thresholds,
                    window_uncertainty_V=window_uncertainty_V,
                ),
                verdict_stage(candidate.mobile_ion, thresholds, window_uncertainty_V=window_uncertainty_V),
                material_id=candidate.material_id,
                structure_id=candidate.structure_id,
                formula=candidate.reduced_formula,
                inputs=shown.ids(),
            )
        )
    write_verdicts(store, documents)
    return documents
