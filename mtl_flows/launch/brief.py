"""FireWorks' LaunchPad with fewer questions to the server, for workers: the same documents, read and written together.

FireWorks asks for the launches of a Firework that has none, for the Fireworks of a workflow one by one, and reads a
launch anew for each sign of life. Where the server is far away that is most of what a short job takes. As `insides`,
this builds on private parts of FireWorks; `tests/launch/test_brief_launchpad.py` holds its documents against
FireWorks' own.
"""

import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from fireworks import Firework, FWAction, FWorker, Launch, LaunchPad, Workflow
from fireworks.core.launchpad import LazyFirework
from fireworks.utilities.exceptions import FWValueError
from pymongo import ReplaceOne, ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import DocumentTooLarge

from mtl_flows.launch.insides import firework_document, launch_document
from mtl_flows.launch.names import SIGN_FIELD
from mtl_flows.launch.ownership import owns

_SIGNED: Final = {"$currentDate": {SIGN_FIELD: True}}


class BriefLaunchPad(LaunchPad):  # type: ignore[misc]
    """A LaunchPad for one worker.

    It writes what FireWorks writes, in the same order. Whatever is unusual (duplicates, trackers, reservations,
    Fireworks that cannot be read, actions too large for a document, a workflow that another worker has locked) is
    left to FireWorks' own way.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_hand: Launch | None = None
        self._written: Workflow | None = None  # the last one
        self._signing = threading.Lock()  # the heartbeat has a thread of its own

    def checkout_fw(
        self,
        fworker: FWorker,
        launch_dir: str,
        fw_id: int | None = None,
        host: str | None = None,
        ip: str | None = None,
        state: str = "RUNNING",
    ) -> tuple[Firework | None, int | None]:
        """Take a Firework and record its launch."""
        firework = self._get_a_fw_to_run(fworker.query, fw_id=fw_id)
        if firework is None:
            return None, None
        if state != "RUNNING" or firework.launches or "_trackers" in firework.spec:
            # Taken again, by its id: it may be the launch that was reserved.
            firework, launch_id = super().checkout_fw(fworker, launch_dir, firework.fw_id, host, ip, state)
            taken = () if firework is None else firework.launches
            self._in_hand = next((launch for launch in taken if launch.launch_id == launch_id), None)
            if launch_id is not None:
                self.beat(launch_id)
            return firework, launch_id
        launch_id = self.get_new_launch_id()
        launch = Launch(state, launch_dir, fworker, host, ip, launch_id=launch_id, fw_id=firework.fw_id)
        document = launch.to_db_dict()
        self.launches.update_one({"launch_id": launch_id}, {"$set": document, **_SIGNED}, upsert=True)
        firework.launches.append(launch)
        firework.state = state
        # Who was suspended in between may find that the job was given to another; an answer may be lost, too.
        mine = {
            "fw_id": firework.fw_id,
            "$or": [{"state": "RESERVED", "launches": []}, {"launches": launch_id}],
        }
        taken = {"state": state, "updated_on": firework.updated_on, "launches": [launch_id]}
        if not self.fireworks.update_one(mine, {"$set": taken}).matched_count:
            self.launches.delete_one({"launch_id": launch_id})
            return None, None
        if not self._noted_as_running(firework.fw_id):
            self._refresh_wf(firework.fw_id)
        self.backup_launch_data[launch_id] = document
        self._in_hand = launch
        return firework, launch_id

    def _get_a_fw_to_run(
        self, query: Mapping[str, Any] | None = None, fw_id: int | None = None, checkout: bool = True
    ) -> Firework | None:
        if fw_id is not None or not checkout:
            return super()._get_a_fw_to_run(query, fw_id, checkout)
        reserved = {"$set": {"state": "RESERVED", "updated_on": datetime.now(UTC)}}
        ready, order = {**(query or {}), "state": "READY"}, [("spec._priority", -1), ("created_on", 1)]
        while taken := self.fireworks.find_one_and_update(
            ready, reserved, sort=order, return_document=ReturnDocument.AFTER
        ):
            if not (taken["launches"] or taken["archived_launches"] or "_dupefinder" in taken["spec"]):
                with suppress(Exception):  # FireWorks' own way says what cannot be read
                    return Firework.from_dict(taken)
            firework = super()._get_a_fw_to_run(query, taken["fw_id"])
            if firework is not None:
                return firework
        return None

    def _noted_as_running(self, fw_id: int) -> bool:
        """Whether a workflow has taken notice that a Firework runs, which it does not while it is locked."""
        unlocked = {"nodes": fw_id, "locked": {"$exists": False}}
        # What is paused, defused or fizzled stays so.
        state = {"$cond": [{"$in": ["$state", ["READY", "RESERVED"]]}, "RUNNING", "$state"]}
        noted = {f"fw_states.{fw_id}": "RUNNING", "state": state, "updated_on": "$$NOW"}
        return bool(self.workflows.update_one(unlocked, [{"$set": noted}]).matched_count)

    def complete_launch(
        self, launch_id: int, action: FWAction | None = None, state: str = "COMPLETED"
    ) -> dict[str, Any] | None:
        """Record how a job ended; None, and its workflow takes no notice, if another worker was given it meanwhile."""
        launch = self._in_hand
        if launch is None or launch.launch_id != launch_id or launch.trackers:
            return self._completed_as_ever(launch_id, action, state)
        with self._signing:
            launch.state, launch.action = state, action or launch.action
            document = launch_document(launch)
        running = {"launch_id": launch_id, "state": "RUNNING"}
        try:
            written = self.launches.find_one_and_replace(running, document, {"_id": 1})
        except DocumentTooLarge:
            return self._completed_as_ever(launch_id, action, state)
        # The answer to a write that was done may be lost; then it is repeated, and finds nothing that runs.
        if written is None and not owns(self, launch_id):
            return None
        self._written = None
        self._refresh_wf(launch.fw_id)
        if self._written and launch_id not in _launches_of(self._written.id_fw[launch.fw_id]):
            return None
        return document

    def _completed_as_ever(self, launch_id: int, action: FWAction | None, state: str) -> dict[str, Any]:
        told: dict[str, Any] = super().complete_launch(launch_id, action, state)
        return told

    def ping_launch(
        self, launch_id: int, ptime: datetime | None = None, checkpoint: Mapping[str, Any] | None = None
    ) -> None:
        """Note a sign of life, to be written with the next beat or the end: the launch was signed when it began."""
        launch = self._in_hand
        if launch is None or launch.launch_id != launch_id or launch.trackers:
            super().ping_launch(launch_id, ptime, checkpoint)
            return
        with self._signing:
            launch.touch_history(ptime, checkpoint=checkpoint)

    def beat(self, launch_id: int) -> None:
        """Give a sign of life, by the server's clock as well: that of a worker may be wrong.

        Nobody else writes the history of the launch in hand, so it need not be read.
        """
        launch = self._in_hand
        if launch is None or launch.launch_id != launch_id:
            return
        self.ping_launch(launch_id)
        with self._signing:
            history = {"$set": {"state_history": launch.to_db_dict()["state_history"]}}
        self.launches.update_one({"launch_id": launch_id, "state": "RUNNING"}, {**history, **_SIGNED})

    def get_fw_dict_by_id(self, fw_id: int) -> dict[str, Any]:
        """Read a Firework; there is no need to ask for launches that it does not have."""
        found: dict[str, Any] | None = self.fireworks.find_one({"fw_id": fw_id})
        if found and not (found["launches"] or found["archived_launches"]):
            return found
        read: dict[str, Any] = super().get_fw_dict_by_id(fw_id)
        return read

    def get_wf_by_fw_id_lzyfw(self, fw_id: int) -> Workflow:
        """Read a workflow, with a Firework, its children and their launches: what refreshing it looks at.

        Raises
        ------
        ValueError
            If there is none.
        """
        node = str(fw_id)
        found = list(
            self.workflows.aggregate(
                [
                    {"$match": {"nodes": fw_id}},
                    {"$limit": 1},
                    {"$set": {"near": {"$concatArrays": [[fw_id], {"$ifNull": [f"$links.{node}", []]}]}}},
                    _lookup(self.fireworks, "near", "fw_id", "near"),
                    {
                        "$set": {
                            "runs": {"$concatArrays": [_joined("launches"), _joined("archived_launches")]}
                        }
                    },
                    _lookup(self.launches, "runs", "launch_id", "runs"),
                ]
            )
        )
        if not found:
            raise ValueError(f"Could not find a Workflow with {fw_id=}")
        (stored,) = found
        fireworks = _ReadAhead(self.fireworks, "fw_id", stored["near"])
        launches = _ReadAhead(self.launches, "launch_id", stored["runs"])
        return Workflow(
            [LazyFirework(node, fireworks, launches, self.gridfs_fallback) for node in stored["nodes"]],
            stored["links"],
            stored["name"],
            stored["metadata"],
            stored["created_on"],
            stored["updated_on"],
            {int(node): state for node, state in stored["fw_states"].items()},
        )

    def _upsert_fws(self, fws: list[Firework], reassign_all: bool = False) -> dict[int, int]:
        """Write Fireworks all at once; those that are new get their ids from one block."""
        if reassign_all:
            renamed: dict[int, int] = super()._upsert_fws(fws, reassign_all)
            return renamed
        fws.sort(key=lambda firework: firework.fw_id)
        new = [firework for firework in fws if firework.fw_id < 0]
        following = self.get_new_fw_id(quantity=len(new)) if new else 0
        new_ids = {firework.fw_id: following + place for place, firework in enumerate(new)}
        for firework in new:
            firework.fw_id = new_ids[firework.fw_id]
        if fws:
            self.fireworks.bulk_write(
                [ReplaceOne({"fw_id": f.fw_id}, firework_document(f), upsert=True) for f in fws]
            )
        return new_ids

    def _update_wf(self, wf: Workflow, updated_ids: Iterable[int]) -> None:
        """Write a workflow whose lock is held, after those of its Fireworks that have changed."""
        new_ids = self._upsert_fws([wf.id_fw[fw_id] for fw_id in updated_ids])
        wf._reassign_ids(new_ids)
        standing = min(wf.id_fw.keys() - set(new_ids.values()))
        document = {**wf.to_db_dict(), "locked": True}
        if self.workflows.find_one_and_replace({"nodes": standing}, document, {"_id": 1}) is None:
            raise FWValueError(f"BAD QUERY_NODE! {standing}")
        self._written = wf


class _ReadAhead:
    """A collection some of whose documents were read before; for others the server is asked."""

    def __init__(self, collection: Collection[Any], key: str, documents: Iterable[Mapping[str, Any]]) -> None:
        self._collection = collection
        self._key = key
        self._read = {document[key]: document for document in documents}

    def find_one(
        self, query: Mapping[str, Any], projection: list[str] | None = None
    ) -> dict[str, Any] | None:
        """The document of a key; more than its projection if it was read before."""
        if (read := self._read.get(query[self._key])) is not None:
            return dict(read)
        found: dict[str, Any] | None = self._collection.find_one(query, projection=projection)
        return found

    def find(self, query: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
        """Documents of several keys."""
        keys = query[self._key]["$in"]
        if self._read.keys() >= set(keys):
            return [dict(self._read[key]) for key in sorted(keys)]
        return self._collection.find(query)


def _launches_of(firework: Firework) -> set[int]:
    return {launch.launch_id for launch in firework.launches}


def _lookup(collection: Collection[Any], keys: str, key: str, name: str) -> dict[str, Any]:
    return {"$lookup": {"from": collection.name, "localField": keys, "foreignField": key, "as": name}}


def _joined(field: str) -> dict[str, Any]:
    """Expression for what the lists of all the Fireworks near by hold."""
    return {
        "$reduce": {
            "input": f"$near.{field}",
            "initialValue": [],
            "in": {"$concatArrays": ["$$value", "$$this"]},
        }
    }
