"""Reading a table of labels into the store."""

import csv
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mtl_flows.errors import ConfigurationError
from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.labels import LabelDocument
from mtl_flows.science.known import canonical_id
from mtl_flows.store.collection import WriteSummary
from mtl_flows.store.database import MTLStore

_COLUMNS = ("id", "known_conductor", "conductivity_S_per_cm", "below_detection", "family", "source")


def import_labels(store: MTLStore, table: Path) -> WriteSummary:
    """Write every row of a CSV table as the label of its material, replacing an earlier one.

    Parameters
    ----------
    table
        Columns ``id``, ``known_conductor`` (true or false) and, optionally, ``conductivity_S_per_cm``,
        ``below_detection``, ``family`` and ``source``. ``<1E-10`` is a conductivity below detection.

    Raises
    ------
    ConfigurationError
        If the file is missing, lacks a column or has a value of the wrong type; nothing is written then.
    """
    # Read once: the hash is that of the very bytes the labels come from.
    content = _content(table)
    labels = _labels(content, table)
    provenance = Provenance.declared("label", {"table": sha256(content).hexdigest()})
    return store.labels.declare([label.model_copy(update={"provenance": provenance}) for label in labels])


def read_labels(table: Path) -> list[LabelDocument]:
    """Read and check a table of labels; see `import_labels`."""
    return _labels(_content(table), table)


def _content(table: Path) -> bytes:
    try:
        return table.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            error.strerror or "cannot be read", subject=str(table), remedy="name an existing CSV file"
        ) from None


def _labels(content: bytes, table: Path) -> list[LabelDocument]:
    """Labels in the content of a table; its path is for messages."""
    try:
        reader = csv.DictReader(StringIO(content.decode("utf-8-sig"), newline=""))
        rows = list(reader)
        columns = set(reader.fieldnames or ())
    except (UnicodeDecodeError, csv.Error):
        raise ConfigurationError(
            "not a table in UTF-8", subject=str(table), remedy="save it as CSV in UTF-8"
        ) from None
    if not {"id", "known_conductor"} <= columns:
        raise ConfigurationError(
            "the columns id and known_conductor are required",
            subject=str(table),
            remedy=f"columns: {', '.join(_COLUMNS)}",
        )
    labels: dict[str, LabelDocument] = {}
    for number, row in enumerate(rows, 2):
        fields: dict[str, Any] = {
            name: row[name].strip() for name in _COLUMNS if (row.get(name) or "").strip()
        }
        if fields.get("conductivity_S_per_cm", "").startswith("<"):
            fields |= {
                "conductivity_S_per_cm": fields["conductivity_S_per_cm"][1:].strip(),
                "below_detection": True,
            }
        try:
            label = LabelDocument.model_validate(fields)
        except ValidationError as error:
            wrong = "; ".join(f"{str(e['loc'][0]).lstrip('_')}: {e['msg']}" for e in error.errors())
            raise ConfigurationError(
                f"line {number}: {wrong}", subject=str(table), remedy="mend the line"
            ) from None
        key = canonical_id(label.id)
        if key in labels:
            raise ConfigurationError(
                f"line {number}: {label.id} has a line already", subject=str(table), remedy="keep one of them"
            )
        labels[key] = label
    return list(labels.values())
