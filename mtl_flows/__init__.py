"""Discovery of superionic conductors by multiscale topological learning."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtl_flows.store.candidate_filter import CandidateFilter, Range
    from mtl_flows.store.database import MTLStore

__version__ = "0.1.0"
__all__ = ["CandidateFilter", "MTLStore", "Range", "__version__"]

_HOME = {
    "CandidateFilter": "mtl_flows.store.candidate_filter",
    "MTLStore": "mtl_flows.store.database",
    "Range": "mtl_flows.store.candidate_filter",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for by its first use, so that `import mtl_flows` costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
