"""Several collections read by one request: far servers answer a question as quickly as ten."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pymongo.database import Database

_PART, _STORED = "part", "stored"


class PartOfReading(NamedTuple):
    """What is read of one collection.

    Attributes
    ----------
    collection
        Its name; one that is not there holds nothing.
    stages
        Of the aggregation; what comes out of them is read.
    """

    collection: str
    stages: Sequence[Mapping[str, Any]]

    @classmethod
    def matching(
        cls, collection: str, query: Mapping[str, Any], fields: Sequence[str] = ()
    ) -> "PartOfReading":
        """Documents that match; of them these fields alone, where any are named."""
        wanted = [{"$project": dict.fromkeys(fields, 1)}] if fields else []
        return cls(collection, [{"$match": query}, *wanted])


def together(
    database: Database[dict[str, Any]], asked: Mapping[str, PartOfReading]
) -> dict[str, list[dict[str, Any]]]:
    """Read several collections by one request.

    Parameters
    ----------
    asked
        What is read, by a name.

    Returns
    -------
    dict
        What was found, by the same names; in no order.
    """
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in asked}
    if not asked:
        return found
    (first, begin), *others = (
        (one.collection, [*one.stages, {"$replaceRoot": {"newRoot": {_PART: name, _STORED: "$$ROOT"}}}])
        for name, one in asked.items()
    )
    pipeline = [*begin, *({"$unionWith": {"coll": coll, "pipeline": stages}} for coll, stages in others)]
    for document in database[first].aggregate(pipeline):
        found[document[_PART]].append(document[_STORED])
    return found
