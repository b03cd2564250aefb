"""Errors that travel: written where they were raised, raised again where the job is."""

from typing import Final

from mtl_flows import errors
from mtl_flows.errors import ConfigurationError, DynamicsError, InputError, MTLError, NodeError

_CONTEXT: Final = ("message", "subject", "remedy")
_OF_NODES: Final = (InputError, DynamicsError, ConfigurationError, NodeError)
"""What stages and engines raise; others would be taken for errors of the machine where the job is."""


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
    """Return the error that was written out; one of a kind that no node raises, or nobody knows, as that of a node."""
    name, message = told.get("type", ""), told.get("message", "")
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, _OF_NODES)):
        kind, message = NodeError, f"{name}: {message}"
    return kind(message, subject=told.get("subject", ""), remedy=told.get("remedy", ""))
