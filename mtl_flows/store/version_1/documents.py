"""Documents of version 1 in the layout of today, one by one; the rest is left to the schema migrations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Structure

from mtl_flows.schemas.base import StageParameters, content_hash
from mtl_flows.schemas.crystals import CrystalDocument
from mtl_flows.schemas.ingest import DeliveryDocument
from mtl_flows.science.crystals import canonical
from mtl_flows.science.naming import file_slug, names
from mtl_flows.science.topology import TopologyParameters
from mtl_flows.stages import BARCODES, CHEMISTRY, Subject
from mtl_flows.store.version_1.crystals import own_crystal

Stored = dict[str, Any]

_LOST_FLAGS = {"mobile_disordered", "framework_disordered"}
_MOST_HYDROGENS_PER_ATOM = 4


def crystal(stored: Stored, crystal_id: str) -> Stored:
    """Crystal of the revision that gave it first."""
    structure, _ = canonical(Structure.from_dict(stored["structure"]))
    document = CrystalDocument(
        id=crystal_id,
        reduced_formula=stored["reduced_formula"],
        n_sites=len(structure),
        structure=structure.as_dict(),
        provenance=stored["provenance"],
    )
    return document.to_mongo()


def structure(stored: Stored, subject: Subject) -> Stored:
    """Revision of a material, without what belongs to its crystal.

    Charges that differ among the atoms of one element were not kept: they come with the next reading of the file.
    """
    given = Structure.from_dict(stored["structure"])
    _, order = canonical(given)
    kept = {name: value for name, value in stored.items() if name not in ("structure", "content_hash")}
    implicit = _implicit_hydrogens(stored)
    said = [
        own_crystal(stored),
        stored["formula"],
        stored["metadata"],
        stored["oxidation_states"],
        implicit,
    ]
    return {
        **kept,
        "names": names(stored["material_id"]),
        "crystal_id": subject.crystal_id,
        "fingerprint": content_hash(said),
        "flags": {name: value for name, value in stored["flags"].items() if name not in _LOST_FLAGS},
        "implicit_hydrogens": implicit,
        "site_charges": [],
        "site_labels": [given[int(i)].label for i in order],
    }


def _implicit_hydrogens(stored: Stored) -> float:
    """Hydrogens without sites: version 1 kept them in nothing but the fingerprint, which tells a right guess."""
    said = [stored["content_hash"], stored["formula"], stored["metadata"], stored["oxidation_states"]]
    most = round(_MOST_HYDROGENS_PER_ATOM * stored["n_atoms"]) if stored["flags"]["missing_hydrogen"] else 0
    guesses = (float(n) for n in range(most + 1))
    return next((n for n in guesses if content_hash([*said, n]) == stored["fingerprint"]), 0.0)


def deliveries(stored: Stored) -> list[Stored]:
    """What each release holds of a material, by one of its revisions."""
    return [
        DeliveryDocument(
            id=DeliveryDocument.key(release, stored["material_id"]),
            release=release,
            material_id=stored["material_id"],
            structure_id=stored["_id"],
            file_name=stored["file"]["name"],
            stem=file_slug(Path(stored["file"]["name"])),
        ).to_mongo()
        for release in stored["releases"]
    ]


def barcodes(stored: Stored, subject: Subject, structure: Structure) -> Stored:
    """Barcodes, their sites in the order of the crystal's."""
    _, order = canonical(structure)
    place = np.argsort(order)
    recorded = stored["provenance"]["parameters"]
    parameters = BARCODES.keyed(TopologyParameters(**recorded["values"]), recorded["mobile_ion"])
    orbits = [{**orbit, "site_index": int(place[orbit["site_index"]])} for orbit in stored["orbits"]]
    return {**_of_crystal(stored, subject.crystal_id, parameters), "orbits": orbits}


def topology(stored: Stored, subject: Subject) -> Stored:
    """Metrics and features; their key part is what it was."""
    return _of_crystal(stored, subject.crystal_id, _parameters(stored))


def chemistry(stored: Stored, subject: Subject) -> Stored:
    """Verdicts of the chemical rules."""
    key = subject.key(CHEMISTRY.reads)
    moved = _of_crystal(stored, key, _parameters(stored))
    inputs = {"crystal": subject.crystal_id, "statements": key.rpartition(".")[2]}
    return {
        **moved,
        "crystal_id": subject.crystal_id,
        "provenance": {**moved["provenance"], "inputs": inputs},
    }


def clustering(stored: Stored, crystals: Sequence[str], renamed: Mapping[str, str]) -> Stored:
    """Run of the clustering, by the crystals it was made of; `renamed` knows the run before."""
    members = content_hash(sorted(crystals))
    kept = {name: value for name, value in stored.items() if name != "current"}
    provenance = {
        **stored["provenance"],
        "inputs": {**stored["provenance"]["inputs"], "members": members},
    }
    return {
        **kept,
        "_id": clustering_id(stored, crystals),
        "members_hash": members,
        "previous": renamed.get(stored["previous"], ""),
        "provenance": provenance,
    }


def clustering_id(stored: Stored, crystals: Sequence[str]) -> str:
    """Id of a run made of some crystals."""
    known = sorted({known for cluster in stored["clusters"] for known in cluster["known_conductors"]})
    made_of = [
        stored["parameters_hash"],
        stored["topology_parameters_hash"],
        content_hash(sorted(crystals)),
        known,
    ]
    return f"{stored['protocol']}:{content_hash(made_of)[:16]}"


def assignment(stored: Stored, crystal_id: str, renamed: Mapping[str, str]) -> Stored:
    """Place of a crystal in a run."""
    kept = {name: value for name, value in stored.items() if name != "structure_id"}
    run = renamed[stored["clustering_id"]]
    return {**kept, "_id": f"{run}:{crystal_id}", "clustering_id": run, "crystal_id": crystal_id}


def verdict(stored: Stored, renamed: Mapping[str, str]) -> Stored:
    """Verdict on a material; `renamed` knows what it rests on."""
    inputs = {name: renamed.get(key, key) for name, key in stored["provenance"]["inputs"].items()}
    return {
        **stored,
        "_id": f"{stored['material_id']}:{stored['parameters_hash']}",
        "provenance": {**stored["provenance"], "inputs": inputs},
    }


def screening(stored: Stored, runs: Sequence[Stored], renamed: Mapping[str, str]) -> Stored:
    """Screening with the history of its clusterings, oldest first."""
    current = {run["protocol"]: renamed[run["_id"]] for run in runs if run["current"]}
    history = [
        {
            "protocol": run["protocol"],
            "clustering_id": renamed[run["_id"]],
            "at": run["provenance"]["created_at"],
        }
        for run in sorted(runs, key=lambda run: (run["provenance"]["created_at"], run["_id"]))
    ]
    for protocol, key in sorted(current.items()):
        latest = [event for event in history if event["protocol"] == protocol]
        if latest[-1]["clustering_id"] != key:
            history.append({"protocol": protocol, "clustering_id": key, "at": stored["chosen_at"]})
    return {
        "_id": stored["_id"],
        "schema_version": 2,
        "mobile_ion": stored["parameters"]["mobile_ion"],
        "parameters": stored["parameters"],
        "chosen_at": stored["chosen_at"],
        "versions": {},
        "default": False,
        "current": current,
        "history": history,
    }


def _parameters(stored: Stored) -> StageParameters:
    return StageParameters.model_validate(stored["provenance"]["parameters"])


def _of_crystal(stored: Stored, key: str, parameters: StageParameters) -> Stored:
    """Result of a stage that reads the crystal alone."""
    kept = {name: value for name, value in stored.items() if name not in ("material_id", "structure_id")}
    provenance = {
        **stored["provenance"],
        "inputs": {"crystal": key},
        "parameters": parameters.model_dump(),
    }
    return {
        **kept,
        "_id": f"{key}:{parameters.hash}",
        "crystal_id": key,
        "parameters_hash": parameters.hash,
        "provenance": provenance,
    }
