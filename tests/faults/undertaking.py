"""What the faults are tried on: a small campaign from files to a fit, and what it is held against afterwards."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobflow import job
from samples import contents, crystal_document, without, write_cifs
from toy_engines import dynamics

from mtl_flows.errors import MTLError
from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.batch import BatchMaker
from mtl_flows.jobs.dynamics import load_trajectory
from mtl_flows.jobs.ingest import ingest
from mtl_flows.launch.submit import submit
from mtl_flows.science.dynamics import DynamicsBudget
from mtl_flows.stages.ordering import parent_id
from mtl_flows.stages.work import Limits
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

CRYSTALS = ("licl", "li2o")
RELEASED = datetime(2024, 1, 1, tzinfo=UTC)
# Frames of every step, so that a chunk writes several blocks before it ends.
P = dynamics(
    relax_steps=20,
    heat_ps=0.1,
    temperatures_K=(1200.0,),
    production_ps=1.2,
    chunk_ps=0.6,
    budget=DynamicsBudget(max_production_ps=1.2),
    frame_interval_fs=2.0,
)
KINDS = (
    *("screening batch", "order and relax", "relax", "heat", "at"),
    *("electrochemical window", "Arrhenius fit", "candidate"),
)
"""Beginnings of the names of the jobs, the material's id left out."""

DIFFERS = {"owner", "file_id", "revision"}
"""What says who computed something and at which attempt, beside `samples.contents`, which leaves out when."""


@job
def slow(journal: str) -> None:
    """Say that it runs, and go on when told."""
    with Path(journal).open("a") as file:
        file.write("x")
    while not Path(f"{journal}.go").exists():
        time.sleep(0.02)


@job
def write(room: str) -> None:
    """Write something, onto a full disk until a file is there."""
    Path("written" if Path(room).exists() else "/dev/full").write_bytes(b"something")


def take_in(store: MTLStore, folder: Path) -> None:
    """Ingest the crystals."""
    ingest(store, [write_cifs(folder, *CRYSTALS)], release="1", date=RELEASED, workers=0)


def hand_in(store: MTLStore, address: Connection) -> None:
    """Hand in the description of the crystals and the dynamics of one of them."""
    ids = store.structures.current_ids()
    described = BatchMaker(stages=("barcodes", "topology", "chemistry"), limits=Limits(workers=0))
    submit(described.make(ids), address, name="describe")
    simulated = crystal_document(CRYSTALS[0]).id
    (subject,) = (s for s in store.structures.subjects(ids) if s.crystal_id == simulated)
    flow = DynamicsFlowMaker(parameters=P).make(parent_id(subject), subject.material_id)
    submit(flow, address, name="simulate")


def kind_of(job: str) -> str:
    """Which of `KINDS` a job is, by its name; empty if none."""
    return next((kind for kind in KINDS if job.startswith(kind) or f" {kind} " in job), "")


def computed(store: MTLStore) -> dict[str, Any]:
    """What the store holds, whoever computed it and when."""
    told: dict[str, Any] = without(contents(store), DIFFERS)
    return told


def differences(store: MTLStore, undisturbed: dict[str, Any]) -> Iterator[str]:
    """What is not as it would be had nothing happened, one line each."""
    now = computed(store)
    for name, documents in undisturbed.items():
        there, expected = ({d["_id"]: d for d in found} for found in (now[name], documents))
        yield from (f"{name} {key}: missing" for key in expected.keys() - there.keys())
        yield from (f"{name} {key}: not expected" for key in there.keys() - expected.keys())
        for key in sorted(expected.keys() & there.keys()):
            fields = sorted(
                f for f in expected[key] | there[key] if expected[key].get(f) != there[key].get(f)
            )
            if fields:
                yield f"{name} {key}: {', '.join(fields)}"
    counted = set()
    for simulation in store.dynamics.find():
        counted |= {block.file_id for chunk in simulation.chunks for block in chunk.blocks}
        try:
            load_trajectory(store, simulation)  # checks every sum
        except MTLError as error:
            yield str(error)
    database = store.database
    yield from (f"frames {key}: missing" for key in counted - set(database["frames.files"].distinct("_id")))
    for state, n in _tally(database["fireworks"].find({}, {"state": 1})).items():
        if state != "COMPLETED":
            yield f"{n} Fireworks {state}"
    for state, n in _tally(database["workflows"].find({}, {"state": 1})).items():
        if state != "COMPLETED":
            yield f"{n} workflows {state}"
    if locked := database["workflows"].count_documents({"locked": {"$exists": True}}):
        yield f"{locked} workflows locked"


def _tally(found: Any) -> dict[str, int]:
    tally: dict[str, int] = {}
    for document in found:
        tally[document["state"]] = tally.get(document["state"], 0) + 1
    return tally
