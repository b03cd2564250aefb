"""A server over a store that its database user may only read, indexes and all."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_plus

import pytest
from browsing import browser
from guarded import guarded_mongod
from pymongo import MongoClient
from reported import fill_reported
from served import Served, running

from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.owner import Reader

__all__ = ["browser"]

_PASSWORD = "p/w?d:1@"
_READER = {"createUser": "reader", "pwd": _PASSWORD, "roles": [{"role": "read", "db": "seen"}]}


@pytest.fixture(scope="session")
def guarded_seen(
    _session_address: Connection, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[MongoClient[dict[str, Any]], Connection]]:
    """Documents without any index on a server that asks for a password: who may do all, and who may read."""
    with guarded_mongod(tmp_path_factory.mktemp("seen"), "root", _PASSWORD) as port:
        all_may = f"mongodb://root:{quote_plus(_PASSWORD)}@127.0.0.1:{port}/admin"
        with MongoClient(all_may) as root, _session_address.client() as client:
            address = Connection.parse(_session_address.uri, f"{_session_address.database}_seen")
            try:
                with MTLStore.connect(address) as store:
                    fill_reported(store)
                    for name in store.database.list_collection_names():
                        if documents := list(store.database[name].find()):
                            root["seen"][name].insert_many(documents)
            finally:
                client.drop_database(address.database)
            root["seen"].command(_READER)
            uri = f"mongodb://reader:{quote_plus(_PASSWORD)}@127.0.0.1:{port}/seen?authSource=seen"
            yield root, Connection.parse(uri, "seen")


@pytest.fixture(scope="session")
def served(guarded_seen: tuple[MongoClient[dict[str, Any]], Connection]) -> Iterator[Served]:
    """The address of a server; in the end the database is as it was."""
    root, address = guarded_seen
    before = root["seen"].command("dbHash")["md5"]
    with MTLStore.connect(address, Reader.alone()) as store, running(store) as found:
        yield found
    assert root["seen"].command("dbHash")["md5"] == before
    for name in root["seen"].list_collection_names():
        assert list(root["seen"][name].index_information()) == ["_id_"]
