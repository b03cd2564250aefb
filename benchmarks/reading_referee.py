"""What a structure contradicts of the statements left in its file, by arithmetic of its own on gemmi's reading."""

from collections import Counter

import gemmi
from pymatgen.core import Composition, Structure

AVOGADRO_A3 = 1.66053907


def left_statements(text: str) -> dict[str, float | str]:
    """Statements that gemmi finds in a text; empty where it cannot read it."""
    try:
        block = gemmi.cif.read_string(text).sole_block()
    except (RuntimeError, ValueError):
        return {}
    said: dict[str, float | str] = {}
    for key, tag in (
        ("Z", "_cell_formula_units_Z"),
        ("volume", "_cell_volume"),
        ("density", "_exptl_crystal_density_diffrn"),
    ):
        value = block.find_value(tag)
        number = gemmi.cif.as_number(value) if value else float("nan")
        if number == number and 0 < number < 1e9:
            said[key] = number
    if value := block.find_value("_chemical_formula_sum"):
        said["formula"] = " ".join(word.title() for word in gemmi.cif.as_string(value).split())
    said |= _multiplicities(block)
    ops = [gemmi.cif.as_string(v) for v in block.find_loop("_space_group_symop_operation_xyz")]
    ops = ops or [gemmi.cif.as_string(v) for v in block.find_loop("_symmetry_equiv_pos_as_xyz")]
    if ops:
        said["operations"] = ";".join(ops)
    return said


def _multiplicities(block: gemmi.cif.Block) -> dict[str, float | str]:
    """Stated multiplicities, by label of the site where no other row has it."""
    for tag in ("_atom_site_symmetry_multiplicity", "_atom_site_site_symmetry_multiplicity"):
        rows = [[gemmi.cif.as_string(v) for v in row] for row in block.find(["_atom_site_label", tag])]
        labels = Counter(label for label, _ in rows)
        found: dict[str, float | str] = {
            f"multiplicity of {label}": float(stated)
            for label, stated in rows
            if labels[label] == 1 and stated.isdecimal() and 0 < int(stated) < 1000
        }
        if found:
            return found
    return {}


def contradicted(structure: Structure, text: str) -> tuple[list[str], int]:
    """Statements left in a text that a structure contradicts, and how many there were to compare.

    The labels of the sites are those that the text gives them.
    """
    said, wrong, compared = left_statements(text), [], 0
    sites = Counter(structure.labels)
    for label, n_sites in sites.items():
        if stated := said.get(f"multiplicity of {label}"):
            compared += 1
            if n_sites != stated:
                wrong.append(f"multiplicity of {label}")
    composition = structure.composition.element_composition
    heavy = Composition({e.symbol: n for e, n in composition.items() if e.symbol != "H"})
    formula: Composition | None = None
    try:
        formula = Composition(str(said["formula"])) if "formula" in said else None
    except (ValueError, KeyError):
        formula = None
    if formula:
        wanted = Composition({e.symbol: n for e, n in formula.items() if e.symbol not in ("H", "D")})
        if wanted and heavy:
            compared += 1
            if any(
                abs(heavy.get_atomic_fraction(e) - wanted.get_atomic_fraction(e)) > 0.03
                for e in {*heavy, *wanted}
            ):
                wrong.append("formula")
            if "Z" in said:
                compared += 1
                ratio = heavy.num_atoms / (wanted.num_atoms * float(said["Z"]))
                whole = heavy.num_atoms / wanted.num_atoms
                if abs(ratio - 1) > 0.1 and abs(whole - 1) > 0.1:
                    wrong.append("Z")
    if "volume" in said:
        compared += 1
        if abs(structure.volume / float(said["volume"]) - 1) > 0.02:
            wrong.append("volume")
    if "density" in said:
        compared += 1
        ratio = composition.weight * AVOGADRO_A3 / structure.volume / float(said["density"])
        if abs(ratio - 1) > 0.15 and abs(ratio * 1000 - 1) > 0.15:
            wrong.append("density")
    if "operations" in said:
        try:
            ops = [gemmi.Op(t).wrap() for t in str(said["operations"]).split(";")]
        except (RuntimeError, ValueError):
            return wrong, compared
        compared += 1
        texts = {op.triplet() for op in ops}
        if "x,y,z" not in texts or any((a * b).wrap().triplet() not in texts for a in ops[:6] for b in ops):
            wrong.append("operations")
    return wrong, compared
