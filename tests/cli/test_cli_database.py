"""`mtl db` and `mtl init`: the server that comes along, and the files for FireWorks."""

import json
import stat
from pathlib import Path

import yaml
from cli_answers import Mtl
from samples import write_cifs


def test_the_embedded_server_is_started_when_needed_and_stays_when_told(
    mtl: Mtl, mtl_here: Mtl, project: Path
) -> None:
    write_cifs(project / "crystals", "li3n")
    ingested = mtl_here("ingest", "crystals", "-r", "one", "-j", 0)
    assert ingested.code == 0, ingested
    state = project / ".mtl" / "mongod.json"
    assert not state.exists()  # the last one out stopped it
    started = mtl("db", "start")
    assert started.code == 0, started
    assert state.exists()
    address = started.out.split()[0]
    below = project / "some" / "folder"
    below.mkdir(parents=True)
    told = json.loads(mtl("-C", below, "db", "status", "--json").out)
    assert told["server"].startswith(address)
    assert told["collections"]["structures"] == 1
    assert state.exists()
    assert "stopped" in mtl_here("db", "stop").err
    assert not state.exists()
    assert "it was not running" in mtl_here("db", "stop").err


def test_a_server_of_ones_own_is_not_ours_to_start(mtl_here: Mtl, server: str, project: Path) -> None:
    for command in ("start", "stop"):
        answer = mtl_here("db", command)
        assert (answer.code, "MTL_MONGO_URI" in answer.err) == (4, True)
    told = mtl_here("db", "status")
    assert "configured MongoDB" in told.out
    assert not (project / ".mtl").exists()


def test_init_writes_files_once_and_secrets_for_the_owner_alone(
    mtl_here: Mtl, server: str, project: Path
) -> None:
    written = mtl_here("init", "mine")
    assert written.code == 0, written
    folder = project / "mine"
    files = {file.name for file in folder.iterdir() if file.is_file()}
    assert {"mtl.yaml", "my_launchpad.yaml", "FW_config.yaml", "jobflow.yaml", "my_qadapter.yaml"} <= files
    assert yaml.safe_load((folder / "mtl.yaml").read_text())["mongo_uri"] == server
    assert stat.S_IMODE((folder / "mtl.yaml").stat().st_mode) == 0o600
    (folder / "mtl.yaml").write_text("mongo_uri: mongodb://mine/x\n")
    assert "everything is there already" in mtl_here("init", "mine").err
    assert "mine/x" in (folder / "mtl.yaml").read_text()
    assert mtl_here("init", "mine", "--force").code == 0
    assert yaml.safe_load((folder / "mtl.yaml").read_text())["mongo_uri"] == server
