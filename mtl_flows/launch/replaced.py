"""Failed dynamics whose fit another workflow has brought to its end since: nothing is left to do for them."""

from collections.abc import Iterable, Mapping
from typing import Any

from fireworks import LaunchPad
from monty.json import MontyDecoder

from mtl_flows.jobs.transport import TransportMaker
from mtl_flows.stages.transport import transport_id
from mtl_flows.store.database import MTLStore

_JOB = "spec._tasks.job"
_READ = dict.fromkeys(("state", f"{_JOB}.function", f"{_JOB}.function_args"), 1)


def archive_replaced(pad: LaunchPad, store: MTLStore) -> tuple[int, ...]:
    """Archive failed workflows all of whose open fits are complete in the store; returns the Fireworks that failed.

    The same work handed in under another name, or by the next round of a campaign, has another workflow; what failed
    would stand beside its completed replacement for ever.
    """
    failed = list(pad.workflows.find({"state": "FIZZLED"}, {"nodes": 1, "fw_states": 1}))
    archived: list[int] = []
    for workflow in failed:
        fireworks = pad.fireworks.find({"fw_id": {"$in": workflow["nodes"]}}, _READ)
        fits = set(_open_fits(store, fireworks))
        if fits and store.transport.complete(fits) == fits:
            archived += [int(fw_id) for fw_id, state in workflow["fw_states"].items() if state == "FIZZLED"]
            pad.archive_wf(workflow["nodes"][0])
    return tuple(sorted(archived))


def _open_fits(store: MTLStore, fireworks: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Ids of the fits that Fireworks were to make and have not made."""
    for firework in fireworks:
        for task in firework["spec"]["_tasks"]:
            # Functions that belong to no Maker are bound to nothing, and are told as None.
            bound = task.get("job", {}).get("function", {}).get("@bound") or {}
            if firework["state"] == "COMPLETED" or bound.get("@class") != TransportMaker.__name__:
                continue
            maker: TransportMaker = MontyDecoder().process_decoded(bound)
            parent, ordering = task["job"]["function_args"][:2]
            ordered = store.orderings.samples_of([maker.parameters.ordering_id(parent, ordering)])
            # What was not even ordered has no fit.
            yield from (transport_id(sample, maker.parameters) for sample in ordered.values())
            if not ordered:
                yield ""
