"""Documents of version 1's dynamics and windows in the layout of today, one by one."""

from collections.abc import Mapping
from typing import Any

from mtl_flows.schemas.base import StageParameters
from mtl_flows.schemas.potentials import PotentialDocument
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.potentials import name_part, potential_id
from mtl_flows.store.version_1.runs import NewOrdering

Stored = dict[str, Any]

_PROVIDERS = {"mp": "materials_project"}
"""Providers of entries that had another name."""


def ordering(stored: Stored, new: NewOrdering, crystal_id: str) -> Stored:
    """Ordered approximant, which knows its cell and replica."""
    return {
        **_placed(stored, new, crystal_id),
        "_id": new.key,
        "approximant_id": new.sample.approximant_id,
        "replica": new.sample.replica,
        "ordering": new.number,
        "provenance": {**stored["provenance"], "inputs": {"parent": new.parent_id}},
    }


def relaxation(stored: Stored, new: NewOrdering, p: DynamicsParameters, crystal_id: str) -> Stored:
    """Relaxed cell."""
    stage = p.relaxation_stage()
    return {
        **_placed(stored, new, crystal_id),
        "_id": p.relaxation_id(new.sample.approximant_id),
        "approximant_id": new.sample.approximant_id,
        "potential_id": p.potential_id,
        "engine": _engine(stored["engine"]),
        "parameters_hash": stage.hash,
        "provenance": {
            **stored["provenance"],
            "inputs": {"ordering": new.key},
            "parameters": stage.model_dump(),
        },
    }


def trajectory(
    stored: Stored, new: NewOrdering, p: DynamicsParameters, crystal_id: str, series: str
) -> Stored:
    """Simulation, with its frames and checkpoint as they are; `series` is the hash of how its cell was ordered."""
    stage = p.dynamics_stage()
    relaxed = p.relaxation_id(new.sample.approximant_id)
    return {
        **_placed(stored, new, crystal_id),
        **_of_sample(new, p, series),
        "_id": trajectory_id(stored, new, p),
        "engine": _engine(stored["engine"]),
        "parameters_hash": stage.hash,
        "provenance": {
            **stored["provenance"],
            "inputs": {"relaxation": relaxed},
            "parameters": stage.model_dump(),
        },
    }


def trajectory_id(stored: Mapping[str, Any], new: NewOrdering, p: DynamicsParameters) -> str:
    """Id of a simulation."""
    heating = stored["trajectory_stage"] == "heat"
    return p.trajectory_id(new.sample, None if heating else stored["temperature_K"])


def transport(
    stored: Stored, new: NewOrdering, p: DynamicsParameters, crystal_id: str, series: str
) -> Stored:
    """Arrhenius fit of simulations under some parameters."""
    return {
        **_placed(stored, new, crystal_id),
        **_of_sample(new, p, series),
        "_id": f"{p.run_id(new.sample)}:{stored['parameters_hash']}",
        "dynamics_hash": p.dynamics_stage().hash,
    }


def window(stored: Stored, crystal_id: str) -> Stored:
    """Window of a crystal, on a hull that no potential of ours gave."""
    kept = {name: value for name, value in stored.items() if name != "structure_id"}
    inputs = {**stored["provenance"]["inputs"], "crystal": crystal_id}
    inputs.pop("structure", None)
    recorded = StageParameters.model_validate(stored["provenance"]["parameters"])
    provider = _PROVIDERS.get(recorded.values["provider"], recorded.values["provider"])
    stage = recorded.model_copy(update={"values": {**recorded.values, "provider": provider}})
    return {
        **kept,
        "_id": f"{crystal_id}:{stage.hash}",
        "parameters_hash": stage.hash,
        "crystal_id": crystal_id,
        "parent_id": crystal_id,
        "relaxation_id": "",
        "provenance": {**stored["provenance"], "inputs": inputs, "parameters": stage.model_dump()},
    }


def window_of_cell(stored: Stored, new: NewOrdering, p: DynamicsParameters, crystal_id: str) -> Stored:
    """Window of a relaxed cell, on the hull of its potential."""
    relaxed = p.relaxation_id(new.sample.approximant_id)
    inputs = {**stored["provenance"]["inputs"], "relaxation": relaxed}
    return {
        **_placed(stored, new, crystal_id),
        "_id": f"{relaxed}:{stored['parameters_hash']}",
        "schema_version": 1,
        "relaxation_id": relaxed,
        "ordering_id": new.key,
        "energies": energies_label(p),
        "own_energy": f"relaxation {relaxed}",
        "provenance": {**stored["provenance"], "inputs": inputs},
    }


def energies_label(p: DynamicsParameters) -> str:
    """What the energies of competing phases go by: the potential, and how far they were relaxed."""
    return f"{p.engine} {p.relaxation_stage().hash}"


def potential(stored: Mapping[str, Any], p: DynamicsParameters) -> Stored:
    """Potential of a run, by the hash that version 1 recorded; the first worker that loads it adds its own."""
    tensors = stored["engine"]["weights_sha256"]
    engine = p.configured_engine()
    return PotentialDocument(
        id=p.potential_id,
        engine_name=p.engine,
        name_part=name_part(engine),
        name_id=potential_id(engine),
        distinguished_by=p.weights,
        weights_sha256=None if tensors else "",
        tensors_sha256=[tensors],
        engine=_engine(stored["engine"]),
        noted_at=stored["provenance"]["created_at"],
    ).to_mongo()


def _placed(stored: Stored, new: NewOrdering, crystal_id: str) -> Stored:
    kept = {name: value for name, value in stored.items() if name != "structure_id"}
    return {
        **kept,
        "schema_version": 2,
        "crystal_id": crystal_id,
        "parent_id": new.parent_id,
        **({"ordering_id": new.key} if "ordering_id" in stored else {}),
    }


def _of_sample(new: NewOrdering, p: DynamicsParameters, series: str) -> Stored:
    return {
        "approximant_id": new.sample.approximant_id,
        "replica": new.sample.replica,
        "ordering": new.number,
        "series": series,
        "relaxation_id": p.relaxation_id(new.sample.approximant_id),
        "potential_id": p.potential_id,
    }


def _engine(recorded: Mapping[str, Any]) -> Stored:
    """Fingerprint whose hash is of the tensors as they were cast."""
    tensors = recorded.get("weights_sha256")
    return {**recorded, "weights_sha256": None if tensors else tensors, "tensors_sha256": tensors}
