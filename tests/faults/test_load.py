"""Two workers on a small load: every job once, every document as one process alone writes it."""

from collections.abc import Callable
from pathlib import Path

from load import Light, faults
from undertaking import computed

from mtl_flows.launch.events import WorkSummary
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore


def test_two_workers_do_everything_once(
    store: MTLStore, address: Connection, run: Callable[..., WorkSummary], tmp_path: Path
) -> None:
    load = Light(n_jobs=12, n_structures=5, together=4)
    archive = load.write(tmp_path / "made.zip")
    load.take_in(store, archive)
    load.alone(store, address, tmp_path)
    assert store.chemistry.count() + store.rejections.count() == 12
    expected = computed(store)
    store.chemistry.raw.delete_many({})
    store.rejections.raw.delete_many({})

    load.hand_in(store, address)
    assert faults(address, load, expected) != []
    assert run(processes=2).completed == 12
    assert faults(address, load, expected) == []

    # What the audit has to see.
    launches, outputs = store.database["launches"], store.database["outputs"]
    first, second = launches.find(sort=[("launch_id", 1)], limit=2)
    launches.insert_one({**first, "_id": 0, "launch_id": 1000})
    outputs.delete_one({})
    store.chemistry.raw.update_one({}, {"$set": {"passes": "?"}})
    told = faults(address, load, expected)
    assert told[0] == f"Firework {first['fw_id']}: 2 launches, 1 of which it knows, 0 given up"
    assert len(told) == 3
    assert second["fw_id"] != first["fw_id"]
