"""The table of candidates agrees with what the stages wrote, and is the same however often it is made."""

from typing import Any

import pytest
from samples import KNOWN, SCREENED, fill, fill_screened, label

from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.science.topology import PROTOCOLS
from mtl_flows.stages import CHEMISTRY, TOPOLOGY, ScreeningParameters
from mtl_flows.store.database import MTLStore

P = ScreeningParameters()


@pytest.fixture
def screened(store: MTLStore) -> MTLStore:
    return fill_screened(store)


def dump(store: MTLStore) -> list[dict[str, Any]]:
    return list(store.candidates.raw.find(sort=[("_id", 1)]))


def test_rebuilding_changes_nothing(screened: MTLStore) -> None:
    before = dump(screened)
    assert rebuild_candidates(screened, P) == 0
    assert dump(screened) == before
    screened.candidates.raw.delete_many({})
    assert rebuild_candidates(screened, P) == len(SCREENED)
    assert dump(screened) == before


def test_the_table_agrees_with_what_the_stages_wrote(screened: MTLStore) -> None:
    for candidate in screened.candidates.find():
        key = candidate.structure_id
        subjects = screened.structures.subjects([key])
        found = screened.topology.found(TOPOLOGY.keys(subjects, P.of(TOPOLOGY)))[key]
        verdict = screened.chemistry.found(CHEMISTRY.keys(subjects, P.of(CHEMISTRY)))[key]
        assert candidate.r_connected_A == found.r_connected_A
        assert candidate.rho_cycles_text == found.rho_cycles["text"]
        assert candidate.failed_rules == verdict.failures
        assert candidate.is_known_conductor == (candidate.material_id in KNOWN)
        for protocol in PROTOCOLS:
            run = screened.clusterings.current(protocol)
            mine = screened.assignments.of(run.id, [candidate.crystal_id]).get(candidate.crystal_id)
            assert getattr(candidate, f"cluster_{protocol}") == (mine.cluster if mine else None)
    survivors = {c.material_id for c in screened.candidates.survivors()}
    assert "li10gep2s12" in survivors
    assert not survivors & {"li3ocl", "licl", "licoo2", "li7p3s11"}


def test_labels_enter_whatever_their_case(screened: MTLStore) -> None:
    label(screened, "LiCl", known_conductor=True, conductivity_S_per_cm=1e-9)
    assert rebuild_candidates(screened, P) == 1
    candidate = screened.candidates.get("licl")
    assert (candidate.is_known_conductor, candidate.conductivity_measured_S_per_cm) == (True, 1e-9)


def test_withdrawn_and_superseded_structures_leave_the_table(screened: MTLStore) -> None:
    structures = screened.structures.raw
    structures.update_one({"_id": "licl.r1"}, {"$set": {"withdrawn": True}})
    newer = screened.structures.get("li3ocl.r1")
    structures.update_one({"_id": newer.id}, {"$set": {"current": False}})
    screened.structures.add(
        [newer.model_copy(update={"id": "li3ocl.r2", "revision": 2, "fingerprint": "other"})]
    )
    assert rebuild_candidates(screened, P, ["li7sbo6.r1"]) == 0  # a part says nothing of the rest
    assert screened.candidates.existing(["licl"])
    assert rebuild_candidates(screened, P) == 2
    assert not screened.candidates.existing(["licl"])
    revised = screened.candidates.get("li3ocl")
    assert (revised.structure_id, revised.furthest_stage) == ("li3ocl.r2", "prescreen")
    # The same crystal keeps its results; another has none yet.
    structures.update_one({"_id": "li3ocl.r2"}, {"$set": {"crystal_id": "another"}})
    assert rebuild_candidates(screened, P) == 1
    assert screened.candidates.get("li3ocl").furthest_stage == "ingested"


def test_duplicates_are_marked(store: MTLStore) -> None:
    ids = fill(store, "li3n", "licl")
    store.structures.raw.update_one({"_id": ids[1]}, {"$set": {"representative_id": "icsd-34280"}})
    rebuild_candidates(store, P)
    assert store.candidates.get("icsd-34280").is_representative
    duplicate = store.candidates.get("licl")
    assert (duplicate.is_representative, duplicate.representative_id) == (False, "icsd-34280")
