"""No job writes once its work was given to another worker, whatever it is that it does."""

from pathlib import Path
from typing import Any

import pytest
from jobflow import Job, JobStore
from jobflow.core.flow import get_flow
from maggma.stores import MemoryStore
from samples import fill, parent
from toy_engines import dynamics

from mtl_flows.errors import OwnershipLostError
from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.context import owned_by
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.owner import Owner

# By pymatgen, in atomate2's relaxation.
pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")

LOST = Owner("lost", lambda: False)


def everything(store: MTLStore) -> dict[str, list[dict[str, Any]]]:
    """All documents but the note of which collections have their indexes, which belongs to no job."""
    kept = {"_id": {"$ne": "indexes"}}
    names = store.database.list_collection_names()
    found = {name: list(store.database[name].find(kept, sort=[("_id", 1)])) for name in names}
    return {name: documents for name, documents in found.items() if documents}


def test_no_job_of_a_simulation_writes_without_owning_its_work(
    store: MTLStore, address: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    monkeypatch.chdir(tmp_path)
    fill(store, "licl")
    outputs = JobStore(MemoryStore())
    outputs.connect()
    flow = DynamicsFlowMaker(parameters=dynamics()).make(parent("licl"), "licl")
    waiting: list[Job] = [job for job, _ in flow.iterflow()]
    names = []
    while waiting:
        job = waiting.pop(0)
        before = everything(store)
        with owned_by(LOST), pytest.raises(OwnershipLostError, match="another worker"):
            job.run(outputs)
        assert everything(store) == before, job.name
        response = job.run(outputs)
        assert everything(store) != before, job.name
        if response.detour is not None:
            waiting[:0] = [job for job, _ in get_flow(response.detour).iterflow()]
        names.append(job.name.partition(" from step")[0])
    assert set(names) == {
        *("order and relax licl", "relax licl", "heat licl", "licl at 800 K", "licl at 1200 K"),
        *("electrochemical window licl", "Arrhenius fit licl", "candidate licl"),
    }
