"""A material that tries to be a script, for pages that show it."""

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
