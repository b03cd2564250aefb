"""A report of a small store, one of whose materials tries to be a script."""

from pathlib import Path

import pytest
from browsing import browser
from reported import fill_reported

from mtl_flows.pages.page import write_report
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

__all__ = ["browser"]


@pytest.fixture(scope="session")
def report(_session_address: Connection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page over everything: gates, clusters, known conductors, one simulated material."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    with _session_address.client() as client:
        address = Connection.parse(_session_address.uri, f"{_session_address.database}_report")
        try:
            with MTLStore.connect(address) as store:
                fill_reported(store)
                write_report(store, path)
        finally:
            client.drop_database(address.database)
    return path
