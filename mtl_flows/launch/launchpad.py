"""The FireWorks LaunchPad and the jobflow JobStore, both in the database of the domain collections."""

from typing import Any

from fireworks import LaunchPad
from jobflow.core.store import JobStore
from maggma.stores import GridFSStore, MongoStore
from pymongo import ASCENDING, DESCENDING

from mtl_flows.launch.address import ServerAddress
from mtl_flows.launch.insides import ensure_counters
from mtl_flows.launch.names import BLOBS, INPUTS_KEY, OUTPUTS, WORK_KEY
from mtl_flows.store.connection import Connection

# What a worker asks for: the next of the kinds that it takes. FireWorks' own indexes leave the kind out, and a worker
# would look through all jobs that it does not take.
_NEXT_JOB = [
    *(("state", ASCENDING), ("spec._category", ASCENDING)),
    *(("spec._priority", DESCENDING), ("created_on", ASCENDING)),
]
_LAST_INDEX = "mtl_next_job"


def launchpad(connection: Connection) -> LaunchPad:
    """Open the LaunchPad, with its indexes and its counter of ids in place; nothing that is there is touched.

    Raises
    ------
    DatabaseUnavailableError
        If no server answers or it refuses the credentials.
    """
    return prepare(open_launchpad(connection))


def open_launchpad(connection: Connection, kind: type[LaunchPad] = LaunchPad) -> LaunchPad:
    """Open the LaunchPad as it stands.

    Raises
    ------
    DatabaseUnavailableError
        If no server answers or it refuses the credentials.
    """
    connection.client().close()  # our own client says what is wrong without showing the address
    address = ServerAddress.of(connection)
    return kind(
        host=address.uri,
        name=connection.database,
        uri_mode=True,
        strm_lvl="CRITICAL",
        mongoclient_kwargs={"appname": "mtl_flows", **address.client_options},
    )


def prepare(pad: LaunchPad) -> LaunchPad:
    """Create what ``lpad reset`` would create, without its deletions.

    The counters go on behind the highest ids in use, so a lost counter never hands out an id twice.
    """
    if _LAST_INDEX not in pad.fireworks.index_information():
        pad.tuneup()
        pad.workflows.create_index(
            f"metadata.{WORK_KEY}",
            unique=True,
            partialFilterExpression={f"metadata.{WORK_KEY}": {"$exists": True}},
        )
        pad.workflows.create_index(f"metadata.{INPUTS_KEY}", sparse=True)
        pad.fireworks.create_index(_NEXT_JOB, name=_LAST_INDEX)  # where it stands, the others do
    ensure_counters(pad)
    return pad


def job_store(connection: Connection) -> JobStore:
    """Open the store of job outputs, with large objects in GridFS under the name ``data``.

    Raises
    ------
    DatabaseUnavailableError
        If no server answers or it refuses the credentials.
    """
    connection.client().close()
    address = ServerAddress.of(connection)
    common: dict[str, Any] = {
        "database": connection.database,
        "uri": address.uri,
        "mongoclient_kwargs": {"appname": "mtl_flows", **address.client_options},
    }
    store = JobStore(
        MongoStore(collection_name=OUTPUTS, **common),
        additional_stores={"data": GridFSStore(collection_name=BLOBS, **common)},
    )
    store.connect()
    store.ensure_index("uuid")
    return store
