"""A table of crystal structures as facts: load it, build the structures, write CIF files.

The table (YAML) gives what a structure paper gives: cell, space group in its setting, the sites of the
asymmetric unit with occupancies, and where the numbers come from. Everything else is generated with the
symmetry operations of the declared setting, so a typing error shows up as a wrong composition, an impossible
metric or two atoms on top of each other.

References
----------
Settings and their operations are those of the table of Hall symbols in spglib (A. Togo, K. Shinohara, I. Tanaka,
https://doi.org/10.1080/27660400.2024.2384822).
"""

from mtl_flows.science.compounds.cif import cif_text, write_cif
from mtl_flows.science.compounds.crystal import build_structure
from mtl_flows.science.compounds.model import AtomSite, Compound, Conductivity, Source, SpaceGroup
from mtl_flows.science.compounds.table import load_compounds, parse_compound

__all__ = [
    "AtomSite",
    "Compound",
    "Conductivity",
    "Source",
    "SpaceGroup",
    "build_structure",
    "cif_text",
    "load_compounds",
    "parse_compound",
    "write_cif",
]
