"""Taking over a store of version 1: its documents, its groups and rows, and the work that waits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mtl_flows.errors import ConfigurationError
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.clustering import update_clustering
from mtl_flows.jobs.groups import find_groups
from mtl_flows.jobs.ingest import guard_with
from mtl_flows.jobs.screening import choose_screening, screening_parameters
from mtl_flows.jobs.settling import settle_all
from mtl_flows.launch.launchpad import launchpad, open_launchpad
from mtl_flows.launch.waiting import hand_in_again, refuse_while_running, retire, waiting_work
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.migrations import migrate
from mtl_flows.store.version_1 import mark
from mtl_flows.store.version_1.takeover import Takeover
from mtl_flows.vocabulary import PROTOCOLS

Say = Callable[[str], None]


@dataclass(frozen=True)
class TakeoverSummary:
    """What a takeover does, or did.

    Attributes
    ----------
    documents
        How many there were and are, by collection.
    replicas
        Runs that came to a key that a more complete one has: by their old ordering the replica that they are now.
    potentials
        Names of potentials, with how many hashes of weights were recorded under each.
    retired, handed_in
        Workflows that waited, and what was handed in again of them; of a dry run the materials that would be.
    """

    documents: dict[str, tuple[int, int]]
    replicas: dict[str, str] = field(default_factory=dict)
    potentials: dict[str, int] = field(default_factory=dict)
    retired: list[str] = field(default_factory=list)
    handed_in: list[str] = field(default_factory=list)


def is_needed(address: Connection) -> bool:
    """Whether the store is one of version 1, or on its way from there."""
    with address.client() as client:
        database = client[address.database]
        return mark.is_of_version_1(database) or mark.progress(database) in ("begun", "written")


def rehearse(address: Connection) -> TakeoverSummary:
    """Say what `take_over` would do; nothing is written.

    Raises
    ------
    ConfigurationError
        As `take_over`.
    """
    pad = open_launchpad(address)
    try:
        refuse_while_running(pad)
        waiting = [work.material_id for work in waiting_work(pad)]
        names = [
            w["name"] for w in pad.workflows.find({"state": {"$nin": ["COMPLETED", "ARCHIVED", "DEFUSED"]}})
        ]
    finally:
        pad.connection.close()
    with address.client() as client:
        takeover = Takeover(client[address.database])
        potentials: dict[str, int] = {}
        for name, documents in takeover.documents():
            for document in documents:
                if name == "potentials":
                    engine = document["engine_name"]
                    potentials[engine] = potentials.get(engine, 0) + 1
        return TakeoverSummary(takeover.changes, _replicas(takeover), potentials, names, waiting)


def take_over(address: Connection, say: Say = lambda message: None) -> TakeoverSummary:
    """Bring a store of version 1 to the layout of today; interrupted, it goes on when it is run again.

    What version 1 left stays beside, under names of its own, until `mtl_flows.store.version_1.mark.finish`.

    Raises
    ------
    ConfigurationError
        If jobs are at work.
    """
    with address.client() as client:
        database = client[address.database]
        pad = launchpad(address)
        try:
            refuse_while_running(pad)
            if mark.progress(database) == "":
                work = [waiting.as_dict() for waiting in waiting_work(pad)]
                mark.note(database, "begun", work=work)
            retired = retire(pad)
        finally:
            pad.connection.close()
        takeover = Takeover(database)
        if mark.progress(database) == "begun":
            say("writing documents under the keys of their crystals")
            takeover.set_aside()
            takeover.write()
            replicas = _replicas(takeover)
            mark.note(database, "written", documents=takeover.changes, replicas=replicas)
        store = MTLStore(client, address.database)
        store.ensure_indexes()
        say("bringing groups, clusterings and rows up to date")
        _settle(store)
        handed_in = hand_in_again(store, address, mark.noted(database, "work"))
        summary = TakeoverSummary(
            {name: tuple(counts) for name, counts in mark.noted(database, "documents").items()},
            mark.noted(database, "replicas"),
            {},
            retired,
            [workflow.name for workflow in handed_in],
        )
        mark.note(database, "done")
        return summary


def finish(address: Connection) -> list[str]:
    """Drop what version 1 left; gives the names of the collections.

    Raises
    ------
    ConfigurationError
        If the takeover is not done.
    """
    with address.client() as client:
        database = client[address.database]
        if mark.is_of_version_1(database) or mark.progress(database) in ("begun", "written"):
            raise ConfigurationError(
                "the store was not taken over yet", subject=address.database, remedy="run mtl migrate first"
            )
        return mark.finish(database)


def _settle(store: MTLStore) -> None:
    """Everything that follows from the documents: groups, clusterings, rows."""
    migrate(store)
    settle_all(store)
    _group_withdrawn(store)
    for name in store.screenings.names():
        parameters = screening_parameters(store, name)
        choose_screening(store, parameters)
        for protocol in PROTOCOLS:
            if store.under(name).clusterings.has_current(protocol):
                # Labels hold for a whole group now: another cluster may hold a known conductor.
                update_clustering(store, protocol, parameters)
        rebuild_candidates(store, parameters)


def _group_withdrawn(store: MTLStore) -> None:
    """Compare the materials that version 1 left out of its groups; who stood goes on standing."""
    of_withdrawn = store.structures.raw.distinct("composition_key", {"withdrawn": True, "current": True})
    again = {"composition_key": {"$in": of_withdrawn}, "current": True}
    store.structures.writable.update_many(again, {"$set": {"representative_id": ""}})
    find_groups(store, guard_with())


def _replicas(takeover: Takeover) -> dict[str, Any]:
    return {
        old: f"{new.sample.approximant_id}, replica {new.sample.replica}"
        for old, new in takeover.further().items()
    }
