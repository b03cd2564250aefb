"""Reading structure files: CIF, POSCAR and pymatgen JSON, alone, in folders or in archives."""

from mtl_flows.science.reading.checks import check_structure, structure_content_hash
from mtl_flows.science.reading.files import read_structures
from mtl_flows.science.reading.model import Metadata, ParsedBlock, ParsedStructure, ReadingParameters
from mtl_flows.science.reading.sources import FoundFile, find_files

__all__ = [
    "FoundFile",
    "Metadata",
    "ParsedBlock",
    "ParsedStructure",
    "ReadingParameters",
    "check_structure",
    "find_files",
    "read_structures",
    "structure_content_hash",
]
