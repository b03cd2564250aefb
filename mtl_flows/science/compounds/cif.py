"""From an entry to a CIF file."""

import unicodedata
from pathlib import Path

from pymatgen.core.composition import Composition

from mtl_flows.science.compounds.crystal import build_structure
from mtl_flows.science.compounds.model import Compound


def write_cif(compound: Compound, path: str | Path) -> None:
    """Write a compound as a CIF file with its symmetry operations and asymmetric unit.

    Raises
    ------
    InputError
        As ``build_structure``: an entry that contradicts itself is not written.
    """
    Path(path).write_text(cif_text(compound), encoding="utf-8")


def cif_text(compound: Compound) -> str:
    """CIF of a compound: cell, symmetry operations, asymmetric unit, occupancies, provenance."""
    structure = build_structure(compound)
    group = compound.space_group
    parameters = dict(zip(("a", "b", "c", "alpha", "beta", "gamma"), compound.lattice, strict=True))
    items = {
        "_chemical_name_common": _quoted(compound.name),
        "_chemical_formula_sum": _quoted(Composition(compound.formula).formula),
        "_cell_formula_units_Z": f"{compound.formula_units:g}",
        **{f"_cell_length_{axis}": f"{parameters[axis]:.8g}" for axis in ("a", "b", "c")},
        **{f"_cell_angle_{angle}": f"{parameters[angle]:.8g}" for angle in ("alpha", "beta", "gamma")},
        "_space_group_name_H-M_alt": _quoted(group.symbol),
        "_space_group_name_Hall": _quoted(group.hall_symbol),
        "_space_group_IT_number": str(group.number),
    }
    if compound.temperature_K is not None:
        items["_cell_measurement_temperature"] = f"{compound.temperature_K:g}"
    if compound.icsd is not None and compound.coordinates == "published":
        items["_database_code_ICSD"] = str(compound.icsd)
    if compound.source.doi:
        items["_journal_paper_doi"] = compound.source.doi
    texts = {"_publ_section_references": compound.source.citation, "_publ_section_comment": compound.note}
    lines = [f"data_{compound.id}", *(f"{key} {value}" for key, value in items.items())]
    lines += [f"{key}\n;\n{text}\n;" for key, text in texts.items() if text]
    lines += ["loop_", "_space_group_symop_id", "_space_group_symop_operation_xyz"]
    lines += [f"{n} '{operation.as_xyz_str()}'" for n, operation in enumerate(group.operations, start=1)]
    columns = ("label", "type_symbol", "site_symmetry_multiplicity", *(f"fract_{axis}" for axis in "xyz"))
    lines += ["loop_", *(f"_atom_site_{column}" for column in (*columns, "occupancy"))]
    for site in compound.sites:
        multiplicity = structure.labels.count(site.label)
        x, y, z = site.position
        for element, occupancy in site.species.items():
            label = site.label if len(site.species) == 1 else f"{site.label}_{element}"
            lines.append(f"{label} {element} {multiplicity} {x:.8f} {y:.8f} {z:.8f} {occupancy:.6g}")
    return _ascii("\n".join(lines) + "\n")


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"


def _ascii(text: str) -> str:
    """Drop accents: CIF 1.1 knows ASCII only."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
