"""What the user states about materials, one at a time or in a table, into the labels of the store."""

import csv
from collections.abc import Mapping
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator
from pymatgen.core import Element

from mtl_flows.errors import ConfigurationError
from mtl_flows.schemas.base import Provenance, utc_now
from mtl_flows.schemas.labels import LabelDocument, LabelFacts, LabelStatement, contradictions
from mtl_flows.science.known import canonical_id
from mtl_flows.store.collection import WriteSummary
from mtl_flows.store.database import MTLStore
from mtl_flows.store.labels import LabelKey, listed_conductors

MAX_CONDUCTIVITY_S_PER_CM = 10.0
"""No solid conducts ions better near 300 K; more is most often a value in mS/cm."""

_FACTS = ("known_conductor", "conductivity_S_per_cm", "below_detection", "family", "source")
_COLUMNS = ("id", "ion", *_FACTS)

Stated = dict[LabelKey, LabelFacts]


class _Row(LabelFacts):
    """Facts as somebody writes them down: checked before they are believed."""

    id: str = Field(min_length=1)
    ion: str
    conductivity_S_per_cm: float | None = Field(None, gt=0, le=MAX_CONDUCTIVITY_S_PER_CM, allow_inf_nan=False)

    @field_validator("ion")
    @classmethod
    def _is_element(cls, ion: str) -> str:
        if not Element.is_valid_symbol(ion):
            raise ValueError(f"{ion} is no element")
        return ion


def label_material(
    store: MTLStore, material_id: str, ion: str, facts: LabelFacts, *, replace: bool = False
) -> WriteSummary:
    """Add facts to the label of one material.

    Parameters
    ----------
    ion
        Mobile ion that the facts are about.
    replace
        What was stated before no longer holds.

    Raises
    ------
    ConfigurationError
        If a value is out of range, or nothing is stated.
    """
    try:
        key, checked = _checked({"id": material_id.strip(), "ion": ion, **facts.model_dump()})
    except ValueError as error:
        raise ConfigurationError(str(error), subject=material_id, remedy="mend the value") from None
    return state_labels(store, {key: checked}, replace=replace)


def known_groups(store: MTLStore, ion: str) -> frozenset[str]:
    """As `known_heads`, canonical ids."""
    return frozenset(map(canonical_id, known_heads(store, ion)))


def known_heads(store: MTLStore, ion: str) -> frozenset[str]:
    """Materials that stand for a group of which some member counts as known, withdrawn or not.

    A code holds for every material that carries it, unless what is said of that material alone says otherwise.
    """
    known, denied = store.labels.known_conductors(ion), store.labels.denied(ion)
    heads = set()
    for named in store.groups.answering_to(known):
        if next(name for name in named.names if name in known or name in denied) in known:
            heads.add(named.representative_id)
    return frozenset(heads)


def group_labels(store: MTLStore, material_id: str, ion: str) -> dict[str, LabelDocument | None]:
    """Label of each name of a material and of its duplicates; None where there is none."""
    answering = store.groups.names_of(store.groups.group_of(material_id))
    members = sorted({name for names in answering for name in names}) or [material_id]
    return store.labels.of(members, ion)


def label_contradictions(store: MTLStore, material_id: str, ion: str) -> list[str]:
    """What is stated of a material or of its duplicates and cannot all hold; see `contradictions`."""
    return contradictions(group_labels(store, material_id, ion), listed_conductors(ion))


def waiting_labels(store: MTLStore) -> set[str]:
    """Names that something is stated of and no material answers to."""
    named = set(store.labels.raw.distinct("material_id"))
    return named - store.groups.names_among(named)


def import_labels(store: MTLStore, table: Path, *, ion: str = "Li", replace: bool = False) -> WriteSummary:
    """Add what every row of a CSV table states to the label of its material.

    Parameters
    ----------
    table
        A column ``id`` and any of ``known_conductor`` (true or false), ``conductivity_S_per_cm``, ``below_detection``,
        ``family``, ``source`` and ``ion``. An empty cell states nothing; ``<1E-10`` is a conductivity below detection.
    ion
        Mobile ion of rows that name none.
    replace
        What was stated before of these materials no longer holds.

    Raises
    ------
    ConfigurationError
        If the file is missing, has a column that is unknown or a row that is wrong; nothing is written then.
    """
    # Read once: the hash is that of the very bytes the labels come from.
    content = _content(table)
    rows = _rows(content, table, ion)
    return state_labels(store, rows, table_sha256=sha256(content).hexdigest(), replace=replace)


def read_labels(table: Path, *, ion: str = "Li") -> Stated:
    """Read and check a table of labels; see `import_labels`."""
    return _rows(_content(table), table, ion)


def state_labels(
    store: MTLStore, stated: Mapping[LabelKey, LabelFacts], *, table_sha256: str = "", replace: bool = False
) -> WriteSummary:
    """Add facts to labels, as stated now and, where it is given, by the table of this hash."""
    now = utc_now()
    statements = {
        key: LabelStatement(**facts.model_dump(), stated_at=now, table_sha256=table_sha256, replaces=replace)
        for key, facts in stated.items()
    }
    inputs = {"table": table_sha256} if table_sha256 else {}
    return store.labels.declare(statements, Provenance.declared("label", inputs))


def _content(table: Path) -> bytes:
    try:
        return table.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            error.strerror or "cannot be read", subject=str(table), remedy="name an existing CSV file"
        ) from None


def _rows(content: bytes, table: Path, ion: str) -> Stated:
    """Facts in the content of a table, by material and ion; its path is for messages."""
    try:
        reader = csv.DictReader(StringIO(content.decode("utf-8-sig"), newline=""))
        rows = list(reader)
        columns = list(reader.fieldnames or ())
    except (UnicodeDecodeError, csv.Error):
        raise ConfigurationError(
            "not a table in UTF-8", subject=str(table), remedy="save it as CSV in UTF-8"
        ) from None
    _check_columns(columns, table)
    stated: Stated = {}
    ids: set[str] = set()
    for number, row in enumerate(rows, 2):
        try:
            if None in row:
                raise ValueError("more cells than columns")
            key, facts = _checked({"ion": ion, **_filled(row)})
            if key.id in ids:
                raise ValueError(f"{key.material_id} has a line already")
        except ValueError as error:
            raise ConfigurationError(
                f"line {number}: {error}", subject=str(table), remedy="mend the line"
            ) from None
        ids.add(key.id)
        stated[key] = facts
    return stated


def _check_columns(columns: list[str], table: Path) -> None:
    remedy = f"columns: {', '.join(_COLUMNS)}"
    if "id" not in columns or not {*columns} & {*_FACTS}:
        raise ConfigurationError(
            "the column id and one of a fact are required", subject=str(table), remedy=remedy
        )
    if unknown := [name or "without a name" for name in columns if name not in _COLUMNS]:
        raise ConfigurationError(f"unknown columns: {', '.join(unknown)}", subject=str(table), remedy=remedy)


def _filled(row: dict[str, str | None]) -> dict[str, str]:
    return {name: text for name, cell in row.items() if (text := (cell or "").strip())}


def _checked(fields: Mapping[str, Any]) -> tuple[LabelKey, LabelFacts]:
    """Whom a row is about, and the facts it states.

    Raises
    ------
    ValueError
        If a value is of the wrong type or out of range, or nothing is stated.
    """
    conductivity = fields.get("conductivity_S_per_cm")
    if isinstance(conductivity, str) and conductivity.startswith("<"):
        fields = {**fields, "conductivity_S_per_cm": conductivity[1:].strip(), "below_detection": "true"}
    try:
        row = _Row.model_validate(fields)
    except ValidationError as error:
        raise ValueError("; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())) from None
    if row.below_detection and row.conductivity_S_per_cm is None:
        raise ValueError("below_detection: of no conductivity")
    if row.facts == LabelFacts():
        raise ValueError("states nothing")
    return LabelKey(row.id, row.ion), row.facts
