"""What is known of a potential once its model was loaded: its weights, and whether it can drive dynamics."""

from typing import Any

from mtl_flows.errors import UnsoundPotentialError
from mtl_flows.schemas.base import utc_now
from mtl_flows.schemas.potentials import PotentialDocument
from mtl_flows.simulation.soundness import SOUNDNESS_VERSION, Soundness
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.potentials import name_part, potential_id

_BEFORE_VERSIONS = 1
"""Version of the check that found what was kept without one."""


def soundness_of(known: PotentialDocument) -> Soundness | None:
    """Return what this version of the check found of a potential; None where it is to be tried."""
    version = _BEFORE_VERSIONS if known.soundness_version is None else known.soundness_version
    if known.soundness is None or version < SOUNDNESS_VERSION:
        return None
    return Soundness(**known.soundness)


def potential_document(parameters: DynamicsParameters, fingerprint: dict[str, Any]) -> PotentialDocument:
    """Tie the name of a potential to the weights that its engine has loaded."""
    engine = parameters.configured_engine()
    return PotentialDocument(
        id=parameters.potential_id,
        engine_name=parameters.engine,
        name_part=name_part(engine),
        name_id=potential_id(engine),
        distinguished_by=parameters.weights,
        weights_sha256=fingerprint["weights_sha256"],
        tensors_sha256=[fingerprint["tensors_sha256"]],
        engine=fingerprint,
        noted_at=utc_now(),
    )


def demand_sound(found: Soundness, parameters: DynamicsParameters) -> None:
    """Refuse a potential that would heat or cool what it drives.

    Raises
    ------
    UnsoundPotentialError
        If its forces or its stress are not the slope of its energy, unless that was asked for.
    """
    if found.objection and not parameters.allow_unsound:
        raise UnsoundPotentialError(
            found.objection,
            subject=parameters.engine,
            remedy="use another potential; --allow-non-conservative runs it all the same",
        )
