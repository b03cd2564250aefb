"""Discovery of superionic conductors by multiscale topological learning.

What stands here is what scripts and notebooks can rely on; it is imported by its first use, so that `import mtl_flows`
costs nothing.
"""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtl_flows.errors import MTLError
    from mtl_flows.flows.campaign import CampaignRoundMaker
    from mtl_flows.flows.dynamics import DynamicsFlowMaker
    from mtl_flows.flows.screening import ScreeningFlowMaker
    from mtl_flows.in_memory import describe, fit, rank, screen
    from mtl_flows.jobs.candidates import CandidatesMaker
    from mtl_flows.jobs.chemistry import ChemistryMaker
    from mtl_flows.jobs.clustering import ClusteringMaker
    from mtl_flows.jobs.stability import StabilityMaker
    from mtl_flows.jobs.topology import TopologyMaker
    from mtl_flows.jobs.transport import TransportMaker
    from mtl_flows.science.barrier import BarrierParameters
    from mtl_flows.science.chemistry import ChemistryParameters
    from mtl_flows.science.clustering import ClusteringParameters
    from mtl_flows.science.dynamics import DiffusionParameters, DynamicsBudget
    from mtl_flows.science.ordering import OrderingParameters
    from mtl_flows.science.stability import StabilityParameters
    from mtl_flows.science.topology import PrescreenThresholds, TopologyParameters
    from mtl_flows.science.verdict import VerdictThresholds
    from mtl_flows.settings import Settings
    from mtl_flows.stages import ScreeningParameters
    from mtl_flows.stages.dynamics import DynamicsParameters
    from mtl_flows.store.candidate_filter import CandidateFilter, Range
    from mtl_flows.store.database import MTLStore

    __version__: str

__all__ = [
    "BarrierParameters",
    "CampaignRoundMaker",
    "CandidateFilter",
    "CandidatesMaker",
    "ChemistryMaker",
    "ChemistryParameters",
    "ClusteringMaker",
    "ClusteringParameters",
    "DiffusionParameters",
    "DynamicsBudget",
    "DynamicsFlowMaker",
    "DynamicsParameters",
    "MTLError",
    "MTLStore",
    "OrderingParameters",
    "PrescreenThresholds",
    "Range",
    "ScreeningFlowMaker",
    "ScreeningParameters",
    "Settings",
    "StabilityMaker",
    "StabilityParameters",
    "TopologyMaker",
    "TopologyParameters",
    "TransportMaker",
    "VerdictThresholds",
    "__version__",
    "describe",
    "fit",
    "rank",
    "screen",
]

_HOMES = {
    "errors": ("MTLError",),
    "flows.campaign": ("CampaignRoundMaker",),
    "flows.dynamics": ("DynamicsFlowMaker",),
    "flows.screening": ("ScreeningFlowMaker",),
    "in_memory": ("describe", "fit", "rank", "screen"),
    "jobs.candidates": ("CandidatesMaker",),
    "jobs.chemistry": ("ChemistryMaker",),
    "jobs.clustering": ("ClusteringMaker",),
    "jobs.stability": ("StabilityMaker",),
    "jobs.topology": ("TopologyMaker",),
    "jobs.transport": ("TransportMaker",),
    "science.barrier": ("BarrierParameters",),
    "science.chemistry": ("ChemistryParameters",),
    "science.clustering": ("ClusteringParameters",),
    "science.dynamics": ("DiffusionParameters", "DynamicsBudget"),
    "science.ordering": ("OrderingParameters",),
    "science.stability": ("StabilityParameters",),
    "science.topology": ("PrescreenThresholds", "TopologyParameters"),
    "science.verdict": ("VerdictThresholds",),
    "settings": ("Settings",),
    "stages": ("ScreeningParameters",),
    "stages.dynamics": ("DynamicsParameters",),
    "store.candidate_filter": ("CandidateFilter", "Range"),
    "store.database": ("MTLStore",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import what is asked for by its first use."""
    if name == "__version__":
        return _version()
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


@cache
def _version() -> str:
    """Version that was installed; of files that were not installed, none is known."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("mtl-flows")
    except PackageNotFoundError:
        return "0.0"


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
