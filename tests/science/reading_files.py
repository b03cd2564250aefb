"""CIF files in the making, and what comes of reading them."""

from mtl_flows.errors import InputError
from mtl_flows.science.reading import ParsedStructure, read_structures

CELL = """
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {c}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma {gamma}
"""
SITES = """
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
"""


def cif(
    *rows: str,
    name: str = "x",
    a: float = 4.0,
    c: float | None = None,
    gamma: float = 90,
    ops: str = "x,y,z",
    extra: str = "",
) -> str:
    symmetry = (
        "loop_\n_space_group_symop_operation_xyz\n" + "\n".join(f"'{op}'" for op in ops.split())
        if ops
        else ""
    )
    cell = CELL.format(a=a, c=c or a, gamma=gamma)
    return f"data_{name}\n{extra}\n{cell}{symmetry}{SITES}" + "\n".join(rows) + "\n"


def read(text: str | bytes, name: str = "some.cif") -> ParsedStructure:
    (block,) = read_structures((name, text if isinstance(text, bytes) else text.encode()))
    if isinstance(block.result, InputError):
        raise block.result
    return block.result


def refused(text: str | bytes, name: str = "some.cif") -> InputError:
    (block,) = read_structures((name, text if isinstance(text, bytes) else text.encode()))
    assert isinstance(block.result, InputError)
    return block.result
