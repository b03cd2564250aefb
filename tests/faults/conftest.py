"""Fixtures of the faults: workers in a folder of their own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mtl_flows.launch.events import WorkSummary
from mtl_flows.launch.worker import work
from mtl_flows.store.connection import Connection


@pytest.fixture
def run(address: Connection, tmp_path: Path) -> Callable[..., WorkSummary]:
    """Run jobs until none is left."""
    return lambda **options: work(address, launch_dir=tmp_path / "launches", **options)
