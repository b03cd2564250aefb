"""The posterior of what was simulated of one material: from stored analyses to the fields of its row."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition

from mtl_flows.schemas.dynamics import TrajectoryDocument, TransportDocument
from mtl_flows.science.dynamics import DiffusionResult
from mtl_flows.science.dynamics.belief import Belief
from mtl_flows.science.dynamics.foresight import Foresight, Question, foresee, is_decided
from mtl_flows.science.dynamics.known_answers import AnswerComparison, known_error
from mtl_flows.science.dynamics.readings import Reading
from mtl_flows.science.dynamics.transport import Observed, PotentialError, Transport
from mtl_flows.science.reading import reduced_formula
from mtl_flows.science.verdict import ACTIVATION_ENERGY, CONDUCTIVITY, Criterion, VerdictThresholds
from mtl_flows.stages.dft_check import softening_of
from mtl_flows.stages.ensembles import newest_series
from mtl_flows.stages.evidence import Evidence

SMALLEST_ERROR_EV = 0.1
"""Two potentials of one kind may err alike: their disagreement is no smaller an error than this."""


def observed(
    trajectories: Iterable[TrajectoryDocument], fits: Iterable[TransportDocument] = ()
) -> Observed | None:
    """Return what the simulations of one run say, by ordering; None before any was analysed.

    What goes on counts as far as it was analysed; what a guard stopped does not. An ordering whose trajectories are not
    at hand is known by what its fit kept.
    """
    by_ordering: dict[int, list[DiffusionResult]] = {}
    for trajectory in sorted(trajectories, key=lambda t: (t.ordering, t.temperature_K)):
        if trajectory.diffusion is not None and trajectory.status != "failed":
            by_ordering.setdefault(trajectory.ordering, []).append(trajectory.result)
    parts = [Observed.of([results]) for results in by_ordering.values()]
    parts += [
        Observed.from_dict(fit.posterior["observed"])
        for fit in fits
        if fit.ordering not in by_ordering and fit.posterior is not None
    ]
    return Observed.together(parts) if parts else None


def posterior_record(seen: Observed) -> dict[str, Any]:
    """What the document of a fit keeps of a posterior: priors, what each temperature said, and both distributions."""
    return {"observed": seen.as_dict(), "simulation": seen.transport(seen.belief()).as_dict()}


def posterior_fields(evidence: Evidence, thresholds: VerdictThresholds) -> dict[str, Any]:
    """Fields of a row that the posterior fills; none before any temperature says something."""
    seen = observed(evidence.trajectories, evidence.fits)
    if seen is None or not seen.temperatures_K:
        return {}
    alone = seen.belief()
    error = potential_error(alone, evidence, thresholds)
    belief = alone.with_error(error.deviation_eV, error.bias_eV)
    simulated, whole = seen.transport(alone), seen.transport(belief)
    return {
        **_estimates("simulated", simulated),
        **_estimates("crystal", whole),
        "posterior_temperatures_K": list(seen.temperatures_K),
        "activation_energy_simulated_quantiles_eV": list(simulated.activation_energy_eV.values),
        "activation_energy_quantiles_eV": list(whole.activation_energy_eV.values),
        "conductivity_300K_simulated_quantiles_S_per_cm": list(simulated.conductivity_S_per_cm.values),
        "conductivity_300K_quantiles_S_per_cm": list(whole.conductivity_S_per_cm.values),
        "potential_error_eV": error.deviation_eV,
        "potential_bias_eV": error.bias_eV,
        "potential_error_source": error.source,
        "what_more": what_more(seen, alone, belief, error, thresholds),
    }


def potential_error(alone: Belief, evidence: Evidence, thresholds: VerdictThresholds) -> PotentialError:
    """What the potential gets wrong in E_a.

    As stated, else by frames held against DFT, by known answers, by a second potential's disagreement, or a default.
    """
    if thresholds.potential_error_eV is not None:
        return PotentialError(thresholds.potential_error_eV, source="stated")
    known = _dft_error(alone, evidence) or _known_error(evidence)
    if known is not None:
        return known
    others = _other_potentials(evidence)
    if not others:
        return PotentialError()
    apart = [_median_eV(alone) - _median_eV(other.belief()) for other in others]
    deviation_eV = float(np.sqrt(np.mean(np.square(apart))))
    return PotentialError(max(deviation_eV, SMALLEST_ERROR_EV), source="second_potential")


def _dft_error(alone: Belief, evidence: Evidence) -> PotentialError | None:
    """From frames of this material's simulation; where there are several checks, the one of most frames speaks."""
    run = next(iter([*evidence.trajectories, *evidence.fits]), None)
    ours = [c for c in evidence.checks if run is not None and c.potential_id == run.potential_id]
    done = [c for c in ours if c.n_checked]
    if not done:
        return None
    most = max(done, key=lambda c: (c.n_checked, c.temperature_K, c.id))
    found = softening_of(most)
    return found.error(_median_eV(alone)) if found is not None else None


def _known_error(evidence: Evidence) -> PotentialError | None:
    """From conductors of known conductivity, the material itself left out, and what else has its composition.

    Another id may be the same crystal, and another polymorph the same ions.
    """
    run = next(iter([*evidence.trajectories, *evidence.fits]), None)
    comparisons = evidence.comparisons.get(run.potential_id, ()) if run is not None else ()
    material = evidence.source.material_id if evidence.source is not None else ""
    return known_error(
        [c for c in comparisons if c.material_id != material and not _alike(c, evidence.formula)]
    )


def _alike(comparison: AnswerComparison, formula: str) -> bool:
    of_both = (comparison.formula, formula)
    return all(of_both) and len({reduced_formula(Composition(one)) for one in of_both}) == 1


def what_more(
    seen: Observed,
    alone: Belief,
    belief: Belief,
    error: PotentialError,
    thresholds: VerdictThresholds,
) -> dict[str, str]:
    """Say what would decide the criteria that the dynamics leave undecided, by their quantity."""
    readings = [reading for ordering in seen.readings for reading in ordering]
    told = {}
    for criterion in thresholds.criteria:
        question = _question(criterion, seen)
        if question is None or is_decided(question(belief)):
            continue
        foreseen = foresee(belief, readings, question)
        told[criterion.quantity] = _advice(foreseen, alone, readings, question, error)
    return told


def _advice(
    foreseen: Foresight,
    alone: Belief,
    readings: Sequence[Reading],
    question: Question,
    error: PotentialError,
) -> str:
    run_K = {reading.temperature_K for reading in readings}
    if not foreseen.limited_by_potential:
        return _longer(foreseen, run_K)
    shift = f", after a shift of {-error.bias_eV:+.2f} eV" if error.bias_eV else ""
    limit = (
        f"the potential's error of {error.deviation_eV:.2f} eV ({error.source}{shift}) leaves it open however long "
        "the runs; a potential that is better known would decide"
    )
    if is_decided(question(alone)):
        return limit
    return f"{limit}; for the simulation alone {_longer(foresee(alone, readings, question), run_K)}"


def _longer(foreseen: Foresight, temperatures_K: Collection[float]) -> str:
    if not foreseen.temperatures_K:
        return "no 1000 ps more at these temperatures, or at one colder, are likely to decide"
    at = ", ".join(f"{temperature_K:g}" for temperature_K in foreseen.temperatures_K)
    each = " each" if len(foreseen.temperatures_K) > 1 else ""
    new = [t for t in foreseen.temperatures_K if t not in temperatures_K]
    unrun = ", which was not run," if new else ""
    more = "" if new else " more"
    return f"about {foreseen.additional_ps:g} ps{more} at {at} K{each}{unrun} would decide"


def _question(criterion: Criterion, seen: Observed) -> Question | None:
    """The probability that a criterion of the dynamics holds; None of another."""
    if criterion.quantity == ACTIVATION_ENERGY:
        return lambda belief: _between(belief.energy_below, criterion)
    if criterion.quantity == CONDUCTIVITY:
        return lambda belief: _between(lambda sigma: seen.conductivity_below(belief, sigma), criterion)
    return None


def _between(below: Callable[[Sequence[float]], NDArray[np.float64]], criterion: Criterion) -> float:
    """Probability of keeping the bounds of a criterion."""
    at_least = 0.0 if criterion.minimum is None else float(below([criterion.minimum])[0])
    at_most = 1.0 if criterion.maximum is None else float(below([criterion.maximum])[0])
    return at_most - at_least


def _estimates(name: str, transport: Transport) -> dict[str, float]:
    (low_eV, high_eV), (low, high) = (
        transport.activation_energy_eV.interval,
        transport.conductivity_S_per_cm.interval,
    )
    return {
        f"activation_energy_{name}_eV": transport.activation_energy_eV.median,
        f"activation_energy_{name}_low_eV": low_eV,
        f"activation_energy_{name}_high_eV": high_eV,
        f"conductivity_300K_{name}_S_per_cm": transport.conductivity_S_per_cm.median,
        f"conductivity_300K_{name}_low_S_per_cm": low,
        f"conductivity_300K_{name}_high_S_per_cm": high,
        f"P_conducts_{name}": transport.conducts,
        f"P_energy_{name}": transport.within_energies,
    }


def _other_potentials(evidence: Evidence) -> list[Observed]:
    """What the newest fits of each other potential saw."""
    shown = {fit.engine_name for fit in evidence.fits} | {t.engine_name for t in evidence.trajectories}
    by_engine: dict[str, list[TransportDocument]] = {}
    for fit in evidence.every_fit:
        if fit.engine_name not in shown and fit.posterior is not None:
            by_engine.setdefault(fit.engine_name, []).append(fit)
    found: Mapping[str, Observed | None] = {
        name: observed((), newest_series(fits)) for name, fits in sorted(by_engine.items())
    }
    return [seen for seen in found.values() if seen is not None and len(seen.temperatures_K) > 1]


def _median_eV(belief: Belief) -> float:
    return float(belief.energy_quantiles_eV([0.5])[0])
