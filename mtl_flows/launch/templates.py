"""Configuration files for people who use ``lpad``, ``rlaunch`` and ``qlaunch`` directly."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from types import MappingProxyType
from typing import Any

import yaml

from mtl_flows.launch.address import ServerAddress
from mtl_flows.launch.names import (
    BLOBS,
    CATEGORIES,
    GPU,
    HEARTBEAT_FIELD,
    HEARTBEAT_S,
    HEAVY,
    LIGHT,
    LOST_AFTER_S,
    OUTPUTS,
    VASP,
)
from mtl_flows.settings import SETTINGS_FILE, Settings
from mtl_flows.store.connection import Connection
from mtl_flows.vocabulary import SchedulerName

_LAUNCHPAD_FILE = "my_launchpad.yaml"
_FWORKER_FILE = "my_fworker.yaml"
_LIGHT_FWORKER_FILE = "my_fworker_light.yaml"
_HEAVY_FWORKER_FILE = "my_fworker_heavy.yaml"
_GPU_FWORKER_FILE = "my_fworker_gpu.yaml"
_VASP_FWORKER_FILE = "my_fworker_vasp.yaml"
_QADAPTER_FILE = "my_qadapter.yaml"
_GPU_QADAPTER_FILE = "my_qadapter_gpu.yaml"
_VASP_QADAPTER_FILE = "my_qadapter_vasp.yaml"
_FIREWORKS_FILE = "FW_config.yaml"
_JOBFLOW_FILE = "jobflow.yaml"
_ENVIRONMENT_FILE = "environment.sh"

QUEUE_FILES: Mapping[str, str] = MappingProxyType(
    {
        LIGHT: _QADAPTER_FILE,
        HEAVY: _QADAPTER_FILE,
        GPU: _GPU_QADAPTER_FILE,
        VASP: _VASP_QADAPTER_FILE,
    }
)
"""What tells how a job of each category is queued."""

_EMBEDDED_NOTE = """\
# Embedded server: `mtl db start` keeps it running for lpad and rlaunch. It keeps its port; should another
# program have taken that, `mtl init --force` writes these files anew.
"""


def write_templates(
    folder: Path,
    settings: Settings,
    connection: Connection,
    *,
    force: bool = False,
    scheduler: SchedulerName = "slurm",
) -> list[Path]:
    """Write the project's settings and the configuration of FireWorks and jobflow.

    Files with credentials can be read by their owner alone, from the moment they exist. Addresses in them hold
    no credentials, because FireWorks prints the address when no server answers.

    Parameters
    ----------
    folder
        The project folder; created if need be.
    settings
        Tells whether the server is the embedded one.
    connection
        Address of the server.
    force
        Replace files that are there; they are left alone otherwise.
    scheduler
        Queueing system that the queue scripts are for.

    Returns
    -------
    list of Path
        The files that were written.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    embedded = settings.mongo_uri is None
    address = ServerAddress.of(connection)
    note = _EMBEDDED_NOTE if embedded else ""
    texts = {
        SETTINGS_FILE: _settings(connection, embedded=embedded),
        _LAUNCHPAD_FILE: note + _yaml(_launchpad(address, connection.database)),
        _JOBFLOW_FILE: note + _yaml({"JOB_STORE": _job_store(address, connection.database)}),
        _FIREWORKS_FILE: _fireworks(folder),
        _FWORKER_FILE: _fworker("mtl", *CATEGORIES),
        _LIGHT_FWORKER_FILE: _fworker("mtl-light", LIGHT),
        _HEAVY_FWORKER_FILE: _fworker("mtl-heavy", HEAVY),
        _GPU_FWORKER_FILE: _fworker("mtl-gpu", GPU),
        _VASP_FWORKER_FILE: _fworker("mtl-vasp", VASP),
        # A potential runs on one thread: more cores are for more jobs.
        _QADAPTER_FILE: _qadapter(scheduler, folder, _HEAVY_FWORKER_FILE, memory="4G"),
        _GPU_QADAPTER_FILE: _qadapter(
            scheduler, folder, _GPU_FWORKER_FILE, cpus=4, memory="16G", gres="gpu:1"
        ),
        _VASP_QADAPTER_FILE: _qadapter(scheduler, folder, _VASP_FWORKER_FILE, tasks=32, memory="64G"),
        _ENVIRONMENT_FILE: _environment(folder),
    }
    secret = {SETTINGS_FILE, _LAUNCHPAD_FILE, _JOBFLOW_FILE}
    written = []
    for name, text in texts.items():
        file = folder / name
        if force or not file.exists():
            _write(file, text, mode=0o600 if name in secret else 0o644)
            written.append(file)
    return written


def _write(file: Path, text: str, *, mode: int) -> None:
    draft = file.with_name(f".{file.name}.new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as stream:
        stream.write(text)
    draft.replace(file)


def _yaml(content: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(content), sort_keys=False, width=1000)


def _settings(connection: Connection, *, embedded: bool) -> str:
    if embedded:
        server = "# mongo_uri: mongodb://user:password@host:27017/mtl\n"
    else:
        server = _yaml({"mongo_uri": connection.uri})
    return f"""\
# Settings of this project; environment variables (MTL_MONGO_URI, ...) go before them.
# Without mongo_uri a MongoDB server of the project's own is started when needed, its data under `home`.
{server}\
# database: {connection.database}    # where mongo_uri names none
# home: .mtl
"""


def _launchpad(address: ServerAddress, database: str) -> dict[str, Any]:
    return {
        "host": address.uri,
        "uri_mode": True,
        "name": database,
        "mongoclient_kwargs": address.client_options,
        "logdir": None,
        "strm_lvl": "INFO",
        "user_indices": [],
        "wf_user_indices": [],
    }


def _job_store(address: ServerAddress, database: str) -> dict[str, Any]:
    def store(kind: str, collection: str) -> dict[str, Any]:
        return {
            "type": kind,
            "uri": address.uri,
            "database": database,
            "collection_name": collection,
            "mongoclient_kwargs": address.client_options,
        }

    return {
        "docs_store": store("MongoStore", OUTPUTS),
        "additional_stores": {"data": store("GridFSStore", BLOBS)},
    }


def _fireworks(folder: Path) -> str:
    locations = {
        "LAUNCHPAD_LOC": str(folder / _LAUNCHPAD_FILE),
        "FWORKER_LOC": str(folder / _FWORKER_FILE),
        "QUEUEADAPTER_LOC": str(folder / _QADAPTER_FILE),
    }
    return f"""\
{_yaml(locations)}\
# A sign of life every minute; `mtl recover` and `lpad detect_lostruns` rely on it.
PING_TIME_SECS: {HEARTBEAT_S:.0f}
RUN_EXPIRATION_SECS: {LOST_AFTER_S:.0f}
# First come, first served; `lpad set_priority` overrides it.
SORT_FWS: FIFO
"""


def _fworker(name: str, *categories: str) -> str:
    env = {HEARTBEAT_FIELD: HEARTBEAT_S}  # as FW_config.yaml has it: `mtl recover` reads it from the launch
    return _yaml({"name": name, "category": list(categories), "query": "{}", "env": env})


def _qadapter(
    scheduler: SchedulerName,
    folder: Path,
    fworker_file: str,
    *,
    memory: str,
    cpus: int = 1,
    tasks: int = 1,
    gres: str = "",
) -> str:
    """Queue script of one kind of job."""
    fworker = quote(str(folder / fworker_file))
    room: dict[str, Any]
    if scheduler == "slurm":
        room = {"nodes": 1, "ntasks_per_node": tasks, "cpus_per_task": cpus, "mem": memory}
        room |= {"gres": gres} if gres else {}
        note = "queue is the partition"
    else:
        room = {"nnodes": 1, "ppnode": tasks * cpus}
        note = "queue has to be named (qstat -Q\n# lists them): qlaunch counts its jobs. "
        note += "_fw_template_file names a script of your own, where a site wants more (memory, GPUs)"
    adapter = {
        "_fw_name": "CommonAdapter",
        "_fw_q_type": scheduler.upper(),
        "rocket_launch": f"rlaunch -w {fworker} rapidfire --timeout 82800",
        **room,
        "walltime": "24:00:00",
        "queue": None if scheduler == "slurm" else "workq",
        "account": None,
        "job_name": "mtl",
        "pre_rocket": f"source {quote(str(folder / _ENVIRONMENT_FILE))}",
        "post_rocket": None,
        "logdir": str(folder),
    }
    return f"""\
# Queue jobs for {scheduler.upper()}; the other keywords are those of FireWorks' {scheduler.upper()}_template.txt.
# `qlaunch -q THIS_FILE -w {fworker_file} rapidfire -m 10` keeps ten queued; each takes jobs for 23 hours:
# --timeout is in seconds, and goes with walltime. {note}.
{_yaml(adapter)}"""


def _environment(folder: Path) -> str:
    return f"""\
# `source` it: lpad, rlaunch and qlaunch then work in any directory, and jobs find the job store.
if [ -n "${{BASH_SOURCE:-}}" ] && [ "$(cd "$(dirname "$BASH_SOURCE")" && pwd -P)" != {quote(str(folder))} ]; then
    echo {quote(f"this project was copied or moved; its files name {folder}: run mtl init --force here")} >&2
    return 1
fi
export PATH={quote(str(Path(sys.executable).parent))}:"$PATH"
export FW_CONFIG_FILE={quote(str(folder / _FIREWORKS_FILE))}
export JOBFLOW_CONFIG_FILE={quote(str(folder / _JOBFLOW_FILE))}
"""
