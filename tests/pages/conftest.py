"""A report of a small store, one of whose materials tries to be a script, and a browser to look at it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from playwright.sync_api import Browser, Error, sync_playwright
from reported import SIMULATED, make_evil
from samples import KNOWN, fill_screened
from simulated import simulate

from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.pages.page import write_report
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_SWITCHES = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


@pytest.fixture(scope="session")
def report(_session_address: Connection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page over everything: gates, clusters, known conductors, one simulated material."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    with _session_address.client() as client:
        address = Connection.parse(_session_address.uri, f"{_session_address.database}_report")
        try:
            with MTLStore.connect(address) as store:
                fill_screened(store)
                simulate(store, 800.0, 0.9, SIMULATED)
                simulate(store, 1200.0, 0.35, SIMULATED)
                rebuild_candidates(store, ScreeningParameters())
                measured = {"conductivity_measured_S_per_cm": 1.2e-2}
                store.candidates.raw.update_one({"material_id": KNOWN[0]}, {"$set": measured})
                make_evil(store)
                write_report(store, path)
        finally:
            client.drop_database(address.database)
    return path


def without_browser(reason: str) -> NoReturn:
    """Skip, or fail where MTL_TEST_NEEDS_BROWSER says that there has to be a browser."""
    if os.environ.get("MTL_TEST_NEEDS_BROWSER"):
        pytest.fail(f"{reason}; MTL_TEST_NEEDS_BROWSER asks for one")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium of this machine; nothing is downloaded.

    Not of the session: while it is open an event loop counts as running in this process.
    """
    program = os.environ.get("MTL_TEST_CHROMIUM") or next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        without_browser("no Chromium is installed (Debian's package chromium), or named by MTL_TEST_CHROMIUM")
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(
                executable_path=program, args=list(_SWITCHES), timeout=180_000
            )
        except Error as error:
            without_browser(f"Chromium does not start: {error}")
        yield started
        started.close()
