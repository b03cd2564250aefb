"""Where total energies come from, and on which scale they are; light enough for every process to read."""

from typing import Literal

MP2020_GGA = "MP2020-corrected GGA"
"""Energy scale of the Materials Project since 2020, and of CHGNet, which was trained on it."""

RAW_PBE = "raw PBE"
"""Uncorrected PBE(+U) total energies, the scale of SevenNet-0 and most other potentials."""

EntryKind = Literal["materials_project", "file", "potential"]
"""Kind of source that a set of entries has."""
