"""Barriers of a crystal: the energies at which a mobile ion first percolates in one, two and three dimensions."""

from dataclasses import dataclass

from pymatgen.core import Structure

from mtl_flows.science.barrier.framework import Framework, framework_of
from mtl_flows.science.barrier.grid import symmetric_grid
from mtl_flows.science.barrier.landscape import Landscape, compute_landscape
from mtl_flows.science.barrier.parameters import BarrierParameters
from mtl_flows.science.barrier.refine import refined_levels

ACCESSIBLE_EV = (0.25, 0.5, 1.0)
"""Energies above the deepest point at which the accessible volume is told."""


@dataclass(frozen=True, slots=True)
class BarrierResult:
    """Barriers of one crystal and one mobile ion.

    Attributes
    ----------
    E_1D_eV, E_2D_eV, E_3D_eV
        Level at which a network of points first spans one, two and three dimensions, above the deepest point.
    minimum_eV
        Energy of the deepest point.
    accessible
        Share of the cell no higher than `ACCESSIBLE_EV` above the deepest point.
    grid
        Points along the axes of the cell.
    spacing_A
        Of the grid that the barriers were found on.
    n_operations
        Operations that were used to spare points.
    change_eV
        How much refining the grid changed them at last; None of a grid that was not refined.
    interpolated
        Pairs of ions whose parameters are not published ones.
    """

    E_1D_eV: float
    E_2D_eV: float
    E_3D_eV: float
    minimum_eV: float
    accessible: tuple[float, ...]
    grid: tuple[int, int, int]
    spacing_A: float
    n_operations: int
    change_eV: float | None
    interpolated: tuple[str, ...]


def migration_barriers(
    structure: Structure, mobile_ion: str = "Li", parameters: BarrierParameters = BarrierParameters()
) -> BarrierResult:
    """Compute at which energies the bond-valence landscape of a mobile ion percolates.

    The framework is frozen, disorder is weighted by occupancy, the mobile ions are taken out.

    Parameters
    ----------
    structure
        Any crystal, ordered or disordered; oxidation states on its sites count, others are assigned.
    mobile_ion
        Its symbol.

    Raises
    ------
    UnsupportedIonError
        If the ion, or its interaction with some ion of the crystal, is not known.
    """
    framework, landscape = _survey(structure, mobile_ion, parameters)
    grid = landscape.grid
    minimum_eV, levels_eV = landscape.minimum_eV, landscape.levels_eV()
    change_eV, spacing_A = None, grid.spacing_A
    if parameters.refine_to_eV > 0:
        refined = refined_levels(framework, landscape, levels_eV, parameters)
        minimum_eV, levels_eV = refined.minimum_eV, refined.levels_eV
        change_eV, spacing_A = refined.change_eV, refined.spacing_A
    one, two, three = (level - minimum_eV for level in levels_eV)
    return BarrierResult(
        one,
        two,
        three,
        minimum_eV,
        landscape.fraction_below(ACCESSIBLE_EV),
        grid.shape,
        spacing_A,
        len(grid.rotations),
        change_eV,
        framework.interpolated,
    )


def landscape_of(
    structure: Structure, mobile_ion: str = "Li", parameters: BarrierParameters = BarrierParameters()
) -> Landscape:
    """Compute the landscape itself; as `migration_barriers`."""
    return _survey(structure, mobile_ion, parameters)[1]


def _survey(
    structure: Structure, mobile_ion: str, parameters: BarrierParameters
) -> tuple[Framework, Landscape]:
    framework = framework_of(structure, mobile_ion, parameters)
    grid = symmetric_grid(framework, parameters.spacing_A, parameters.symprec_A)
    return framework, compute_landscape(framework, grid, parameters)
