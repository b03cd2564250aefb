"""What a data block says of its own contents, gathered once: each is held against the sites afterwards."""

from dataclasses import dataclass

from pymatgen.core import Composition

from mtl_flows.science.reading.cif import CifBlock, number
from mtl_flows.science.reading.formula import read_formula

FORMULA_TAGS = ("_chemical_formula_sum",)
Z_TAGS = ("_cell_formula_units_z",)
WEIGHT_TAGS = ("_chemical_formula_weight",)
DENSITY_TAGS = ("_exptl_crystal_density_diffrn",)
VOLUME_TAGS = ("_cell_volume",)
_STRUCTURAL_TAGS = ("_chemical_formula_structural", "_chemical_formula_moiety")


@dataclass(frozen=True, slots=True)
class Statements:
    """What a file says of the contents of its cell; zero or empty where it says nothing.

    Attributes
    ----------
    formula, structural
        Sum formula, and the formula written otherwise.
    formula_text
        The sum formula as it is written.
    formula_units
        Z, formula units in the cell.
    formula_weight_g_mol, density_g_cm3, volume_A3
        As given.
    repeated
        Tags of cell, symmetry and contents that are given twice, with different values.
    """

    formula: Composition
    structural: Composition
    formula_units: float
    formula_weight_g_mol: float
    density_g_cm3: float
    volume_A3: float
    repeated: tuple[str, ...] = ()
    formula_text: str = ""


_NOT_TWICE = (
    *("_cell_length_", "_cell_angle_", "_symmetry_", "_space_group_", "_atom_site_"),
    *("_cell_formula_units_z", "_chemical_formula_sum", "_cell_volume"),
)


def read_statements(block: CifBlock) -> Statements:
    """Gather what `block` says of its contents."""
    return Statements(
        formula=read_formula(block.first(*FORMULA_TAGS)),
        structural=read_formula(block.first(*_STRUCTURAL_TAGS)),
        formula_units=_positive(block, Z_TAGS),
        formula_weight_g_mol=_positive(block, WEIGHT_TAGS),
        density_g_cm3=_positive(block, DENSITY_TAGS),
        volume_A3=_positive(block, VOLUME_TAGS),
        formula_text=block.first(*FORMULA_TAGS),
        repeated=tuple(
            tag
            for tag in block.repeated
            if tag.startswith(_NOT_TWICE) and not tag.startswith(("_atom_site_aniso", "_atom_site_label"))
        ),
    )


def _positive(block: CifBlock, tags: tuple[str, ...]) -> float:
    try:
        return max(number(block.first(*tags)), 0.0)
    except ValueError:
        return 0.0
