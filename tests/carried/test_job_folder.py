"""Questions to an engine as folders: answered chunk by chunk, whole or not there, without a database."""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from fake_cluster import networks_can_be_left
from pymatgen.io.ase import AseAtomsAdaptor

from mtl_flows.carried import desk
from mtl_flows.carried.call import Call
from mtl_flows.carried.desk import DONE, FAILED, OUT_OF_TIME, STOPPED
from mtl_flows.carried.engine import CarriedEngine
from mtl_flows.carried.engine_calls import (
    EngineChoice,
    check_call,
    chunk_call,
    fingerprint_call,
    relax_call,
)
from mtl_flows.carried.folder import MANIFEST, REQUEST, CalculationFolder, CarriedAnswer
from mtl_flows.carried.node import compute
from mtl_flows.carried.question import CalculatedElsewhere, CarriedQuestion
from mtl_flows.carried.root import CarrierRoot
from mtl_flows.carried.sealed import write_sealed
from mtl_flows.errors import CalculationError, ConfigurationError, DamagedFolderError, NodeError
from mtl_flows.simulation.engine import Engine, Relaxation, RelaxationGoal
from mtl_flows.simulation.frames import BlockFrameSink, FrameBlock
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.state import MDState

CHOICE = EngineChoice("toy_engines.Conductor")
CRYSTAL = AseAtomsAdaptor.get_structure(bulk("LiCl", "rocksalt", a=5.1283, cubic=True))
STAGE = MDParameters(temperature_K=(900.0,), n_steps=100, timestep_fs=2.0, frame_interval=2)
START = MDState.from_structure(CRYSTAL, STAGE)
GOAL = RelaxationGoal(max_steps=20)
LENGTH = 40


def ignore(told: str) -> None:
    """Take no notice."""


def chunks(until: int = 100) -> Call:
    return chunk_call(CHOICE, START, STAGE, LENGTH, until)


def asked(folder: Path, *calls: Call, choice: EngineChoice = CHOICE) -> CalculationFolder:
    made = CalculationFolder(folder)
    made.ask(CarriedQuestion.of(choice, calls))
    return made


def run(engine: Engine) -> tuple[list[MDState], np.ndarray]:
    """A simulation of 100 steps in chunks; gives the state after each, and every position."""
    blocks: list[FrameBlock] = []
    state, states = START, []
    while state.step < STAGE.n_steps:
        sink = BlockFrameSink(blocks.append)
        state = engine.run_chunk(state, STAGE, sink, max_steps=min(LENGTH, 100 - state.step)).state
        states.append(state)
    return states, np.concatenate([block.positions_A for block in blocks])


def test_what_comes_back_is_what_the_engine_gives_here(tmp_path: Path) -> None:
    root = CarrierRoot(tmp_path)
    carried = CarriedEngine(CHOICE, root, until_step=100, relaxing=lambda: [(CRYSTAL, GOAL)])
    with pytest.raises(CalculatedElsewhere) as first:
        carried.fingerprint()
    assert [call.kind for call in first.value.question.calls] == ["fingerprint", "relax"]
    assert compute(root.place(first.value.question), ignore) == DONE
    with pytest.raises(CalculatedElsewhere) as second:
        run(carried)
    folder = root.place(second.value.question)
    assert compute(folder, ignore) == DONE

    here = CHOICE.engine()
    assert carried.fingerprint() == here.fingerprint()
    relaxed, expected = carried.relax(CRYSTAL, GOAL), here.relax(CRYSTAL, GOAL)
    assert relaxed.structure == expected.structure
    assert (relaxed.energy_eV, relaxed.n_steps) == (expected.energy_eV, expected.n_steps)
    # Answered along with the relaxation.
    assert carried.check(relaxed.structure) == here.check(expected.structure)
    (states, positions), (states_here, positions_here) = run(carried), run(here)
    assert [state.as_dict() for state in states] == [state.as_dict() for state in states_here]
    assert np.array_equal(positions, positions_here)
    assert len(folder.keys) == 3  # one for each chunk, from one question
    assert root.place(second.value.question).path == folder.path


def test_a_node_that_is_killed_costs_a_chunk(tmp_path: Path) -> None:
    folder = asked(tmp_path, chunks())
    compute(folder, ignore)
    whole = {key: folder.answer(key) for key in folder.keys}
    told = []
    for key in sorted(folder.keys)[:1]:
        folder.forget(key)
    assert folder.ended == ""
    assert compute(folder, told.append) == DONE
    assert len([line for line in told if line.startswith("chunk:")]) == 1
    again = {key: folder.answer(key) for key in folder.keys}
    assert {k: (a.value, a.blocks) for k, a in again.items()} == {
        k: (a.value, a.blocks) for k, a in whole.items()
    }
    compute(folder, told.append)
    assert len([line for line in told if line.startswith("chunk:")]) == 1


def test_no_chunk_is_begun_that_would_outlast_the_queue_s_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_ENGINE_PAUSE_S", "0.005")
    folder = asked(tmp_path, chunks())
    assert compute(folder, ignore, limit_s=0.01) == OUT_OF_TIME
    assert len(folder.keys) == 1  # the first is always tried
    monkeypatch.setenv("TOY_ENGINE_PAUSE_S", "0")
    assert compute(folder, ignore) == DONE
    assert len(folder.keys) == 3


@pytest.mark.parametrize("how", ["changed", "cut", "gone", "manifest", "path"])
def test_what_is_damaged_is_refused_with_its_reason_and_asked_anew(tmp_path: Path, how: str) -> None:
    root = CarrierRoot(tmp_path)
    folder = root.place(CarriedQuestion.of(CHOICE, [chunks()]))
    compute(folder, ignore)
    victim = next((folder.path / "answers").glob(f"{chunks().key}-*.npz"))
    manifest = folder.path / MANIFEST
    if how == "changed":
        victim.write_bytes(victim.read_bytes()[:-10] + b"0123456789")
    elif how == "cut":
        victim.write_bytes(b"")
    elif how == "gone":
        victim.unlink()
    elif how == "manifest":
        manifest.write_bytes(manifest.read_bytes().replace(b"done", b"dome"))
    else:
        manifest.write_bytes(manifest.read_bytes().replace(victim.name.encode(), b"../../secret.npz"))
    carried = CarriedEngine(CHOICE, root, until_step=100)
    with pytest.raises(CalculatedElsewhere):
        run(carried)
    assert len(root.damaged) == 1
    (told,) = folder.refuse_damaged() or [DamagedFolderError(root.damaged[0])]
    assert str(tmp_path) in str(told)
    assert "checksum" in str(told) or "is missing" in str(told)
    compute(folder, ignore)
    assert len(run(carried)[0]) == 3
    assert folder.refuse_damaged() == []


@pytest.mark.parametrize("written", [b'{"answers": []}', b"[" * 100_000, b"null"])
def test_what_is_whole_and_of_another_shape_is_refused(tmp_path: Path, written: bytes) -> None:
    folder = asked(tmp_path, chunks())
    compute(folder, ignore)
    write_sealed(tmp_path / MANIFEST, written)
    (told,) = folder.refuse_damaged()
    assert "is no manifest" in str(told)
    assert folder.keys == set()
    for question in (written, b'{"choice": {"kind": "engine", "name": "x"}, "calls": []}'):
        write_sealed(tmp_path / REQUEST, question)
        with pytest.raises(DamagedFolderError, match="is no question that is understood here"):
            compute(folder, ignore)


def test_what_an_engine_raises_is_raised_where_the_job_is_and_once_only(tmp_path: Path) -> None:
    root = CarrierRoot(tmp_path)
    for name, error, words in (
        ("toy_engines.NoFluorides", CalculationError, "no parameters for F"),
        ("no_such_module.Calculator", ConfigurationError, "cannot be imported"),
    ):
        choice = EngineChoice(name)
        fluoride = CRYSTAL.copy()
        fluoride.replace_species({"Cl": "F"})
        folder = root.place(CarriedQuestion.of(choice, [relax_call(choice, fluoride, GOAL)]))
        assert compute(folder, ignore) == FAILED
        carried = CarriedEngine(choice, root)
        with pytest.raises(error, match=words):
            carried.relax(fluoride, GOAL)
        with pytest.raises(CalculatedElsewhere):
            carried.relax(fluoride, GOAL)


@pytest.mark.parametrize(
    "name", ["DatabaseUnavailableError", "OwnershipLostError", "MTLError", "Sequence", "there_are", ""]
)
def test_errors_that_no_node_raises_are_told_as_those_of_a_node(tmp_path: Path, name: str) -> None:
    root, call = CarrierRoot(tmp_path), check_call(CHOICE, CRYSTAL)
    told = {"type": name, "message": "away", "subject": "mongod", "remedy": ""}
    root.place(CarriedQuestion.of(CHOICE, [call])).put(call.key, CarriedAnswer(error=told))
    with pytest.raises(NodeError, match=f"^mongod: {name}: away$"):
        CarriedEngine(CHOICE, root).check(CRYSTAL)


def test_whole_answers_of_another_shape_are_refused_and_asked_anew(tmp_path: Path) -> None:
    root = CarrierRoot(tmp_path)
    carried = CarriedEngine(CHOICE, root, until_step=100)
    relaxed, other = CHOICE.engine().relax(CRYSTAL, GOAL), bulk("LiF", "rocksalt", a=4.0)
    foreign = MDState.from_structure(AseAtomsAdaptor.get_structure(other), STAGE).as_dict()
    frames = FrameBlock(np.zeros((1, 2, 3), np.float32), np.zeros(1), np.zeros(1), np.zeros(1)).to_bytes()
    chunk = asked(tmp_path / "one", chunks(LENGTH))
    compute(chunk, ignore)
    good = chunk.answer(chunks().key)
    shutil.rmtree(chunk.path)
    cases: list[tuple[Call, Callable[[], object], CarriedAnswer]] = [
        (fingerprint_call(CHOICE), carried.fingerprint, CarriedAnswer({"weights_sha256": "x"})),
        (check_call(CHOICE, CRYSTAL), lambda: carried.check(CRYSTAL), CarriedAnswer({"finite": True})),
        (relax_call(CHOICE, CRYSTAL, GOAL), lambda: carried.relax(CRYSTAL, GOAL), CarriedAnswer("x")),
        (chunks(), lambda: run(carried), CarriedAnswer({**relaxed.as_dict(), "structure": None})),
        (chunks(), lambda: run(carried), replace(good, value={**good.value, "state": foreign})),
        (chunks(), lambda: run(carried), replace(good, blocks=(b"no frames",))),
        (chunks(), lambda: run(carried), replace(good, blocks=(*good.blocks, frames))),
    ]
    for call, ask, answer in cases:
        root.place(CarriedQuestion.of(CHOICE, [call])).put(call.key, answer)
        with pytest.raises(DamagedFolderError, match="does not answer what was asked"):
            ask()
        with pytest.raises(CalculatedElsewhere):
            ask()
    root.note_seen(CHOICE, {"weights_sha256": "x"})  # as a folder told
    with pytest.raises(CalculatedElsewhere):
        carried.fingerprint()


def test_answers_of_other_weights_than_the_job_was_told_of_do_not_count(tmp_path: Path) -> None:
    root = CarrierRoot(tmp_path)
    compute(root.place(CarriedQuestion.of(CHOICE, [chunks()])), ignore)
    fingerprint = CHOICE.engine().fingerprint()
    root.note_seen(CHOICE, {**fingerprint, "weights_sha256": "f" * 64})
    with pytest.raises(CalculationError, match="ffffffffffff"):
        run(CarriedEngine(CHOICE, root, until_step=100))


def test_how_and_where_an_engine_runs_is_no_other_question(tmp_path: Path) -> None:
    gpu = EngineChoice(CHOICE.name, n_threads=4, device="cuda")
    assert check_call(gpu, CRYSTAL).key == check_call(CHOICE, CRYSTAL).key
    assert chunk_call(gpu, START, STAGE, 40, 80).key == chunks().key
    other = EngineChoice(CHOICE.name, {"repulsion_eV": 0.1})
    assert fingerprint_call(other).key != fingerprint_call(CHOICE).key
    relaxed = Relaxation.from_dict(json.loads(json.dumps(CHOICE.engine().relax(CRYSTAL, GOAL).as_dict())))
    there = check_call(CHOICE, relaxed.structure).arguments["structure"]
    assert check_call(CHOICE, type(CRYSTAL).from_dict(there)).key == check_call(CHOICE, relaxed.structure).key


def test_one_process_works_on_a_folder(tmp_path: Path) -> None:
    folder = asked(tmp_path, chunks())
    with folder.held(), pytest.raises(ConfigurationError, match="another process works"):
        compute(folder, ignore)


def test_a_job_that_came_late_to_its_work_does_some_all_the_same(tmp_path: Path) -> None:
    folder = asked(tmp_path, fingerprint_call(CHOICE), relax_call(CHOICE, CRYSTAL, GOAL), chunks())
    assert compute(folder, ignore, limit_s=0.0) == OUT_OF_TIME
    assert relax_call(CHOICE, CRYSTAL, GOAL).key in folder.keys
    assert chunks().key not in folder.keys


def test_what_is_asked_again_has_not_ended(tmp_path: Path) -> None:
    folder = asked(tmp_path, chunks())
    folder.end(OUT_OF_TIME)
    assert asked(tmp_path, chunks()).ended == ""


def test_a_job_waits_for_its_predecessor_to_finish(tmp_path: Path) -> None:
    folder = asked(tmp_path, chunks())
    with folder.held():
        waiting = threading.Thread(target=compute, args=(folder, ignore), kwargs={"patience_s": 60.0})
        waiting.start()
    waiting.join()
    assert folder.ended == DONE


def test_a_node_that_is_wanted_back_finishes_the_chunk_in_hand(tmp_path: Path) -> None:
    folder = asked(tmp_path, chunks())
    stop = threading.Event()
    assert compute(folder, lambda told: stop.set(), stopped=stop.is_set) == STOPPED
    assert (len(folder.keys), folder.ended) == (1, "")  # the queue may begin it anew
    assert compute(folder, ignore) == DONE
    assert len(folder.keys) == 3


def test_what_fails_once_a_node_is_wanted_back_is_no_answer(tmp_path: Path) -> None:
    """The queue ends what the engine has started along with the work itself."""
    choice = EngineChoice("toy_engines.NoFluorides")
    fluoride = CRYSTAL.copy()
    fluoride.replace_species({"Cl": "F"})
    folder = asked(tmp_path, relax_call(choice, fluoride, GOAL), choice=choice)
    stop = threading.Event()
    assert compute(folder, lambda told: stop.set(), stopped=stop.is_set) == STOPPED
    assert (folder.keys, folder.ended) == (set(), "")


def test_carriers_that_share_a_queue_have_names_of_their_own_there(tmp_path: Path) -> None:
    one, other = (CarrierRoot(tmp_path / name) for name in ("one", "other"))
    question = CarriedQuestion.of(CHOICE, [chunks()])
    assert one.place(question).path.name == one.place(question).path.name
    assert one.place(question).path.name != other.place(question).path.name


def test_a_full_disk_on_a_node_costs_nothing_that_was_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "_LOOK_FOR_ROOM_S", 0.02)
    folder = asked(tmp_path, chunks())
    part = tmp_path / f".{MANIFEST}.part"
    evaluations: list[str] = []

    def tell(told: str) -> None:
        if told.startswith("chunk"):
            evaluations.append(told)
            if len(evaluations) == 1:
                part.symlink_to("/dev/full")
                threading.Timer(0.3, part.unlink).start()
        raise OSError(errno.ENOSPC, "no room for words either")

    assert compute(folder, tell) == DONE
    assert (len(folder.keys), len(evaluations)) == (3, 3)
    assert folder.refuse_damaged() == []


def test_a_node_needs_neither_network_nor_settings(tmp_path: Path) -> None:
    if not networks_can_be_left():
        pytest.skip("unshare cannot take a process off the network here")
    folder = asked(tmp_path / "job", chunks(until=LENGTH))
    (tmp_path / "mtl.yaml").write_text("mongo_uri: [not, an, address]\n")  # of the project above; never read
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        ["unshare", "--map-root-user", "--net", sys.executable, "-m", "mtl_flows", "work", str(folder.path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "step 40 of 40, completed" in ended.stdout
    assert (folder.ended, len(folder.keys)) == (DONE, 1)
