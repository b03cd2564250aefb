"""The task of every Firework: a job of jobflow that writes in the name of its launch, under whatever worker."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Self

import jobflow
from fireworks import FWAction, LaunchPad, Workflow, explicit_serialize
from jobflow.core.store import JobStore
from jobflow.managers.fireworks import JobFiretask
from pymongo.errors import PyMongoError

from mtl_flows.carried.question import CalculatedElsewhere
from mtl_flows.jobs.context import owned_by
from mtl_flows.launch.address import address_of
from mtl_flows.launch.environment import environment_variables
from mtl_flows.launch.insides import launch_in_hand
from mtl_flows.launch.names import PAUSE_FIELD
from mtl_flows.launch.outage_note import note_outage
from mtl_flows.launch.ownership import owner_of
from mtl_flows.settings import Settings
from mtl_flows.store.owner import Owner
from mtl_flows.store.patience import Patience, patience


@explicit_serialize
class OwnedJob(JobFiretask):
    """jobflow's task, which waits for a database that is away and writes only while its launch owns it.

    `mtl worker`, `rlaunch` and `qlaunch` run it alike.
    """

    def to_dict(self) -> dict[str, Any]:
        """Write the task out; a job that was written out before is left as it is."""
        if isinstance(self["job"], dict):
            return {**self, "_fw_name": self.fw_name}
        written: dict[str, Any] = super().to_dict()
        return written

    @classmethod
    def from_dict(cls, m_dict: Mapping[str, Any]) -> Self:
        """Restore a task; its job is read when it is run, and FireWorks restores it oftener than that."""
        return cls(m_dict)

    def run_task(self, fw_spec: dict[str, Any]) -> FWAction:
        """Run the job; those that it creates are owned as well.

        Raises
        ------
        OwnershipLostError
            If the job was given to another worker meanwhile; the launch of that one is not touched.
        CalculatedElsewhere
            If it needs what is computed elsewhere; the worker knows then what it waits for.
        """
        if isinstance(self["job"], dict):
            self.update(super().from_dict(dict(self)))
        launch_id = launch_in_hand(self.launchpad, self.fw_id)
        owner = owner_of(self.launchpad, launch_id)
        with (
            _patience(self.launchpad, launch_id) as waiting,
            waiting.guarded_by(owner.check),
            owned_by(owner),
            _outputs_of(owner),
        ):
            # A job that is cut off by an outage finds what it did in the store when it is run again.
            try:
                action: FWAction = waiting.through(lambda: super(OwnedJob, self).run_task(fw_spec))  # type: ignore[no-untyped-call]
            except CalculatedElsewhere as away:
                self.launchpad.checkout.waits_for = away.question
                raise
        created = (*action.detours, *action.additions)
        for workflow in created:
            own(workflow)
        if created:
            self._steer(created)
        return action

    def _steer(self, created: Iterable[Workflow]) -> None:
        """Let new jobs have the priority of the one that creates them, and wait if it was paused."""
        fields = ("spec._priority", f"spec.{PAUSE_FIELD}")
        spec = self.launchpad.fireworks.find_one({"fw_id": self.fw_id}, dict.fromkeys(fields, 1))["spec"]
        for firework in chain.from_iterable(created):
            if "_priority" in spec:
                firework.spec["_priority"] = spec["_priority"]
            if spec.get(PAUSE_FIELD):
                firework.state = "PAUSED"


def own(workflow: Workflow) -> Workflow:
    """Let the jobs of a workflow write in the name of their launches; changed in place and returned."""
    for firework in workflow:
        firework.tasks = [OwnedJob(OwnedJob(task).to_dict()) for task in firework.tasks]
    return workflow


class _OwnedJobStore(JobStore):
    """A job store that takes outputs while their job is owned; it shares everything with the one it stands for."""

    def __init__(self, store: JobStore, owner: Owner) -> None:
        vars(self).update(vars(store))
        self._owner = owner

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Write outputs, unless the job was given to another worker."""
        self._owner.check()
        super().update(*args, **kwargs)


def _tell(told: str) -> None:
    sys.stderr.write(f"{told}\n")


@contextmanager
def _patience(pad: LaunchPad, launch_id: int) -> Iterator[Patience]:
    """The worker's; under `rlaunch` that of the settings, and the store is that of FireWorks' own server."""
    if (standing := patience()) is not None:
        yield standing
        return
    note = partial(note_outage, Path.cwd(), launch_id)
    own = Patience(Settings.load().patience_min * 60, _tell, note=note)
    _let_records_wait(pad, own)
    with environment_variables({"MTL_MONGO_URI": address_of(pad).uri}), own.in_force():
        yield own


def _let_records_wait(pad: LaunchPad, waiting: Patience) -> None:
    """Let the end of a job, which FireWorks writes after its tasks, wait as well, and signs of life never end it."""
    kind = type(pad)

    def complete_launch(*args: Any, **kwargs: Any) -> Any:
        with waiting.in_force():
            return kind.complete_launch(pad, *args, **kwargs)

    def ping_launch(*args: Any, **kwargs: Any) -> None:
        with suppress(PyMongoError):
            kind.ping_launch(pad, *args, **kwargs)

    pad.complete_launch, pad.ping_launch = complete_launch, ping_launch


@contextmanager
def _outputs_of(owner: Owner) -> Iterator[None]:
    previous = jobflow.SETTINGS.JOB_STORE
    jobflow.SETTINGS.JOB_STORE = _OwnedJobStore(previous, owner)
    try:
        yield
    finally:
        jobflow.SETTINGS.JOB_STORE = previous
