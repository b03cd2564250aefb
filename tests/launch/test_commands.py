"""Plain FireWorks commands work with the files of `mtl init`, on a server that asks for a password."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bson import encode
from guarded import guarded_mongod
from jobflow import Flow
from launch_jobs import count_settings_database, fail, heavy, two_steps
from pydantic import SecretStr
from pymatgen.core import Lattice, Structure

from mtl_flows.errors import DatabaseUnavailableError
from mtl_flows.flows.screening import ScreeningFlowMaker
from mtl_flows.jobs.ingest import ingest
from mtl_flows.launch.launchpad import launchpad
from mtl_flows.launch.recover import recover
from mtl_flows.launch.screening import plan_screening, submit_screening
from mtl_flows.launch.submit import submit
from mtl_flows.launch.templates import write_templates
from mtl_flows.launch.worker import work
from mtl_flows.settings import Settings
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

PASSWORD = "Tr0ub4dor&3/x"
ESCAPED = "Tr0ub4dor%263%2Fx"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def guarded_server(tmp_path_factory):
    """Start a mongod that asks for a password; give its port."""
    with guarded_mongod(tmp_path_factory.mktemp("guarded"), "mtl user", PASSWORD) as port:
        yield port


@pytest.fixture
def guarded(guarded_server):
    uri = f"mongodb://mtl%20user:{ESCAPED}@127.0.0.1:{guarded_server}/mtl?authSource=admin"
    address = Connection.parse(uri, "mtl")
    yield address
    with address.client() as client:
        for name in client["mtl"].list_collection_names():
            client["mtl"][name].delete_many({})


@pytest.fixture
def project(guarded, tmp_path):
    folder = tmp_path / "project"
    write_templates(folder, Settings(mongo_uri=SecretStr(guarded.uri)), guarded)
    return folder


@pytest.fixture
def command(project):
    """Run a command in the project folder, with its environment file."""

    def run(line, *, folder=project, succeeds=True):
        path = os.pathsep.join([str(Path(__file__).parent), str(ROOT)])
        env = {
            **os.environ,
            "PYTHONPATH": path,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        script = f". {project}/environment.sh && {line}"
        ended = subprocess.run(["sh", "-c", script], cwd=folder, env=env, capture_output=True, text=True)
        output = ended.stdout + ended.stderr
        assert (ended.returncode == 0) is succeeds, output
        assert PASSWORD not in output
        assert ESCAPED not in output
        return ended.stdout

    return run


def _everything(address):
    """Every byte of every collection."""
    with address.client() as client:
        database = client.get_database(address.database)
        return b"".join(
            encode(document)
            for name in database.list_collection_names()
            for document in database[name].find()
        )


def test_lpad_and_rlaunch_run_a_flow(guarded, project, command):
    launchpad(guarded).connection.close()
    submit(Flow([two_steps(), heavy(count_settings_database())]), guarded, name="by hand")
    assert '"state": "READY"' in command("lpad get_wflows")
    elsewhere = project / "launches"
    elsewhere.mkdir()
    command(f"rlaunch -w {ROOT}/my_fworker.yaml rapidfire --nlaunches 0", folder=elsewhere)
    assert '"states_list": "C-C-C"' in command(f"lpad -l {project}/my_launchpad.yaml get_wflows -d less")
    with guarded.client() as client:
        outputs = [d["output"] for d in client["mtl"]["outputs"].find()]
        assert sorted(map(str, outputs)) == ["3", "6", "mtl"]


def test_queue_job_runs_heavy_work(guarded, project, command):
    """What `qlaunch` hands to Slurm is a script that works; here `sbatch` runs it at once."""
    bare = "env -u FW_CONFIG_FILE -u JOBFLOW_CONFIG_FILE"
    (project / "sbatch").write_text(
        f'#!/bin/sh\n{bare} bash "$1" > slurm.out 2>&1 && echo Submitted batch job 1\n'
    )
    (project / "sbatch").chmod(0o755)
    submit(Flow([heavy(count_settings_database())]), guarded, name="heavy")
    command("PATH=$PWD:$PATH qlaunch -w my_fworker_heavy.yaml singleshot")
    with guarded.client() as client:
        assert [d["output"] for d in client["mtl"]["outputs"].find()] == ["mtl"]


@pytest.fixture
def crystals(tmp_path):
    """Four lithium compounds as CIF files."""
    folder = tmp_path / "cifs"
    folder.mkdir()
    for name, (a, anion) in {
        "lif": (4.03, "F"),
        "licl": (5.14, "Cl"),
        "libr": (5.50, "Br"),
        "lii": (6.03, "I"),
    }.items():
        rock_salt = Structure.from_spacegroup(
            "Fm-3m", Lattice.cubic(a), ["Li", anion], [[0, 0, 0], [0.5, 0.5, 0.5]]
        )
        rock_salt.to(str(folder / f"{name}.cif"))
    return folder


def test_screening_runs_under_rlaunch(guarded, crystals, command):
    with MTLStore.connect(guarded) as store:
        ingest(store, [crystals], release="test", workers=0)
        maker = ScreeningFlowMaker()
        submit_screening(guarded, plan_screening(store, maker), maker)
        command("rlaunch rapidfire --nlaunches 0")
        assert recover(guarded).failures == ()
        assert store.candidates.count() == 4
        assert plan_screening(store, maker).nothing_to_do
    assert PASSWORD.encode() not in _everything(guarded)


def test_no_document_log_or_file_of_a_job_holds_the_password(guarded, project, command, tmp_path):
    submit(Flow([two_steps(), fail("no luck"), count_settings_database()]), guarded, name="ours")
    summary = work(guarded, launch_dir=tmp_path / "launches")
    submit(fail("no luck"), guarded, name="theirs")
    command("rlaunch rapidfire --nlaunches 0", folder=tmp_path)
    (group,) = recover(guarded).failures
    assert (group.error, group.count) == ("ValueError: no luck", 2)
    with MTLStore.connect(guarded):
        pass
    documents = _everything(guarded)
    assert b"no luck" in documents
    left_behind = b"".join(
        file.read_bytes()
        for folder in (tmp_path / "launches", *tmp_path.glob("launcher_*"))
        for file in folder.rglob("*")
        if file.is_file()
    )
    assert b"no luck" in left_behind
    for secret in (PASSWORD.encode(), ESCAPED.encode()):
        assert secret not in documents
        assert secret not in left_behind
        assert secret not in repr((summary, guarded)).encode()


def test_wrong_password_is_refused_without_repeating_it(guarded_server):
    address = Connection.parse(
        f"mongodb://mtl%20user:wr0ng@127.0.0.1:{guarded_server}/mtl?authSource=admin", "mtl"
    )
    with pytest.raises(DatabaseUnavailableError, match="refuses") as caught:
        launchpad(address)
    assert "wr0ng" not in f"{caught.value!r} {caught.value}"


def test_lpad_tells_nothing_when_no_server_answers(guarded, project, command):
    file = project / "my_launchpad.yaml"
    port = str(guarded).rpartition(":")[2].split("/")[0]
    text = (
        file.read_text().replace(f":{port}/", ":1/").replace("journal: true", "serverSelectionTimeoutMS: 100")
    )
    file.write_text(text)
    command("lpad get_wflows", succeeds=False)
