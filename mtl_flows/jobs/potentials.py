"""Which potential a name stands for: looked up where work is handed in, tied to weights and verified where it runs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pymatgen.core import Structure

from mtl_flows.errors import PotentialChangedError
from mtl_flows.jobs.context import engine_here
from mtl_flows.simulation.engine import RelaxationGoal
from mtl_flows.simulation.soundness import SOUNDNESS_VERSION
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.loaded_potentials import demand_sound, potential_document, soundness_of
from mtl_flows.stages.potentials import potential_id
from mtl_flows.store.database import MTLStore

_TAG_DIGITS = 16


def standing_potential(store: MTLStore, parameters: DynamicsParameters) -> DynamicsParameters:
    """Return the parameters with the potential that the engine's name stands for now; no model is loaded.

    That is the one whose weights a worker met last, or one that no worker has loaded yet.
    """
    known = store.potentials.of_name(potential_id(parameters.configured_engine()))
    return replace(parameters, weights=known[0].distinguished_by if known else "")


def identify(
    store: MTLStore,
    parameters: DynamicsParameters,
    relaxing: Callable[[], Sequence[tuple[Structure, RelaxationGoal]]] = tuple,
) -> dict[str, Any]:
    """Load the engine and return its fingerprint, once its weights are known to be those of the potential.

    The first to load a potential ties its weights to its name. Weights of which version 1 recorded the hash of its cast
    tensors are recognised by that.

    Parameters
    ----------
    relaxing
        As `engine_here` takes it.

    Raises
    ------
    CalculationError
        If the model cannot be loaded.
    PotentialChangedError
        If its weights are others than those of the potential: that is written down as a potential of its own.
    """
    fingerprint = engine_here(parameters, relaxing=relaxing).fingerprint()
    weights, tensors = fingerprint["weights_sha256"], fingerprint["tensors_sha256"]
    key = parameters.potential_id
    verified = ("weights", key, weights)
    if verified in store.facts:
        return fingerprint
    standing = list(store.potentials.find({"_id": key}))
    if not standing and weights.startswith(parameters.weights):
        store.potentials.add([potential_document(parameters, fingerprint)])
        standing = list(store.potentials.find({"_id": key}))  # another process may have been quicker
    for known in standing:
        if known.weights_sha256 is None and tensors in known.tensors_sha256:
            store.potentials.note_weights(key, weights)
            return fingerprint
        if known.weights_sha256 == weights:
            store.facts.add(verified)
            return fingerprint
    raise PotentialChangedError(
        f"the weights of this worker, {weights[:12]}, are not those of potential {key}: they are the potential "
        f"{_noted(store, parameters, fingerprint)} of the same name",
        subject=parameters.engine,
        remedy="hand the work in again to compute with these, beside what there is",
    )


def require_sound(store: MTLStore, parameters: DynamicsParameters, relaxed: Structure) -> None:
    """Try a potential once, on the first cell that it relaxed; what was found is kept with the version of the check.

    What an older version found is found anew; what was kept before there were versions is of the first.

    Raises
    ------
    UnsoundPotentialError
        If its forces or its stress are not the slope of its energy, unless that was asked for.
    """
    key = parameters.potential_id
    known = next(iter(store.potentials.find({"_id": key})), None)
    found = None if known is None else soundness_of(known)
    if found is None:
        found = engine_here(parameters).check(relaxed)
        if found is None:
            return
        store.potentials.note_soundness(key, found.as_dict(), SOUNDNESS_VERSION)
    demand_sound(found, parameters)


def _noted(store: MTLStore, parameters: DynamicsParameters, fingerprint: dict[str, Any]) -> str:
    """Id of the potential with a worker's weights; from now on the name stands for it."""
    name_id = potential_id(parameters.configured_engine())
    for known in store.potentials.of_name(name_id):
        if known.weights_sha256 == fingerprint["weights_sha256"]:
            store.potentials.note_again(known.id)
            return known.id
    tag = fingerprint["weights_sha256"][:_TAG_DIGITS] or "none"
    found = potential_document(replace(parameters, weights=tag), fingerprint)
    store.potentials.add([found])
    return found.id
