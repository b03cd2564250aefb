"""Fixtures of the launch room."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from mtl_flows.launch.events import WorkSummary
from mtl_flows.launch.worker import work
from mtl_flows.store.connection import Connection


@pytest.fixture
def database(address: Connection) -> Iterator[Database[dict[str, Any]]]:
    with address.client() as client:
        yield client[address.database]


@pytest.fixture
def run(address: Connection, tmp_path: Path) -> Callable[..., WorkSummary]:
    """Work in a folder of the test's own."""
    return lambda **options: work(address, launch_dir=tmp_path / "launches", **options)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.txt"
