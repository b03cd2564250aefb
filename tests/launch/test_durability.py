"""What was acknowledged stays, and a worker that comes back harms nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", {"w": "majority", "j": True}),
        ("?w=1", {"w": 1, "j": True}),
        ("?journal=false", {"w": "majority", "j": False}),
    ],
)
def test_every_client_waits_for_a_majority_and_its_journals_unless_the_address_says_otherwise(
    address, tmp_path, options, expected
):
    """Seen on the wire: launchpad, job store with its large objects, domain store with its frames."""
    script = Path(__file__).with_name("write_concerns.py")
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    found = subprocess.run(
        [sys.executable, str(script), f"{address.uri}{options}", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(found.stdout.splitlines()[-1])
    for name, concerns in told.items():
        assert [json.loads(concern) for concern in concerns] == [expected], name
    assert told.keys() >= {
        *("fw_id_assigner", "fireworks", "workflows", "launches"),
        *("outputs", "outputs_blobs.files", "outputs_blobs.chunks"),
        *("frames.files", "frames.chunks", "labels"),
    }
