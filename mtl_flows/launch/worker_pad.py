"""The LaunchPad of a worker: what it takes is announced, and nothing is recorded of what has not ended."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from fireworks import Firework
from pymongo.errors import PyMongoError

from mtl_flows.launch.brief import BriefLaunchPad
from mtl_flows.launch.checkout import Checkout
from mtl_flows.launch.interruption import Interruption
from mtl_flows.store.patience import Patience


class WorkerLaunchPad(BriefLaunchPad):
    """A LaunchPad that knows what its worker is doing."""

    interruption: Interruption
    patience: Patience
    checkout: Checkout | None = None
    on_checkout: Callable[[Checkout], None]
    on_unreadable: Callable[[int, Exception], None]

    def checkout_fw(self, *args: Any, **kwargs: Any) -> tuple[Firework | None, int | None]:
        """Take a Firework, remember and announce it."""
        with self.interruption.shield():
            firework, launch_id = super().checkout_fw(*args, **kwargs)
            if firework is not None and launch_id is not None:
                self.checkout = Checkout(firework, launch_id, Path.cwd(), time.monotonic())
                self.on_checkout(self.checkout)
        self.interruption.check()
        return firework, launch_id

    def get_fw_by_id(self, fw_id: int) -> Firework:
        """Read a Firework; FireWorks lets one that cannot be read fizzle without a word."""
        try:
            return super().get_fw_by_id(fw_id)
        except Exception as error:
            self.on_unreadable(fw_id, error)
            raise

    def complete_launch(self, launch_id: int, *args: Any, **kwargs: Any) -> Any:
        """Record how a job ended, unless it has not: what waited for the database in vain is given back.

        How a job ended that was given to another worker meanwhile is nobody's concern.
        """
        with self.interruption.shield():
            mine = self.checkout
            if mine is None or mine.launch_id != launch_id:
                return super().complete_launch(launch_id, *args, **kwargs)
            if self.patience.exhausted or mine.waits_for:
                return None
            ended = super().complete_launch(launch_id, *args, **kwargs)
            mine.lost = ended is None
            mine.completed = ended is not None and ended["state"] == "COMPLETED"
            return ended

    def ping_launch(self, *args: Any, **kwargs: Any) -> None:
        """Give a sign of life; one that does not get through must not end the heartbeat."""
        with suppress(PyMongoError):
            super().ping_launch(*args, **kwargs)
