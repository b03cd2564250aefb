"""A job that a worker has in hand."""

from dataclasses import dataclass
from pathlib import Path

from fireworks import Firework

from mtl_flows.carried.question import CarriedQuestion
from mtl_flows.launch.events import RocketOutcome


@dataclass(slots=True)
class Checkout:
    """A job in hand.

    Attributes
    ----------
    folder
        Where it runs.
    since
        When it was taken, by ``time.monotonic()``.
    lost
        It was given to another worker meanwhile.
    completed
        It has ended well, and that is recorded.
    waits_for
        What is computed elsewhere: the job has not ended, and is run again when that is done.
    outcome
        How it ended; None while it has not.
    """

    firework: Firework
    launch_id: int
    folder: Path
    since: float
    lost: bool = False
    completed: bool = False
    waits_for: CarriedQuestion | None = None
    outcome: RocketOutcome | None = None
