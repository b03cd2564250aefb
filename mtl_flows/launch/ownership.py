"""Which launch owns the work of a Firework, told to jobs as an opaque owner."""

from fireworks import LaunchPad

from mtl_flows.store.owner import Owner

_PREFIX = "launch-"


def owns(pad: LaunchPad, launch_id: int) -> bool:
    """Whether a launch still has its Firework: it has not ended, was not given up, and nobody else has the job."""
    query = {"launches": launch_id, "state": {"$nin": ["FIZZLED", "COMPLETED"]}}
    return pad.fireworks.find_one(query, {"_id": 1}) is not None


def owner_of(pad: LaunchPad, launch_id: int) -> Owner:
    """Owner in whose name the job of a launch writes."""
    return Owner(f"{_PREFIX}{launch_id}", lambda: owns(pad, launch_id))


def has_ended(pad: LaunchPad, token: str) -> bool:
    """Whether an owner will write no more; no of one that is no launch, since nobody knows."""
    return token.startswith(_PREFIX) and not owns(pad, int(token.removeprefix(_PREFIX)))
