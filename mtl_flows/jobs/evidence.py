"""What was simulated of some materials or of their groups, read from the store."""

from collections.abc import Mapping
from dataclasses import replace

from mtl_flows.schemas.stability import StabilityDocument
from mtl_flows.stages.evidence import Evidence, Sources
from mtl_flows.stages.known_errors import by_potential
from mtl_flows.store.database import MTLStore


def simulated_crystals(store: MTLStore, mobile_ion: str) -> set[str]:
    """Crystals of which something was simulated, or judged on a hull, for one ion."""
    of_ion = {"provenance.parameters.mobile_ion": mobile_ion}
    runs = (store.dynamics, store.transport, store.stability)
    return {crystal for collection in runs for crystal in collection.raw.distinct("crystal_id", of_ion)}


def gather(store: MTLStore, sources: Mapping[str, Sources], mobile_ion: str) -> dict[str, Evidence]:
    """Evidence of some materials for one ion, by material."""
    parents = {source.parent_id for found in sources.values() for source in found}
    crystals = {source.crystal_id for found in sources.values() for source in found}
    production = {"trajectory_stage": "production"}
    samples = store.orderings.samples(parents, mobile_ion)
    trajectories = store.dynamics.of_samples(samples, mobile_ion, production)
    fits = store.transport.of_samples(samples, mobile_ion)
    windows: dict[str, list[StabilityDocument]] = {}
    query = {
        "crystal_id": {"$in": sorted(crystals)},
        "provenance.parameters.mobile_ion": mobile_ion,
        "older_hull": {"$ne": True},
    }
    for window in store.stability.find(query):
        windows.setdefault(window.crystal_id, []).append(window)
    comparisons = by_potential(store.potentials.find()) if parents else {}
    checks = store.dft_checks.of_samples(samples, mobile_ion)
    shown = {material: Evidence.of(found, trajectories, fits, windows) for material, found in sources.items()}
    return {
        material: replace(
            one,
            comparisons=comparisons,
            checks=checks.get(one.source.parent_id, ()) if one.source is not None else (),
        )
        for material, one in shown.items()
    }
