"""What came into the store since the rows of a screening were built; light, for commands that only show rows."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pymongo.database import Database

from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.store.collection import batched

_BATCH = 5000


class Freshness(NamedTuple):
    """What rows do not know yet.

    Attributes
    ----------
    unscreened
        Number of materials in use that hold the ion and have no row.
    older
        Those of the rows asked about whose material has another revision now, or is withdrawn.
    """

    unscreened: int
    older: tuple[str, ...]


def freshness(
    database: Database[dict[str, Any]], rows: Sequence[CandidateDocument], n_rows: int
) -> Freshness:
    """Compare some rows of one screening, which has `n_rows` in all, with what is held now.

    The materials are counted by an index alone.
    """
    if not rows:
        return Freshness(0, ())
    in_use = {"current": True, "withdrawn": False}
    structures = database["structures"]
    held = structures.count_documents({"elements": rows[0].mobile_ion, **in_use})
    standing = {
        stored["_id"]
        for batch in batched(rows, _BATCH)
        for stored in structures.find(
            {"material_id": {"$in": [row.material_id for row in batch]}, **in_use}, {"_id": 1}
        )
    }
    older = tuple(row.material_id for row in rows if row.structure_id not in standing)
    return Freshness(max(0, held - n_rows), older)
