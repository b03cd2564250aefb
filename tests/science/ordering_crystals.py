"""Disordered crystals for the tests, from published structures."""

import warnings

from pymatgen.core import Lattice, Structure


def crystal(
    space_group: str, lattice: Lattice, sites: list[tuple[dict[str, float], list[float]]]
) -> Structure:
    """Build a crystal from its asymmetric unit."""
    with warnings.catch_warnings():
        # pymatgen warns of sites closer than its tolerance, which split sites are.
        warnings.simplefilter("ignore")
        return Structure.from_spacegroup(
            space_group, lattice, [species for species, _ in sites], [place for _, place in sites], tol=0.01
        )


def cubic_llzo() -> Structure:
    """Cubic Li7La3Zr2O12, Li on 24d and 96h (Awaka et al. 2011, doi:10.1246/cl.2011.60)."""
    return crystal(
        "Ia-3d",
        Lattice.cubic(12.9827),
        [
            ({"Li": 0.564}, [0.375, 0.0, 0.25]),
            ({"Li": 0.442}, [0.0969, 0.6853, 0.5770]),
            ({"La": 1.0}, [0.125, 0.0, 0.25]),
            ({"Zr": 1.0}, [0.0, 0.0, 0.0]),
            ({"O": 1.0}, [-0.0318, 0.0546, 0.1501]),
        ],
    )


def argyrodite() -> Structure:
    """Li6PS5Cl, Li on a half-filled 48h (Deiseroth et al. 2008, doi:10.1002/anie.200703900)."""
    return crystal(
        "F-43m",
        Lattice.cubic(9.859),
        [
            ({"Li": 0.5}, [0.183, 0.183, 0.024]),
            ({"P": 1.0}, [0.5, 0.5, 0.5]),
            ({"S": 1.0}, [0.61939, 0.61939, 0.61939]),
            ({"S": 0.615, "Cl": 0.385}, [0.25, 0.25, 0.25]),
            ({"Cl": 0.615, "S": 0.385}, [0.0, 0.0, 0.0]),
        ],
    )


def rock_salt_mixture() -> Structure:
    """Li0.5Na0.5Cl on the rock-salt lattice: neutral with any count of Li and Na."""
    return crystal(
        "Fm-3m", Lattice.cubic(5.3), [({"Li": 0.5, "Na": 0.5}, [0, 0, 0]), ({"Cl": 1.0}, [0.5, 0.5, 0.5])]
    )


def charged_sites() -> Structure:
    """A CsCl lattice with every site Cs or Cl at random: the order that pays is CsCl itself."""
    return Structure(Lattice.cubic(4.1), [{"Cs": 0.5, "Cl": 0.5}] * 2, [[0, 0, 0], [0.5, 0.5, 0.5]])
