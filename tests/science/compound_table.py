"""The table of example crystals, as read and as written."""

import json
from functools import cache
from pathlib import Path

import yaml
from pymatgen.core import Structure

from mtl_flows.science.compounds import (
    build_structure,
    load_compounds,
)

TABLE = Path(__file__).parents[2] / "examples" / "compounds.yaml"
COMPOUNDS = load_compounds(TABLE)
BY_ID = {compound.id: compound for compound in COMPOUNDS}


@cache
def structure_of(slug: str) -> Structure:
    return build_structure(BY_ID[slug])


@cache
def table_text() -> str:
    return json.dumps(yaml.safe_load(TABLE.read_text(encoding="utf-8")))


def rows() -> dict[str, dict]:
    """The table as written, fresh for each caller to change."""
    return {row["id"]: row for row in json.loads(table_text())}
