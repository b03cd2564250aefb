"""Indexes are looked at once, and again where a collection is another one."""

from collections import Counter

import pytest
from round_trips import Commands

from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.swap import LAYOUT


def opened(address: Connection) -> Counter[str]:
    """Commands of opening a store and all its collections."""
    with Commands() as commands, MTLStore.connect(address) as store:
        assert len(store.collections) > 20
    return commands.counts


def test_indexes_are_looked_at_until_they_are_noted(address: Connection) -> None:
    with address.client() as client:
        client[address.database].drop_collection(LAYOUT)
    # Where collections are new, the first time makes them and the second notes what is there.
    looked_at = [opened(address)["listIndexes"] for _ in range(3)]
    assert looked_at[0] > 20
    assert looked_at[2] == 0


def test_a_collection_that_was_dropped_gets_its_indexes_again(address: Connection) -> None:
    opened(address), opened(address)
    with address.client() as client:
        client[address.database].drop_collection("topology")
    opened(address)
    with MTLStore.connect(address) as store:
        assert len(store.topology.raw.index_information()) == len(store.topology.indexes) + 1


def test_other_declarations_are_looked_at(address: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(address), opened(address)
    with MTLStore.connect(address) as store:
        kind = type(store.topology)
    monkeypatch.setattr(kind, "indexes", kind.indexes[:-1])
    assert opened(address)["listIndexes"] == 1
