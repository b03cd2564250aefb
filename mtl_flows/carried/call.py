"""One question, with all that it takes to answer it; the same question has the same key."""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from mtl_flows.records import Record
from mtl_flows.schemas.base import content_hash

CallKind = Literal["fingerprint", "check", "relax", "chunk", "stages"]
_KEY_DIGITS: Final = 24


@dataclass(frozen=True)
class Call(Record):
    """One question.

    Attributes
    ----------
    key
        Follows from who is asked and all that the answer follows from.
    arguments
        As JSON holds them.
    """

    kind: CallKind
    key: str
    arguments: dict[str, Any] = field(default_factory=dict)


def key_of(*asked: Any) -> str:
    """Key of a question."""
    return content_hash(list(asked))[:_KEY_DIGITS]
