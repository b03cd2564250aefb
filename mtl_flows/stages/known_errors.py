"""What known answers say of a potential's error: what a store has found itself, else what comes with the package."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from mtl_flows.schemas.potentials import PotentialDocument
from mtl_flows.science.dynamics.known_answers import FEWEST_MATERIALS, AnswerComparison


@cache
def _packaged() -> Mapping[str, Mapping[str, Any]]:
    text = files("mtl_flows").joinpath("data/potential_errors.yaml").read_text(encoding="utf-8")
    return {potential["potential_id"]: potential for potential in yaml.safe_load(text) or []}


def packaged_comparisons(potential_id: str, weights_sha256: str | None) -> tuple[AnswerComparison, ...]:
    """Return comparisons that come with the package, of a potential with these weights; none of others."""
    found = _packaged().get(potential_id)
    if found is None or found["weights_sha256"] != weights_sha256:
        return ()
    return tuple(map(AnswerComparison.from_dict, found["comparisons"]))


def known_comparisons(potential: PotentialDocument) -> tuple[AnswerComparison, ...]:
    """Return comparisons of a potential: the store's own from five materials on, else those of the package."""
    own = tuple(map(AnswerComparison.from_dict, potential.known_answers))
    if len(own) >= FEWEST_MATERIALS:
        return own
    return packaged_comparisons(potential.id, potential.weights_sha256) or own


def mark_of(comparisons: Sequence[AnswerComparison]) -> list[str]:
    """Return what changes when they do."""
    return [json.dumps(comparison.as_dict(), sort_keys=True) for comparison in comparisons]


def by_potential(potentials: Iterable[PotentialDocument]) -> dict[str, tuple[AnswerComparison, ...]]:
    """Comparisons of several potentials, by their ids; of those that have any."""
    found = {potential.id: known_comparisons(potential) for potential in potentials}
    return {key: comparisons for key, comparisons in found.items() if comparisons}
