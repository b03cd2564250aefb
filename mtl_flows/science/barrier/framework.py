"""What a mobile ion meets: the crystal without the mobile ions, each kind of ion with its interaction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray
from pymatgen.core import Structure

from mtl_flows.errors import UnsupportedIonError
from mtl_flows.science.barrier.parameters import BarrierParameters
from mtl_flows.science.barrier.softbv import Morse, ScreenedCoulomb, attraction, supported_ions
from mtl_flows.science.elements import element_amounts, element_symbol, ion_charge
from mtl_flows.science.ions import Ions
from mtl_flows.science.symmetry import plane_spacings_A

FloatArray = NDArray[np.float64]

_SMALLEST_WEIGHT = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Framework:
    """Ions that the mobile ion feels.

    Attributes
    ----------
    lattice
        Cell vectors as rows, Å, shape ``(3, 3)``.
    fractional
        Positions, shape ``(n, 3)``.
    weights
        Occupancies, shape ``(n,)``.
    kinds
        Number of the interaction of each, shape ``(n,)``.
    interactions
        By number.
    interpolated
        Pairs whose parameters are not published ones.
    """

    lattice: FloatArray
    fractional: FloatArray
    weights: FloatArray
    kinds: NDArray[np.intp]
    interactions: Sequence[Morse | ScreenedCoulomb]
    interpolated: tuple[str, ...] = ()


def framework_of(structure: Structure, mobile_ion: str, parameters: BarrierParameters) -> Framework:
    """Take the mobile ions out of a crystal and find how each other ion interacts with one.

    Charges that the sites bear count; others are assigned. Ions of the charge of the mobile ion count only where their
    sites are occupied often enough to bar the way: a mobile ion that shares its site with others would else be
    repelled by itself.

    Raises
    ------
    UnsupportedIonError
        If no parameters are known for the mobile ion, or for it and some ion of the other charge; if no ion attracts.
    """
    mobile = element_symbol(mobile_ion)
    if mobile not in supported_ions():
        raise UnsupportedIonError(
            f"no bond-valence parameters for {mobile}",
            subject=structure.composition.reduced_formula,
            remedy=f"there are some for {', '.join(supported_ions())}",
        )
    own_charge = float(ion_charge(mobile))
    ions = Ions.of(structure, mobile)
    sites: list[int] = []
    names: list[str] = []
    weights: list[float] = []
    for index, site in enumerate(structure):
        for symbol, amount in element_amounts(site.species).items():
            name = ions.on_sites[index][symbol]
            if symbol != mobile and amount > _SMALLEST_WEIGHT and ions.charges[name] != 0.0:
                sites.append(index)
                names.append(name)
                weights.append(amount)
    charges = np.array([ions.charges[name] for name in names])
    weight = np.array(weights)
    fractional = np.asarray(structure.frac_coords, dtype=float)[sites].reshape(-1, 3)
    lattice = np.asarray(structure.lattice.matrix, dtype=float)
    repelling = charges * own_charge > 0
    kept = ~repelling
    kept[repelling] = (
        _occupancy_around(lattice, fractional[repelling], weight[repelling], parameters.merging_A)
        > parameters.site_threshold
    )
    if not (kept & ~repelling).any():
        raise UnsupportedIonError(
            f"no ion attracts {mobile}",
            subject=structure.composition.reduced_formula,
            remedy="check the oxidation states",
        )
    interactions: dict[str, Morse | ScreenedCoulomb] = {}
    for name in dict.fromkeys(np.array(names)[kept].tolist()):
        element, charge = ions.elements[name], ions.charges[name]
        if charge * own_charge > 0:
            interactions[name] = ScreenedCoulomb.between(
                mobile, element, (own_charge, charge), parameters.screening
            )
            continue
        morse = attraction(mobile, element, charge)
        if morse is None:
            raise UnsupportedIonError(
                f"no bond-valence parameters for {mobile} beside {name} ({charge:+g})",
                subject=structure.composition.reduced_formula,
                remedy="it is left out of the ranking by barriers",
            )
        interactions[name] = morse
    numbers = {name: number for number, name in enumerate(interactions)}
    return Framework(
        lattice,
        fractional[kept],
        weight[kept],
        np.array([numbers[name] for name in np.array(names)[kept].tolist()], dtype=np.intp),
        tuple(interactions.values()),
        tuple(
            f"{mobile}-{name}"
            for name, found in interactions.items()
            if isinstance(found, Morse) and found.interpolated
        ),
    )


def _occupancy_around(
    lattice: FloatArray, fractional: FloatArray, weights: FloatArray, radius_A: float
) -> FloatArray:
    """Occupancy within a radius of each site, its own and periodic images included."""
    if not len(fractional):
        return np.zeros(0)
    reach = np.ceil(radius_A / plane_spacings_A(lattice)).astype(int)
    shifts = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    wrapped = fractional % 1.0
    images = (wrapped[None] + shifts[:, None]).reshape(-1, 3) @ lattice
    near = scipy.spatial.cKDTree(wrapped @ lattice).sparse_distance_matrix(
        scipy.spatial.cKDTree(images), radius_A, output_type="coo_matrix"
    )
    around = np.zeros(len(fractional))
    np.add.at(around, near.row, np.tile(weights, len(shifts))[near.col])
    return around
