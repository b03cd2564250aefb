"""Which new key everything has that version 1 ordered and simulated.

Version 1 kept a run under revision, ordering and parameters. Its cell is what counts today: where several runs come to
one key, the most complete keeps it and the others become further replicas, each with an ordering of its own.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pymatgen.core import Structure

from mtl_flows.schemas.crystals import crystal_id
from mtl_flows.schemas.dynamics import Sample
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.ordering import parent_id
from mtl_flows.stages.potentials import potential_id
from mtl_flows.store.version_1.crystals import Revisions

Stored = Mapping[str, Any]

_TAG_DIGITS = 16


@dataclass(frozen=True)
class NewOrdering:
    """What became of one ordering of version 1.

    Attributes
    ----------
    key
        Id of its document today; of two that are one, both have it.
    parent_id, number
        What is ordered, and the number of the ordering among those of it.
    sample
        The cell, and which of its runs.
    further
        It is a further replica of what another one had before.
    """

    key: str
    parent_id: str
    number: int
    sample: Sample
    further: bool = False


@dataclass(frozen=True)
class FormerWeights:
    """Hashes of weights that version 1 recorded under one name of a potential, the most used first."""

    tensors: Sequence[str]

    def tag(self, tensors_sha256: str | None) -> str:
        """What tells a potential from the first of its name; empty for that."""
        if tensors_sha256 is None or tensors_sha256 in self.tensors[:1]:
            return ""
        return tensors_sha256[:_TAG_DIGITS] or "none"


@dataclass(frozen=True)
class RunKeys:
    """New keys of relaxations, simulations, fits and windows.

    Attributes
    ----------
    orderings
        By the id that version 1 gave an ordering.
    weights
        By the id of the first potential of a name.
    """

    orderings: dict[str, NewOrdering]
    weights: dict[str, FormerWeights] = field(default_factory=dict)

    def parameters(self, values: Stored, mobile_ion: str, tensors_sha256: str | None) -> DynamicsParameters:
        """Parameters of a run, with its potential told from others of its name."""
        return dynamics_parameters(values, mobile_ion, self.weights, tensors_sha256)

    def of_run(self, document: Stored) -> tuple[NewOrdering, DynamicsParameters]:
        """Ordering and parameters of a relaxation or simulation."""
        recorded = document["provenance"]["parameters"]
        tensors = document["engine"].get("weights_sha256")
        parameters = self.parameters(recorded["values"], recorded["mobile_ion"], tensors)
        return self.orderings[document["ordering_id"]], parameters


def dynamics_parameters(
    values: Stored, mobile_ion: str, weights: Mapping[str, FormerWeights], tensors_sha256: str | None = None
) -> DynamicsParameters:
    """Parameters that shape a run, from those that version 1 made its key of."""
    names = (
        *("engine", "relax_fmax_eV_per_A", "relax_steps", "heat_from_K", "heat_to_K", "heat_ps"),
        *("timestep_fs", "frame_interval_fs", "seed"),
    )
    vasp = dict(values.get("vasp", {}))
    settings = {**vasp.pop("incar", {}), **vasp}
    plain = DynamicsParameters(
        mobile_ion=mobile_ion, engine_settings=settings, **{name: values[name] for name in names}
    )
    known = weights.get(potential_id(plain.configured_engine()), FormerWeights(()))
    tag = known.tag(tensors_sha256) if known.tensors else ""
    return replace(plain, weights=tag) if tag else plain


def plan_runs(
    orderings: Iterable[Stored], runs: Sequence[Stored], fits: Sequence[Stored], revisions: Revisions
) -> RunKeys:
    """Find the new keys of everything that was ordered and simulated.

    Parameters
    ----------
    orderings, runs, fits
        Documents of version 1: orderings with their structures; relaxations and simulations, of which id, ordering,
        engine, provenance and steps count; Arrhenius fits, of which ordering and completeness count.
    """
    weights = _weights(runs)
    nothing = RunKeys({}, weights)
    done: dict[str, Counter[str]] = {}
    shaped: dict[str, set[str]] = {}
    for run in runs:
        recorded = run["provenance"]["parameters"]
        p = nothing.parameters(
            recorded["values"], recorded["mobile_ion"], run["engine"].get("weights_sha256")
        )
        shaped.setdefault(run["ordering_id"], set()).add(p.dynamics_stage().hash)
        done.setdefault(run["ordering_id"], Counter())["steps"] += run.get("steps_done", 0)
    for fit in fits:
        done.setdefault(fit["ordering_id"], Counter())["fits"] += bool(fit["complete"])
    found = [_Found.of(ordering, revisions) for ordering in orderings]
    # The most complete first; of two alike the older, then by id.
    found.sort(
        key=lambda f: (
            -done.get(f.old, Counter())["fits"],
            -done.get(f.old, Counter())["steps"],
            f.made,
            f.old,
        )
    )
    return RunKeys(_placed(found, shaped), weights)


@dataclass(frozen=True)
class _Found:
    """One ordering of version 1, and what it would be called if nobody else were."""

    old: str
    made: float
    parent: str
    series: str
    number: int
    sample: Sample

    @classmethod
    def of(cls, ordering: Stored, revisions: Revisions) -> "_Found":
        cell = crystal_id(Structure.from_dict(ordering["structure"]))
        replica = ordering["ordering"] if ordering["was_ordered"] else ordering["seed"]
        return cls(
            ordering["_id"],
            ordering["provenance"]["created_at"].timestamp(),
            parent_id(revisions.subjects[ordering["structure_id"]]),
            ordering["parameters_hash"],
            ordering["ordering"],
            Sample(cell, replica),
        )


def _placed(found: Sequence[_Found], shaped: Mapping[str, set[str]]) -> dict[str, NewOrdering]:
    replicas: dict[str, set[int]] = {}
    numbers: dict[tuple[str, str], set[int]] = {}
    for f in found:
        replicas.setdefault(f.sample.approximant_id, set()).add(f.sample.replica)
        numbers.setdefault((f.parent, f.series), set()).add(f.number)
    placed: dict[str, NewOrdering] = {}
    taken: set[tuple[Sample, str]] = set()
    named: dict[str, Sample] = {}
    for f in found:
        sample, number, series = f.sample, f.number, (f.parent, f.series)
        runs = shaped.get(f.old, set())
        key = f"{f.parent}:{f.series}:{number}"
        clash = any((sample, run) in taken for run in runs) or named.get(key, sample) != sample
        if clash:
            free = max(replicas[sample.approximant_id]) + 1
            sample = Sample(sample.approximant_id, free)
            replicas[sample.approximant_id].add(free)
            if key in named:
                number = max(numbers[series]) + 1
                numbers[series].add(number)
                key = f"{f.parent}:{f.series}:{number}"
        named[key] = sample
        taken.update((sample, run) for run in runs)
        placed[f.old] = NewOrdering(key, f.parent, number, sample, further=clash)
    return placed


def _weights(runs: Iterable[Stored]) -> dict[str, FormerWeights]:
    used: dict[str, Counter[str]] = {}
    for run in runs:
        tensors = run["engine"].get("weights_sha256")
        if tensors is None:
            continue
        recorded = run["provenance"]["parameters"]
        p = dynamics_parameters(recorded["values"], recorded["mobile_ion"], {})
        used.setdefault(potential_id(p.configured_engine()), Counter())[tensors] += 1
    return {
        name: FormerWeights(sorted(counts, key=lambda tensors: (-counts[tensors], tensors)))
        for name, counts in used.items()
    }
