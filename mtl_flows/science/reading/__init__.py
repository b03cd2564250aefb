"""Reading structure files: CIF, POSCAR, pymatgen JSON and extended XYZ, alone, in folders or in archives."""

from mtl_flows.science.reading.checks import check_structure, lacking_ion
from mtl_flows.science.reading.files import (
    Part,
    parts_of_file,
    read_part,
    read_structures,
    split_file,
)
from mtl_flows.science.reading.formula import reduced_formula
from mtl_flows.science.reading.model import Metadata, ParsedBlock, ParsedStructure, ReadingParameters
from mtl_flows.science.reading.sources import FoundFile, FoundFiles, find_files

__all__ = [
    "FoundFile",
    "FoundFiles",
    "Metadata",
    "ParsedBlock",
    "ParsedStructure",
    "Part",
    "ReadingParameters",
    "check_structure",
    "find_files",
    "lacking_ion",
    "parts_of_file",
    "read_part",
    "read_structures",
    "reduced_formula",
    "split_file",
]
