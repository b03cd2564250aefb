"""Jobs that wait in a queue: FireWorks' reservations, which need no sign of life."""

from collections.abc import Iterator
from typing import NamedTuple

from fireworks import LaunchPad

from mtl_flows.launch.insides import refresh_workflow
from mtl_flows.launch.names import CARRIER_FIELD
from mtl_flows.launch.ownership import owns


class Reservation(NamedTuple):
    """A job that is reserved for what a queue computes."""

    fw_id: int
    launch_id: int
    name: str


def reserve(pad: LaunchPad, fw_id: int, launch_id: int) -> bool:
    """Let a job that was taken wait; it goes on under the same launch. False if the launch has lost it."""
    if not owns(pad, launch_id):
        return False
    launch = pad.get_launch_by_id(launch_id)
    launch.state = "RESERVED"
    running = {"launch_id": launch_id, "state": "RUNNING"}
    if not pad.launches.find_one_and_replace(running, launch.to_db_dict()):
        return False
    refresh_workflow(pad, fw_id)
    return True


def reservations(pad: LaunchPad, carrier: str) -> Iterator[Reservation]:
    """Jobs that wait for what a carrier has computed."""
    waiting = {"state": "RESERVED", f"fworker.env.{CARRIER_FIELD}": carrier}
    for launch in pad.launches.find(waiting, {"launch_id": 1, "fw_id": 1}):
        firework = pad.fireworks.find_one({"fw_id": launch["fw_id"], "launches": launch["launch_id"]})
        if firework is not None and firework["state"] in ("RESERVED", "RUNNING", "PAUSED"):
            yield Reservation(launch["fw_id"], launch["launch_id"], firework["name"])
