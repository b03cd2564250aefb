"""Which simulations and which window a row shows: one run, the material's own or one of its group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from mtl_flows.schemas.dft_checks import DftCheckDocument
from mtl_flows.schemas.dynamics import TrajectoryDocument, TransportDocument
from mtl_flows.schemas.stability import StabilityDocument
from mtl_flows.science.dynamics.known_answers import AnswerComparison
from mtl_flows.stages.ensembles import newest_series
from mtl_flows.stages.subjects import RunSource

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
    checks
        Frames of what was simulated that were held against DFT, other potentials' too.
    comparisons
        What known answers say of potentials, by their ids.
    formula
        Of the material, whose own known answer is not to be used; empty where it is not known.
    """

    source: RunSource | None = None
    trajectories: Sequence[TrajectoryDocument] = ()
    fits: Sequence[TransportDocument] = ()
    window: StabilityDocument | None = None
    every_fit: Sequence[TransportDocument] = ()
    checks: Sequence[DftCheckDocument] = ()
    comparisons: Mapping[str, Sequence[AnswerComparison]] = field(default_factory=dict)
    formula: str = ""

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
        # What was imported was relaxed elsewhere: any window of the crystal is its.
        relaxations = {t.relaxation_id for t in run if t.imported is None} or None
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


def chosen_window(windows: Sequence[StabilityDocument]) -> StabilityDocument | None:
    """Return the window that a verdict rests on; None if there is none.

    A known one before an unknown one, then energies of a database or a file before those of a potential, then the
    newest.
    """
    return max(
        windows,
        key=lambda w: (w.status == "known", w.provider != "potential", w.provenance.created_at),
        default=None,
    )


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
