"""The files that `mtl init` writes, and the examples beside the code, are what FireWorks and jobflow want."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from fireworks import FWorker, LaunchPad
from fireworks.user_objects.queue_adapters.common_adapter import CommonAdapter
from jobflow import JobStore
from pydantic import SecretStr

from mtl_flows.launch.address import ServerAddress, address_of
from mtl_flows.launch.names import CATEGORIES, GPU, HEAVY, LIGHT, VASP
from mtl_flows.launch.queues import queue_of
from mtl_flows.launch.templates import write_templates
from mtl_flows.settings import Settings
from mtl_flows.store.connection import Connection
from mtl_flows.store.mongod import EmbeddedServer

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "launchpad"
URI = "mongodb://us%40er:se%2Fcret@db.example.org:27017/mtl?authSource=admin"
QSTAT_OF_A_USER = """

pbshost:
                                                            Req'd  Req'd   Elap
Job ID          Username Queue    Jobname    SessID NDS TSK Memory Time  S Time
--------------- -------- -------- ---------- ------ --- --- ------ ----- - -----
21.pbshost      me       workq    mtl-01234*    --    1   1    --  00:10 H   --
"""
SECRETS = ("se%2Fcret", "se/cret")


@pytest.fixture
def remote():
    return Settings(mongo_uri=SecretStr(URI)), Connection.parse(URI, "mtl")


def test_address_is_taken_apart():
    address = ServerAddress.of(Connection.parse(URI, "mtl"))
    assert address.uri == "mongodb://db.example.org:27017/mtl?authSource=admin"
    assert address.credentials == {"username": "us@er", "password": "se/cret"}
    assert ServerAddress.of(Connection.parse("mongodb://h/x", "mtl")).credentials == {}
    only_user = ServerAddress.of(Connection.parse("mongodb://me@h/x?authMechanism=MONGODB-X509", "mtl"))
    assert only_user.credentials == {"username": "me"}


def test_files_with_credentials_are_the_owner_s(remote, tmp_path):
    written = write_templates(tmp_path, *remote)
    holding = {file.name for file in written if any(secret in file.read_text() for secret in SECRETS)}
    assert holding == {"mtl.yaml", "my_launchpad.yaml", "jobflow.yaml"}
    modes = {file.name: file.stat().st_mode & 0o777 for file in written}
    assert {modes[name] for name in holding} == {0o600}
    assert not list(tmp_path.glob(".*"))


def test_credentials_stand_beside_the_address(remote, tmp_path):
    write_templates(tmp_path, *remote)
    pad = yaml.safe_load((tmp_path / "my_launchpad.yaml").read_text())
    stores = yaml.safe_load((tmp_path / "jobflow.yaml").read_text())["JOB_STORE"]
    for address in (pad["host"], stores["docs_store"]["uri"], stores["additional_stores"]["data"]["uri"]):
        assert "cret" not in address


def test_present_files_are_kept_unless_forced(remote, tmp_path):
    write_templates(tmp_path, *remote)
    (tmp_path / "my_qadapter.yaml").write_text("mine")
    (tmp_path / "FW_config.yaml").unlink()
    assert [file.name for file in write_templates(tmp_path, *remote)] == ["FW_config.yaml"]
    assert (tmp_path / "my_qadapter.yaml").read_text() == "mine"
    write_templates(tmp_path, *remote, force=True)
    assert (tmp_path / "my_qadapter.yaml").read_text() != "mine"


def test_settings_are_read_back(remote, tmp_path, monkeypatch):
    write_templates(tmp_path, *remote)
    below = tmp_path / "launches" / "launcher_1"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert Settings.load().mongo_uri.get_secret_value() == URI


def test_embedded_server_stays_embedded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = write_templates(tmp_path, Settings(), Connection.parse("mongodb://127.0.0.1:4711/", "mtl"))
    assert Settings.load().mongo_uri is None
    pad = next(file for file in written if file.name == "my_launchpad.yaml")
    assert "mtl db start" in pad.read_text()
    assert "4711" in pad.read_text()


def test_embedded_server_keeps_its_port(tmp_path):
    server = EmbeddedServer(tmp_path / "mongod")
    with server.lease() as first:
        pass
    with server.lease() as second:
        pass
    assert second.port == first.port


def test_a_copied_project_says_so(remote, tmp_path):
    folder = tmp_path / "it's a $project"
    write_templates(folder, *remote)
    shutil.copytree(folder, tmp_path / "copy")
    for place, code in ((folder, 0), (tmp_path / "copy", 1)):
        sourced = subprocess.run(
            ["bash", "-uc", '. "$0/environment.sh"', str(place)], cwd="/", capture_output=True, text=True
        )
        assert (sourced.returncode, "copied or moved" in sourced.stderr) == (code, bool(code))


@pytest.mark.parametrize(
    ("configured", "uri"),
    [
        ({"host": "host", "port": 27018}, "mongodb://host:27018/db"),
        (
            {"host": "host", "port": 27018, "username": "u", "password": "p@"},
            "mongodb://u:p%40@host:27018/db?authSource=db",
        ),
        ({"host": "mongodb://u:p@host/db?w=1", "uri_mode": True}, "mongodb://u:p@host/db?w=1"),
    ],
)
def test_jobs_under_rlaunch_use_the_server_of_fireworks(configured, uri):
    pad = LaunchPad(name="db", **configured)
    assert address_of(pad).uri == uri
    pad.connection.close()


def test_environment_file_survives_odd_folder_names(remote, tmp_path):
    folder = tmp_path / "it's a project"
    write_templates(folder, *remote)
    script = f'. "{folder}/environment.sh" && cat "$FW_CONFIG_FILE" && test -r "$JOBFLOW_CONFIG_FILE"'
    shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout == (folder / "FW_config.yaml").read_text()


def _written(tmp_path, remote):
    write_templates(tmp_path, *remote)
    return tmp_path


@pytest.mark.parametrize("origin", ["written", "example"])
class TestFilesLoad:
    @pytest.fixture
    def folder(self, origin, tmp_path, remote):
        return _written(tmp_path, remote) if origin == "written" else EXAMPLES

    def test_launchpad(self, folder):
        pad = LaunchPad.from_file(str(folder / "my_launchpad.yaml"))
        assert pad.name == "mtl"
        assert "@" not in pad.host
        pad.connection.close()

    def test_fworkers(self, folder, origin):
        root = folder if origin == "written" else ROOT
        assert list(FWorker.from_file(str(root / "my_fworker.yaml")).category) == list(CATEGORIES)
        assert FWorker.from_file(str(folder / "my_fworker_light.yaml")).category == [LIGHT]
        heavy = FWorker.from_file(str(folder / "my_fworker_heavy.yaml"))
        assert heavy.query["spec._category"] == {"$in": [HEAVY]}
        assert FWorker.from_file(str(folder / "my_fworker_gpu.yaml")).category == [GPU]
        assert FWorker.from_file(str(folder / "my_fworker_vasp.yaml")).category == [VASP]

    def test_queue_adapters(self, folder):
        for file in folder.glob("my_qadapter*.yaml"):
            script = CommonAdapter.from_file(str(file)).get_script_str("/scratch/here")
            assert "environment.sh\ncd /scratch/here\nrlaunch" in script
            assert "24:00:00" in script
            assert "$$" not in script
            assert ("#SBATCH --gres=gpu:1" in script) == ("gpu" in file.name)

    def test_jobs_in_a_queue_of_pbs_can_be_counted(self, folder, origin, remote):
        if origin == "written":
            write_templates(folder, *remote, scheduler="pbs", force=True)
        file = folder / ("my_qadapter.yaml" if origin == "written" else "my_qadapter_pbs.yaml")
        assert CommonAdapter.from_file(str(file))._parse_njobs(QSTAT_OF_A_USER, "me") == 1

    def test_job_store(self, folder):
        spec = yaml.safe_load((folder / "jobflow.yaml").read_text())["JOB_STORE"]
        store = JobStore.from_dict_spec(spec)
        assert set(store.additional_stores) == {"data"}
        assert "cret" not in store.name

    def test_settings_of_fireworks(self, folder):
        from fireworks import fw_config

        settings = yaml.safe_load((folder / "FW_config.yaml").read_text())
        assert all(hasattr(fw_config, name) for name in settings)
        assert settings["PING_TIME_SECS"] == 60


@pytest.mark.parametrize("scheduler", ["slurm", "pbs"])
def test_queue_scripts_are_for_the_queue_that_is_named(scheduler, remote, tmp_path):
    write_templates(tmp_path, *remote, scheduler=scheduler)
    for category in (HEAVY, GPU, VASP):
        queue = queue_of(tmp_path, category, scheduler)
        assert queue.limit_s == pytest.approx(0.98 * 86400)
        script = CommonAdapter(queue.kind, **queue.adapter).get_script_str("/scratch/here")
        assert ("\n#PBS -l nodes=1:ppn=" in script) == (scheduler == "pbs")


def test_no_launchpad_at_the_root():
    assert not (ROOT / "my_launchpad.yaml").exists()
    assert not (ROOT / "FW_config.yaml").exists()
