"""As if a worker had been away for an hour, without waiting for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from mtl_flows.launch import recover
from mtl_flows.launch.lost import ServerClock
from mtl_flows.launch.names import SIGN_FIELD
from mtl_flows.store.database import MTLStore


def fall_silent(store: MTLStore) -> None:
    """Let the last sign of life of what runs be an hour old."""
    then = datetime.now(UTC) - timedelta(hours=1)
    history = [{"state": "RUNNING", "created_on": then.isoformat(), "updated_on": then.isoformat()}]
    signs = {"state_history": history, SIGN_FIELD: then}
    store.database["launches"].update_many({"state": "RUNNING"}, {"$set": signs})


@contextmanager
def old_server() -> Iterator[None]:
    """Let the server have been up for a day, and nobody be looked at for long."""
    read = ServerClock.read

    def long_up(pad: object) -> ServerClock:
        clock = read(pad)
        return replace(clock, up_since=clock.now - timedelta(days=1))

    with patch.object(ServerClock, "read", long_up), patch.object(recover, "LOOK_AGAIN_S", 0.2):
        yield
