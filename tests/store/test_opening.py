"""Opening a store: what is made when, and that nothing is written where all is there."""

import pytest
from pymongo import monitoring

from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

READING = {"ping", "listCollections", "listIndexes", "find", "aggregate", "endSessions", "hello"}


class Commands(monitoring.CommandListener):
    """Names of the commands that clients send while it listens."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.listens = True

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.listens:
            self.names.append(event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


def test_a_store_whose_indexes_stand_is_only_read(address: Connection) -> None:
    with MTLStore.connect(address) as store:
        assert len(store.collections) > 20
    commands = Commands()
    monitoring.register(commands)
    try:
        with MTLStore.connect(address) as store:
            assert [collection.count() for collection in store.collections] == [0] * len(store.collections)
            assert list(store.under("other").candidates.find()) == []
    finally:
        commands.listens = False
    assert "find" in commands.names
    assert set(commands.names) <= READING


def test_a_collection_gets_its_indexes_when_it_is_first_used(address: Connection) -> None:
    with MTLStore.connect(address) as store:
        for collection in store.collections:
            store.database.drop_collection(collection.name)
    with MTLStore.connect(address) as store:
        assert "candidates" not in store.database.list_collection_names()
        declared = {index.document["name"] for index in store.candidates.indexes}
        assert declared <= set(store.candidates.raw.index_information())
        assert "structures" not in store.database.list_collection_names()
        assert store.under("other").candidates.screening == "other"
    with pytest.raises(AttributeError, match="candidate"):
        store.candidate  # noqa: B018
