"""Coarse surfaces of landscapes: small, and open where the landscape is."""

import numpy as np
import pytest
from samples import crystal

from mtl_flows.science.barrier import BarrierParameters, Landscape, Surface, coarse_surface, landscape_of
from mtl_flows.science.barrier.grid import Grid


def as_landscape(surface: Surface, lattice: np.ndarray) -> Landscape:
    no_symmetry = np.eye(3, dtype=np.intp)[None], np.zeros((1, 3), dtype=np.intp)
    shape = surface.values.shape
    return Landscape(
        Grid(lattice, surface.origin, (shape[0], shape[1], shape[2]), *no_symmetry),
        surface.energies_eV.reshape(-1),
    )


@pytest.mark.parametrize("slug", ["li3n", "li7la3zr2o12-tetragonal", "li10gep2s12", "liti2-po4-3", "licl"])
def test_a_surface_is_small_and_percolates_at_its_level(slug):
    landscape = landscape_of(crystal(slug), "Li")
    surface = coarse_surface(landscape)
    levels = np.array(landscape.levels_eV()) - landscape.minimum_eV
    assert surface.level_eV == pytest.approx(levels[2])
    assert surface.values.nbytes <= 6000
    # Blocks hold the lowest of their points: in no dimension does the way open later.
    drawn = np.array(as_landscape(surface, landscape.grid.lattice).levels_eV())
    assert (drawn <= levels + surface.step_eV).all()
    assert drawn[2] <= surface.level_eV * (1 + 1e-9)
    # It is a surface: something lies on either side of it.
    assert 0 < np.mean(surface.energies_eV <= surface.level_eV) < 1


def test_a_grid_that_is_small_enough_stays_as_it_is():
    landscape = landscape_of(crystal("li3n"), "Li", BarrierParameters(spacing_A=0.5))
    surface = coarse_surface(landscape)
    above = (landscape.energies_eV - landscape.minimum_eV).reshape(landscape.grid.shape)
    assert surface.values.shape == landscape.grid.shape
    assert np.allclose(surface.origin, landscape.grid.origin % 1.0)
    kept = above < 2.5 * surface.level_eV
    assert np.abs(surface.energies_eV - above)[kept].max() <= surface.step_eV


def test_refined_parameters_ask_for_a_refined_grid_and_for_nothing_else():
    parameters = BarrierParameters(spacing_A=0.3)
    assert parameters.refined() == BarrierParameters(spacing_A=0.3, refine_to_eV=0.01)
    assert BarrierParameters(refine_to_eV=0.002).refined().refine_to_eV == 0.002
    assert BarrierParameters(refine_to_eV=0.1).refined().refine_to_eV == 0.01
