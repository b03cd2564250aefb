"""Who writes to the store, and whether it still may."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self
from uuid import uuid4

from mtl_flows.errors import ConfigurationError, OwnershipLostError


def _always() -> bool:
    return True


@dataclass(frozen=True)
class Owner:
    """One execution of a job, or whoever else writes.

    Attributes
    ----------
    token
        Names it; no other execution has the same, not even of the same job.
    holds
        Tells whether its work is still its own. Once it is not, it never is again.
    """

    token: str
    holds: Callable[[], bool] = _always

    @classmethod
    def alone(cls) -> Self:
        """Somebody of whom nobody takes work away."""
        return cls(f"alone-{uuid4().hex[:12]}")

    def check(self) -> None:
        """Refuse whoever has lost its work.

        Raises
        ------
        OwnershipLostError
            If it has.
        """
        if not self.holds():
            raise OwnershipLostError(
                "another worker was given this job meanwhile; what this one still had to write is refused",
                subject=self.token,
            )


class Reader(Owner):
    """Somebody who only reads."""

    def check(self) -> None:
        """Refuse every write.

        Raises
        ------
        ConfigurationError
            Always.
        """
        raise ConfigurationError("was opened to be read, not written to", subject="the store")
