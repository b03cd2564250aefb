"""What was acknowledged stays, and a worker that comes back harms nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jobflow import Flow
from launch_jobs import spread_owners, tell_owner
from pydantic import SecretStr

from mtl_flows.launch.launchpad import job_store, open_launchpad
from mtl_flows.launch.submit import submit
from mtl_flows.launch.templates import write_templates
from mtl_flows.settings import Settings
from mtl_flows.store.connection import Connection


def test_no_client_waits_for_ever_for_what_a_network_has_swallowed(address):
    pad, outputs = open_launchpad(address), job_store(address)
    blobs = outputs.additional_stores["data"]
    with address.client() as client:
        clients = [
            client,
            pad.connection,
            outputs.docs_store._coll.database.client,
            blobs._files_collection.database.client,
        ]
        assert {c.options.pool_options.socket_timeout for c in clients} == {600}
    pad.connection.close()
    outputs.close()
    with Connection.parse(f"{address.uri}?socketTimeoutMS=5000", address.database).client() as client:
        assert client.options.pool_options.socket_timeout == 5


def test_every_client_waits_for_a_majority_and_its_journals_unless_the_address_says_otherwise(
    address, tmp_path
):
    """Seen on the wire: launchpad, job store with its large objects, domain store with its frames."""
    expected = {
        "": {"w": "majority", "j": True},
        "?w=1": {"w": 1, "j": True},
        "?journal=false": {"w": "majority", "j": False},
    }
    script = Path(__file__).with_name("write_concerns.py")
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    found = subprocess.run(
        [sys.executable, str(script), str(tmp_path), *(f"{address.uri}{options}" for options in expected)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    seen = json.loads(found.stdout.splitlines()[-1])
    for (options, concern), told in zip(expected.items(), seen, strict=True):
        for name, concerns in told.items():
            assert [json.loads(one) for one in concerns] == [concern], (options, name)
        assert told.keys() >= {
            *("fw_id_assigner", "fireworks", "workflows", "launches"),
            *("outputs", "outputs_blobs.files", "outputs_blobs.chunks"),
            *("frames.files", "frames.chunks", "labels"),
        }


@pytest.mark.parametrize(
    "command",
    [
        ("python", "-m", "mtl_flows", "worker", "--kind", "any"),
        ("rlaunch", "rapidfire"),
        ("rlaunch", "multi", "2"),
    ],
)
def test_jobs_write_in_the_name_of_their_launch(address, database, tmp_path, command):
    """Also those created by others; whatever part of FireWorks runs them tells which launch they belong to."""
    submit(Flow([tell_owner(), spread_owners(2)]), address, name="owners")
    write_templates(tmp_path, Settings(mongo_uri=SecretStr(address.uri)), address)
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        "MTL_MONGO_URI": address.uri,
        "FW_CONFIG_FILE": str(tmp_path / "FW_config.yaml"),
        "JOBFLOW_CONFIG_FILE": str(tmp_path / "jobflow.yaml"),
    }
    subprocess.run(command, cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, check=True)
    launches = {f"launch-{launch['launch_id']}" for launch in database.launches.find({"fw_id": {"$ne": 2}})}
    assert len(launches) == 3
    assert {document["output"] for document in database.outputs.find({"output": {"$ne": None}})} == launches
