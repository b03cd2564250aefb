"""What somebody may want to know before and after dynamics are handed in: runs too short, packages that lack, twins."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final

from pymongo.database import Database

from mtl_flows.launch.submit import OVER
from mtl_flows.science.dynamics import shortest_fit_ps
from mtl_flows.simulation.calculators import CalculatorEngine
from mtl_flows.simulation.engine import Engine
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.vocabulary import WorkKind

_TAKEN_BY: Final[Mapping[str, WorkKind]] = MappingProxyType({"gpu": "gpu", "vasp": "vasp"})
"""Workers by what an engine needs."""


def cautions(parameters: DynamicsParameters) -> list[str]:
    """Say what these parameters cannot give, and what this machine cannot run; empty if nothing is to be said."""
    p = parameters
    told = []
    longest_ps = max(p.production_ps, p.budget.max_production_ps + p.diffusion.discard_ps)
    needed_ps = shortest_fit_ps(p.diffusion, p.frame_interval_fs / 1000.0)
    if longest_ps < needed_ps:
        told.append(
            f"{longest_ps:g} ps at each temperature are too short for a slope and say nothing; "
            f"it takes {needed_ps:.2g} ps (--production-ps, --budget-ps), less with another --discard-ps or --max-lag"
        )
    if len(p.temperatures_K) == 1:
        told.append(
            "one temperature gives no line: E_a and σ(300 K) will rest on the prior; two far apart decide more"
        )
    engine = p.configured_engine()
    if lacking := package_lacking(engine):
        told.append(f"{lacking} is not installed here; the workers need it: pip install {lacking}")
    return told


def package_lacking(engine: Engine) -> str:
    """Return the package that an engine needs and this machine does not have; empty if none is known to lack."""
    if not isinstance(engine, CalculatorEngine) or engine.fingerprint(load=False)["version"]:
        return ""
    return engine.package


def worker_for(engine: Engine) -> WorkKind:
    """Return the kind of worker that takes the dynamics of an engine."""
    return _TAKEN_BY.get(engine.needs, "heavy")


def under_way(database: Database[dict[str, Any]], own: Collection[int]) -> list[str]:
    """Names of workflows that have not ended, of the materials whose workflows hold some Fireworks; not these."""
    workflows = database["workflows"]
    mine = list(workflows.find({"nodes": {"$in": sorted(own)}}, {"metadata.material": 1}))
    query = {
        "metadata.material": {"$in": [found["metadata"]["material"] for found in mine]},
        "state": {"$nin": list(OVER)},
        "_id": {"$nin": [found["_id"] for found in mine]},
    }
    return sorted(found["name"] for found in workflows.find(query, {"name": 1}))
