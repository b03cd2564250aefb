"""A batch computed elsewhere: the same documents and rejections; what is damaged or foreign is refused."""

import gzip
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from batch_work import NAMED
from carried_work import HEAVY, SLUGS, Batch, P, counts
from fake_cluster import networks_can_be_left
from samples import HERE, contents, fill

from mtl_flows.carried import stage_calls
from mtl_flows.carried.desk import DONE, FAILED, STOPPED
from mtl_flows.carried.folder import CarriedAnswer
from mtl_flows.carried.node import compute
from mtl_flows.carried.sealed import unpacked
from mtl_flows.carried.stage_calls import computing_here, differing
from mtl_flows.errors import ConfigurationError, DamagedFolderError, MissingExtraError
from mtl_flows.jobs import carried_batch
from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.stage_results import BatchSummary
from mtl_flows.stages import (
    BARCODES,
    BARRIER,
    CHEMISTRY,
    LANDSCAPE,
    TOPOLOGY,
    ScreeningParameters,
)
from mtl_flows.stages.work import Limits
from mtl_flows.store.database import MTLStore


@pytest.fixture
def batch(store: MTLStore, tmp_path: Path) -> Batch:
    return Batch(store, tmp_path / "carried")


@pytest.mark.parametrize("ion", ["Li", "Na"])
def test_what_comes_back_is_what_is_computed_here(
    batch: Batch, store: MTLStore, ion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carried_batch, "PORTION", 2)
    parameters = ScreeningParameters(ion)
    ids = fill(store, *SLUGS)
    here = run_stages(store, ids, parameters, stages=HEAVY, limits=HERE)
    expected = contents(store)
    for collection in (*map(store.results, HEAVY), store.rejections):
        collection.raw.delete_many({})

    folder = batch.asked(ids, parameters)
    assert batch.compute(folder) == DONE
    assert len(folder.keys) == 3
    assert batch.run(ids, parameters) == here
    assert contents(store) == expected
    assert folder.keys == set()  # what is in the store is kept nowhere else
    assert not list((folder.path / "answers").iterdir())
    if ion == "Li":
        assert batch.run(ids, parameters) == [BatchSummary(s.noun, already_there=5) for s in HEAVY]
        stored = store.topology.raw.find_one({})
        assert stored is not None
        assert stored["provenance"]["code_version"] == computing_here()["code_version"]
    else:
        # Handed in once more, what was refused is tried once more, as here.
        assert counts(here)[:2] == [(0, 0, 5), (0, 0, 0)]
        calls = batch.asked(ids, parameters).asked().calls
        assert sum(len(call.arguments["wanted"]["barcodes"]) for call in calls) == 5


def test_what_is_there_is_not_asked_for_and_goes_along_where_it_is_needed(
    batch: Batch, store: MTLStore
) -> None:
    ids = fill(store, *SLUGS, "licoo2")
    run_stages(store, ids, P, stages=HEAVY, limits=HERE)
    expected = contents(store)
    store.topology.raw.delete_many({})
    store.barriers.raw.delete_one({})
    folder = batch.asked(ids)
    (call,) = folder.asked().calls
    assert {noun: len(keys) for noun, keys in call.arguments["wanted"].items()} == {
        "topology": 6,
        "barrier": 1,
    }
    assert {noun: len(given) for noun, given in call.arguments["upstream"].items()} == {"barcodes": 6}
    batch.compute(folder)
    assert counts(batch.run(ids)) == [(0, 6, 0), (6, 0, 0), (1, 5, 0)]
    assert contents(store) == expected


def test_what_is_light_makes_no_trip(batch: Batch, store: MTLStore) -> None:
    ids = fill(store, *SLUGS)
    assert counts(batch.run(ids, stages=[CHEMISTRY])) == [(5, 0, 0)]
    assert counts(batch.run([], stages=HEAVY)) == [(0, 0, 0)] * 3
    (call,) = batch.asked(ids, stages=[LANDSCAPE]).asked().calls
    assert len(call.arguments["crystals"]) == 5


def test_a_node_cut_off_costs_a_portion_and_the_rest_alone_is_asked_for(
    batch: Batch, store: MTLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carried_batch, "PORTION", 2)
    ids = fill(store, *SLUGS)
    folder = batch.asked(ids)
    calls = folder.asked().calls
    assert batch.compute(folder) == DONE
    for call in calls[1:]:
        folder.forget(call.key)  # as if the node had been killed in the second portion
    rest = batch.asked(ids)
    assert [call.key for call in rest.asked().calls] == [call.key for call in calls[1:]]
    assert store.topology.count() == 2
    batch.compute(rest)
    assert counts(batch.run(ids))[1] == (3, 2, 0)
    assert store.topology.count() == 5
    assert (
        len(
            [
                line
                for line in batch.said
                if line.startswith("2 crystals, 2 barcodes, 2 topology, 2 barrier: ")
            ]
        )
        == 3
    )


def test_materials_of_one_crystal_share_its_document(batch: Batch, store: MTLStore) -> None:
    (original,) = fill(store, "li3n")
    document = store.structures.get(original)
    store.structures.add([document.model_copy(update={"id": "twin.r1", "material_id": "twin"})])
    folder = batch.asked([original, "twin.r1"])
    batch.compute(folder)
    assert counts(batch.run([original, "twin.r1"]))[0] == (1, 0, 0)


def test_what_exceeds_its_limits_there_is_refused_for_it(
    batch: Batch, store: MTLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_calls, "CRYSTAL_STAGES", (NAMED,))
    ids = fill(store, *SLUGS)
    limits = Limits(workers=2, timeout_s=2.0, memory_MB=4000)
    folder = batch.asked(ids, stages=[NAMED], limits=limits)
    assert folder.asked().choice.processors == 2
    assert batch.compute(folder) == DONE
    assert counts(batch.run(ids, stages=[NAMED], limits=limits)) == [(2, 0, 3)]
    told = {r.material_id: (r.reason, r.message) for r in store.rejections.outstanding()}
    assert told["li3ocl"] == ("limit_exceeded", "took more than 2 s")
    assert told["licl"][0] == "limit_exceeded"
    assert "exit code 11" in told["licl"][1]
    assert told["lioh"] == ("input", "ZeroDivisionError: oops")


def test_what_dies_once_a_node_is_wanted_back_is_no_fault_of_a_crystal(
    batch: Batch, store: MTLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue ends the processes of a batch along with the work itself."""
    monkeypatch.setattr(stage_calls, "CRYSTAL_STAGES", (NAMED,))
    folder = batch.asked(fill(store, "li2o", "licl"), stages=[NAMED], limits=Limits(workers=1))
    stop = iter([False])
    assert compute(folder, batch.said.append, stopped=lambda: next(stop, True)) == STOPPED
    assert (folder.keys, folder.ended) == (set(), "")


def foreign(how: str, value: dict[str, Any]) -> Any:
    """An answer as a machine might give it that does not compute what was asked."""
    document = value["documents"]["topology"][0]
    match how:
        case "another crystal":
            document["_id"] = f"{'0' * 24}:{document['parameters_hash']}"
        case "other parameters":
            document["provenance"]["parameters"]["values"]["cutoff_A"] = 3.0
        case "another layout":
            document["schema_version"] = 99
        case "no document":
            document["r_connected_A"] = "far"
        case "another stage":
            value["documents"]["verdicts"] = []
            value["left_out"]["verdicts"] = ["all"]
        case "all is left out":
            ids = {noun: [d["_id"] for d in ones] for noun, ones in value["documents"].items()}
            return {**value, "documents": {}, "left_out": ids}
        case "left out for what is there":
            value["documents"]["topology"] = []
            value["left_out"]["topology"] = [document["_id"]]
        case "too little":
            value["documents"]["topology"] = []
        case "no error":
            value["refused"]["topology"] = {document["_id"]: {"type": ["MTLError"]}}
        case "nothing":
            return "nothing"
    return value


@pytest.mark.parametrize(
    "how",
    [
        *("another crystal", "other parameters", "another layout", "no document", "another stage"),
        *("too little", "no error", "nothing", "all is left out", "left out for what is there"),
    ],
)
def test_a_foreign_answer_is_refused_with_its_reason(batch: Batch, store: MTLStore, how: str) -> None:
    ids = fill(store, "licl")
    folder = batch.asked(ids)
    batch.compute(folder)
    (key,) = folder.keys
    folder.put(key, CarriedAnswer(foreign(how, folder.answer(key).value)))
    before = contents(store)
    with pytest.raises(DamagedFolderError, match="does not answer what was asked") as refused:
        batch.run(ids)
    assert str(folder.path) in str(refused.value)
    assert contents(store) == before
    assert batch.asked(ids).path == folder.path  # asked anew
    assert folder.keys == set()


@pytest.mark.parametrize("how", ["changed", "cut", "gone"])
def test_a_damaged_answer_is_asked_for_anew(batch: Batch, store: MTLStore, how: str) -> None:
    ids = fill(store, "licl")
    folder = batch.asked(ids)
    batch.compute(folder)
    (file,) = (folder.path / "answers").iterdir()
    if how == "changed":
        file.write_bytes(file.read_bytes()[:-4] + b"0123")
    elif how == "cut":
        file.write_bytes(b"")
    else:
        file.unlink()
    assert batch.asked(ids).path == folder.path
    assert (len(batch.root.damaged), folder.keys) == (1, set())
    batch.compute(folder)
    assert counts(batch.run(ids)) == [(1, 0, 0)] * 3


def test_no_file_unfolds_to_more_than_is_written_here(tmp_path: Path) -> None:
    written = json.dumps({"value": list(range(100_000))}).encode()
    assert unpacked(gzip.compress(written), tmp_path) == written
    for bomb, words in (
        (gzip.compress(bytes(2**26)), "stand for more than"),
        (gzip.compress(written)[:-1000], "ends too early"),
        (b"nothing of the kind", "is not compressed"),
    ):
        with pytest.raises(DamagedFolderError, match=words):
            unpacked(bomb, tmp_path)


def test_a_node_with_another_version_of_a_stage_computes_nothing(
    batch: Batch, store: MTLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = fill(store, "licl")
    folder = batch.asked(ids)
    key = folder.asked().choice.key
    with monkeypatch.context() as there:
        there.setattr(stage_calls, "CRYSTAL_STAGES", (BARCODES, replace(TOPOLOGY, version=2), BARRIER))
        assert batch.compute(folder) == FAILED
        assert folder.asked().choice.key == key  # whoever brings it back after an update can still tell it
    with pytest.raises(
        ConfigurationError, match="stage topology: is version 1 where it is asked and version 2 here"
    ):
        batch.run(ids)
    assert batch.asked(ids).path == folder.path


def test_a_node_with_another_version_of_what_a_stage_needs_computes_nothing(
    batch: Batch, store: MTLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = fill(store, "licl")
    run_stages(store, ids, P, stages=[BARCODES], limits=HERE)
    folder = batch.asked(ids, stages=[TOPOLOGY])
    with monkeypatch.context() as there:
        there.setattr(stage_calls, "CRYSTAL_STAGES", (replace(BARCODES, version=9), TOPOLOGY, BARRIER))
        assert batch.compute(folder) == FAILED
    with pytest.raises(ConfigurationError, match=r"stage barcodes: is version \d where"):
        batch.run(ids, stages=[TOPOLOGY])


def test_versions_of_packages_that_differ_there_are_told() -> None:
    here = computing_here()
    assert differing(here) == ""
    there = {**here, "libraries": {**here["libraries"], "giotto-ph": "0.0.1", "spglib": "9.9"}}
    installed = here["libraries"]
    assert (
        differing(there)
        == f"giotto-ph 0.0.1 (here {installed['giotto-ph']}), spglib 9.9 (here {installed['spglib']})"
    )
    assert differing({"code_version": "0", "libraries": "none"}).startswith("mtl_flows 0 (here ")


def test_a_package_that_a_node_lacks_is_no_fault_of_a_crystal(batch: Batch, store: MTLStore) -> None:
    ids = fill(store, "licl")
    folder = batch.asked(ids)
    error = {
        "type": "MissingExtraError",
        "message": "giotto-ph is not installed",
        "subject": "",
        "remedy": "",
    }
    folder.put(folder.asked().calls[0].key, CarriedAnswer(error=error))
    with pytest.raises(MissingExtraError, match="giotto-ph is not installed"):
        batch.run(ids)
    assert store.rejections.count() == 0
    assert batch.asked(ids).path == folder.path


def test_a_node_needs_neither_network_nor_settings_nor_a_driver(batch: Batch, store: MTLStore) -> None:
    if not networks_can_be_left():
        pytest.skip("unshare cannot take a process off the network here")
    ids, limits = fill(store, "licl", "li2o"), Limits(workers=1)
    folder = batch.asked(ids, limits=limits)
    (batch.root.path / "mtl.yaml").write_text("mongo_uri: [not, an, address]\n")  # never read
    code = (
        "import sys; sys.modules['pymongo'] = None\n"
        "from mtl_flows.cli import main; sys.argv = ['mtl', 'work', sys.argv[1]]; main()"
    )
    ended = subprocess.run(
        ["unshare", "--map-root-user", "--net", sys.executable, "-c", code, str(folder.path)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "2 crystals, 2 barcodes, 2 topology, 2 barrier: " in ended.stdout
    assert counts(batch.run(ids, limits=limits)) == [(2, 0, 0)] * 3
