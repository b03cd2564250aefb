"""Whether each job ran once and no more: what two workers that take the same job, or lose one, would leave behind."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pymongo.database import Database

_FIELDS = ("fw_id", "state", "launches", "archived_launches", "spec._tasks.job.uuid", "spec._tasks.job.index")


def not_once(database: Database[dict[str, Any]]) -> Iterator[str]:
    """What was not launched exactly once, or whose output is not there exactly once, one line each.

    Of Fireworks that nobody has taken yet nothing is said.
    """
    launches = list(database["launches"].find({}, {"fw_id": 1, "state": 1, "action.stored_data.mtl_lost": 1}))
    launched = Counter(launch["fw_id"] for launch in launches)
    for state, n in Counter(launch["state"] for launch in launches).items():
        if state != "COMPLETED":
            yield f"{n} launches {state}"
    if lost := sum("mtl_lost" in _stored(launch) for launch in launches):
        yield f"{lost} launches count as lost"
    identified = database["outputs"].find({}, {"uuid": 1, "index": 1})
    outputs = Counter((output["uuid"], output["index"]) for output in identified)
    for firework in database["fireworks"].find({}, dict.fromkeys(_FIELDS, 1)):
        fw_id, (task,) = firework["fw_id"], firework["spec"]["_tasks"]
        there = launched.pop(fw_id, 0), len(firework["launches"]), len(firework.get("archived_launches", ()))
        if firework["state"] in ("READY", "WAITING") and there == (0, 0, 0):
            continue
        if there != (1, 1, 0):
            yield "Firework {}: {} launches, {} of which it knows, {} given up".format(fw_id, *there)
        if (n := outputs.pop((task["job"]["uuid"], task["job"]["index"]), 0)) != 1:
            yield f"Firework {fw_id}: {n} outputs"
    yield from (f"launches of a Firework {fw_id} that is not there" for fw_id in launched)
    yield from (f"an output of no Firework: {uuid} {index}" for uuid, index in outputs)


def _stored(launch: dict[str, Any]) -> dict[str, Any]:
    return dict((launch.get("action") or {}).get("stored_data") or {})
