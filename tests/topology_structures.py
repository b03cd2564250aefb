"""Crystal structures as facts, for the tests of topology: space group, cell, asymmetric unit.

Free coordinates are rounded values of the structure type; those of mobile sites are exact where a
published number depends on them.
"""

from dataclasses import dataclass

import numpy as np
from pymatgen.core import Lattice, Structure


def _cubic(a: float) -> Lattice:
    return Lattice.cubic(a)


def _build(group: str, lattice: Lattice, sites: dict[str, list[tuple[float, float, float]]]) -> Structure:
    species = [_species(label) for label, coords in sites.items() for _ in coords]
    coords = [xyz for group_of_sites in sites.values() for xyz in group_of_sites]
    return Structure.from_spacegroup(group, lattice, species, coords)


def _species(label: str) -> dict[str, float]:
    """``Li:0.5 Mg:0.5`` becomes occupancies; a bare symbol is fully occupied."""
    return {part.partition(":")[0]: float(part.partition(":")[2] or 1) for part in label.split()}


@dataclass(frozen=True)
class Published:
    """A structure with its numbers in the tables released with doi:10.1021/jacs.5c04828.

    ``decimals``: the release has the coordinates with so many decimals, 1/3 as 0.3333.
    """

    icsd_id: int
    structure: Structure
    r_connected_A: float
    rho_cycles: float | None
    decimals: int | None = None

    def as_released(self) -> Structure:
        if self.decimals is None:
            return self.structure
        coords = np.round(self.structure.frac_coords % 1, self.decimals)
        return Structure(self.structure.lattice, self.structure.species_and_occu, coords)


THIRD = 1 / 3

LI3OBR = _build("Pm-3m", _cubic(4.056), {"Li": [(0, 0, 0.5)], "Br": [(0.5, 0.5, 0.5)], "O": [(0, 0, 0)]})
LI2OHBR = _build(
    "Pm-3m", _cubic(4.056), {"Li:0.667": [(0, 0.5, 0.5)], "Br": [(0, 0, 0)], "O": [(0.5, 0.5, 0.5)]}
)
LI2MGCL4 = _build(
    "Fd-3m",
    _cubic(10.401),
    {"Li": [(0.125, 0.125, 0.125)], "Li:0.5 Mg:0.5": [(0.5, 0.5, 0.5)], "Cl": [(0.2567, 0.2567, 0.2567)]},
)
LI3N = _build(
    "P6/mmm",
    Lattice.hexagonal(3.648, 3.875),
    {"Li": [(THIRD, 2 * THIRD, 0), (0, 0, 0.5)], "N": [(0, 0, 0)]},
)
LISCO2 = _build(
    "I4_1/amd",
    Lattice.tetragonal(4.1791, 9.361),
    {"Li": [(0, 0, 0.5)], "Sc": [(0, 0, 0)], "O": [(0, 0, 0.229)]},
)
LISCZRO2 = _build(
    "I4_1/amd",
    Lattice.tetragonal(4.1804, 9.4186),
    {"Li:0.9": [(0, 0, 0.5)], "Sc:0.9 Zr:0.1": [(0, 0, 0)], "O": [(0, 0, 0.229)]},
)
LI3BN2 = _build(
    "P4_2/mnm",
    Lattice.tetragonal(4.6435, 5.2592),
    {"Li": [(0, 0.5, 0.25), (0, 0, 0.5)], "B": [(0, 0, 0)], "N": [(0.205, 0.795, 0)]},
)
LI4P2S6 = _build(
    "P-31m",
    Lattice.hexagonal(6.0774, 6.5988),
    {
        "Li": [(THIRD, 2 * THIRD, 0), (THIRD, 2 * THIRD, 0.5)],
        "P": [(0, 0, 0.1715)],
        "S": [(0, 0.324, 0.247)],
    },
)
LITI2PO43 = _build(
    "R-3c",
    Lattice.hexagonal(8.5145, 20.8633),
    {
        "Li": [(0, 0, 0)],
        "Ti": [(0, 0, 0.1412)],
        "P": [(0.29, 0, 0.25)],
        "O": [(0.186, 0.995, 0.19), (0.19, 0.164, 0.0815)],
    },
)
LITISNPO43 = _build(
    "R-3c",
    Lattice.hexagonal(8.6121, 21.3574),
    {
        "Li": [(0, 0, 0)],
        "Ti:0.2 Sn:0.8": [(0, 0, 0.144)],
        "P": [(0.288, 0, 0.25)],
        "O": [(0.182, 0.99, 0.19), (0.19, 0.164, 0.085)],
    },
)

PUBLISHED = {
    "Li3OBr": Published(67265, LI3OBR, 2.868025064468384, 0.0),
    "Li2OHBr": Published(200874, LI2OHBR, 2.868025064468384, 0.0),
    "Li2MgCl4": Published(74957, LI2MGCL4, 4.312034130096436, 0.0),
    "Li3N": Published(34280, LI3N, 2.861888647079468, 0.0),
    "LiScO2": Published(257819, LISCO2, 3.1374244689941406, 0.0),
    "Li0.9Sc0.9Zr0.1O2": Published(257820, LISCZRO2, 3.148578643798828, 0.0),
    "Li3BN2": Published(655673, LI3BN2, 2.668230533599853, 1 / 6),
    "Li4P2S6": Published(242170, LI4P2S6, 3.5095109939575195, 0.25, decimals=4),
    "LiTi2(PO4)3": Published(184088, LITI2PO43, 6.022003173828125, None, decimals=4),
    "LiTi0.4Sn1.6(PO4)3": Published(183677, LITISNPO43, 6.115666389465332, None, decimals=4),
}

# Structure types with free coordinates, split and shared sites.
OTHERS = {
    "beta-Li3PS4": _build(
        "Pnma",
        Lattice.orthorhombic(12.82, 8.22, 6.12),
        {
            "Li": [(0.356, 0.013, 0.439)],
            "Li:0.7": [(0, 0, 0.5)],
            "Li:0.3": [(0.074, 0.25, 0.889)],
            "P": [(0.088, 0.25, 0.161)],
            "S": [(0.154, 0.034, 0.276), (0.935, 0.25, 0.262), (0.1, 0.25, 0.824)],
        },
    ),
    "Li6PS5Cl": _build(
        "F-43m",
        _cubic(9.859),
        {
            "Li:0.44": [(0.3133, 0.0183, 0.6867)],
            "Li:0.12": [(0.25, 0.017, 0.75)],
            "P": [(0, 0, 0.5)],
            "S": [(0.1188, -0.1188, 0.6188)],
            "S:0.615 Cl:0.385": [(0, 0, 0)],
            "S:0.385 Cl:0.615": [(0.25, 0.25, 0.75)],
        },
    ),
    "Li10GeP2S12": _build(
        "P4_2/nmc",
        Lattice.tetragonal(8.717, 12.634),
        {
            "Li:0.69": [(0.257, 0.272, 0.183)],
            "Li": [(0, 0.5, 0.945)],
            "Li:0.64": [(0.247, 0.247, 0)],
            "Ge:0.5 P:0.5": [(0, 0.5, 0.69)],
            "P": [(0, 0, 0.5)],
            "S": [(0, 0.184, 0.408), (0, 0.296, 0.094), (0, 0.698, 0.791)],
        },
    ),
    "Li7La3Zr2O12": _build(
        "Ia-3d",
        _cubic(12.968),
        {
            "Li:0.54": [(0.375, 0, 0.25)],
            "Li:0.45": [(0.0971, 0.6853, 0.5769)],
            "La": [(0.125, 0, 0.25)],
            "Zr": [(0, 0, 0)],
            "O": [(-0.0318, 0.0546, 0.1501)],
        },
    ),
    "Li7SbO6-like": _build(
        "P-1",
        Lattice.from_parameters(5.43, 5.89, 5.385, 116.7, 119.6, 62.8),
        {
            "Li": [(0.11, 0.31, 0.47), (0.72, 0.18, 0.4), (0.36, 0.93, 0.28), (0.5, 0.5, 0)],
            "Sb": [(0, 0, 0)],
            "O": [(0.05, 0.33, 0.29), (0.69, 0.22, 0.77), (0.21, 0.91, 0.31)],
        },
    ),
}

STRUCTURES = {name: entry.structure for name, entry in PUBLISHED.items()} | OTHERS
