"""Fixtures of the flows: workers in a folder of their own."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mtl_flows.launch.events import WorkSummary
from mtl_flows.launch.worker import work
from mtl_flows.store.connection import Connection

Work = Callable[..., WorkSummary]
FAKE = Path(__file__).parents[1] / "fake_vasp.py"


@pytest.fixture
def run(address: Connection, tmp_path: Path) -> Work:
    """Run jobs until none is left."""
    return lambda **options: work(address, launch_dir=tmp_path / "launches", **options)


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put the stand-in on the PATH; gives a function that says where it is to fail."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("vasp_std", "vasp_gam"):
        (programs / name).symlink_to(FAKE)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    file = tmp_path / "faults.json"
    file.write_text("[]")
    monkeypatch.setenv("FAKE_VASP_FAULTS", str(file))
    return lambda *faults: file.write_text(json.dumps(faults))
