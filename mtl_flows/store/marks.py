"""Marks of stage documents: enough of each to see whether it changed, without reading it."""

from collections.abc import Mapping, Sequence
from typing import Any

from mtl_flows.store.collection import DocumentCollection


def marks_by(
    collection: DocumentCollection[Any],
    fields: Sequence[str],
    query: Mapping[str, Any],
    *,
    key: str = "structure_id",
) -> dict[str, list[list[Any]]]:
    """Values of some fields of every document that matches, by a key and in the order of the ids.

    Parameters
    ----------
    fields
        Names, dotted where nested; one that a document lacks gives None.
    key
        Field that holds the key.
    """
    projection = {"_id": 1, key: 1, **dict.fromkeys(fields, 1)}
    paths = [name.split(".") for name in fields]
    found: dict[str, list[list[Any]]] = {}
    for stored in collection.raw.find(dict(query), projection):
        mark = [stored["_id"], *(_value(stored, path) for path in paths)]
        found.setdefault(stored[key], []).append(mark)
    for listed in found.values():
        if len(listed) > 1:
            listed.sort(key=lambda mark: str(mark[0]))
    return found


def _value(stored: Mapping[str, Any], path: Sequence[str]) -> Any:
    node: Any = stored
    for part in path:
        node = node.get(part) if isinstance(node, Mapping) else None
    return node
