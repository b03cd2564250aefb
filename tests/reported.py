"""What pages are made of in tests: a small store, one of whose materials tries to be a script."""

from samples import KNOWN, fill_screened
from simulated import simulate

from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.database import MTLStore

EVIL = "<script>document.title='run'</script>"
EVIL_TITLE = "</script><img src=x onerror=\"document.title='run'\">"
SIMULATED = "licl"

_BECOMES_EVIL = "li7sbo6"


def make_evil(store: MTLStore) -> None:
    """Give one material a name, and a title, that would run if either were taken for markup."""
    renamed = {"$set": {"material_id": EVIL, "representative_id": EVIL}}
    store.candidates.raw.update_one({"material_id": _BECOMES_EVIL}, renamed)
    store.structures.raw.update_one({"material_id": _BECOMES_EVIL}, renamed)
    store.structures.raw.update_one({"material_id": EVIL}, {"$set": {"metadata.title": EVIL_TITLE}})


def fill_reported(store: MTLStore) -> None:
    """Fill in gates, clusters, known conductors, one simulated material, and the one that would be a script."""
    fill_screened(store)
    simulate(store, 800.0, 0.9, SIMULATED)
    simulate(store, 1200.0, 0.35, SIMULATED)
    rebuild_candidates(store, ScreeningParameters())
    measured = {"conductivity_measured_S_per_cm": 1.2e-2}
    store.candidates.raw.update_one({"material_id": KNOWN[0]}, {"$set": measured})
    make_evil(store)
