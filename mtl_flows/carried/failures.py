"""Errors that travel: written where they were raised, raised again where the job is."""

from typing import Final

from mtl_flows import errors
from mtl_flows.errors import MTLError, NodeError

_CONTEXT: Final = ("message", "subject", "remedy")


def told_of(error: Exception) -> dict[str, str]:
    """Write an error out."""
    if isinstance(error, MTLError):
        return {"type": type(error).__name__, **{name: getattr(error, name) for name in _CONTEXT}}
    return {
        "type": NodeError.__name__,
        "message": f"the calculation broke off on its node: {type(error).__name__}: {error}",
        "subject": "",
        "remedy": "see work.log in its folder, mend the cause, then run the job again",
    }


def raised_there(told: dict[str, str]) -> MTLError:
    """Return the error that was written out; one of a kind that is not known here as that of a node."""
    kind = getattr(errors, told.get("type", ""), NodeError)
    if not (isinstance(kind, type) and issubclass(kind, MTLError)):
        kind = NodeError
    return kind(told.get("message", ""), subject=told.get("subject", ""), remedy=told.get("remedy", ""))
