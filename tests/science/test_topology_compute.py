"""The whole pass over a structure: known answers, a plain referee, invariance, edge cases."""

import json
from math import inf, sqrt

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from topology_structures import LI2MGCL4, LI3N, LI3OBR, OTHERS, PUBLISHED, STRUCTURES

from mtl_flows.errors import NoMobileIonError
from mtl_flows.science.sublattices import split_sublattices
from mtl_flows.science.topology import (
    FEATURE_NAMES,
    PROTOCOLS,
    StructureBarcodes,
    TopologyParameters,
    TopologyResult,
    compute_barcodes,
    compute_topology,
    decode_barcodes,
    describe_topology,
    features_from_barcodes,
    metrics_from_barcodes,
)

SCREENING = TopologyParameters(extended=False)


def assert_same_but_for_rho(one: TopologyResult, other: TopologyResult, tolerance: float = 1e-4) -> None:
    assert other.r_connected_A == pytest.approx(one.r_connected_A, abs=1e-5)
    for protocol in PROTOCOLS:
        assert other.features[protocol] == pytest.approx(one.features[protocol], rel=tolerance, abs=tolerance)
    assert other.d_A == pytest.approx(one.d_A, abs=1e-5)
    assert other.v_A == pytest.approx(one.v_A, abs=3e-5)


def rotated(structure: Structure, seed: int) -> Structure:
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    lattice = Lattice(structure.lattice.matrix @ rotation)
    return Structure(lattice, structure.species_and_occu, structure.frac_coords)


def translated(structure: Structure, seed: int) -> Structure:
    shift = np.random.default_rng(seed).random(3)
    return Structure(structure.lattice, structure.species_and_occu, structure.frac_coords + shift)


def shuffled(structure: Structure, seed: int) -> Structure:
    order = np.random.default_rng(seed).permutation(len(structure))
    return Structure.from_sites([structure[int(i)] for i in order])


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_numbers(name):
    """Released with doi:10.1021/jacs.5c04828; coordinates of all mobile sites are fixed by symmetry."""
    published = PUBLISHED[name]
    result = compute_topology(published.as_released(), parameters=SCREENING)
    assert result.r_connected_A == pytest.approx(published.r_connected_A, abs=1e-4)
    if published.rho_cycles is not None:
        assert result.rho_cycles["published"] == pytest.approx(published.rho_cycles, abs=1e-9)
    exact = compute_topology(published.structure, parameters=SCREENING)
    assert exact.r_connected_A == pytest.approx(published.r_connected_A, rel=2.1e-4)


@pytest.mark.parametrize("name", ["Li3OBr", "Li3N", "beta-Li3PS4", "Li7SbO6-like"])
def test_against_a_loop_over_all_sites(name):
    """No orbits, no bound on the complex, neighbours from pymatgen, homology from ripser.py."""
    from ripser import ripser

    structure = STRUCTURES[name]
    sublattices = split_sublattices(structure)
    mobile = set(sublattices.mobile_indices.tolist())
    lengths, counts, persistences = [], [], []
    for index in mobile:
        neighbours = structure.get_sites_in_sphere(structure[index].coords, 10.0)
        mobile_cloud = np.array([n.coords for n in neighbours if n.index in mobile])
        framework_cloud = np.array([n.coords for n in neighbours if n.index not in mobile])
        lengths.append(ripser(mobile_cloud, maxdim=0, thresh=10.0)["dgms"][0][-2, 1])
        h0, h1 = ripser(framework_cloud, maxdim=1, thresh=10.0)["dgms"]
        counts.append(np.sum(np.isfinite(h0[:, 1]) & (h0[:, 1] > 0.1)))
        persistences.append(np.diff(h1, axis=1).sum())
    result = compute_topology(structure, parameters=SCREENING)
    assert result.r_connected_A == pytest.approx(np.mean(lengths), abs=1e-6)
    assert result.features["published"]["framework_h0_count"] == pytest.approx(np.mean(counts), abs=1e-12)
    assert result.features["published"]["framework_h1_persistence_sum_A"] == pytest.approx(
        np.mean(persistences), abs=2e-4
    )


def test_simple_cubic_antiperovskite_by_hand():
    result = compute_topology(LI3OBR)
    # Li octahedra around O share corners: the nearest Li are a/√2 apart, everywhere.
    assert result.r_connected_A == pytest.approx(4.056 / sqrt(2), abs=1e-6)
    assert result.d_A == pytest.approx((4.056 / sqrt(2),) * 3)
    assert (result.n_sites, result.n_mobile, result.n_framework) == (5, 3, 2)
    (orbit,) = result.barcodes.orbits
    assert (orbit.multiplicity, orbit.label) == (3, "Li")
    assert orbit.n_mobile_in_sphere == orbit.mobile.n_points
    assert orbit.n_framework_in_sphere == orbit.framework.n_points
    # Br and O form a CsCl lattice.
    assert result.features["published"]["framework_h0_death_max_A"] == pytest.approx(
        4.056 * sqrt(3) / 2, abs=1e-5
    )


@pytest.mark.parametrize("name", ["Li3N", "Li2MgCl4", "LiTi2(PO4)3", *OTHERS])
def test_rotation_origin_order_and_labels_do_not_matter(name):
    structure = STRUCTURES[name]
    result = compute_topology(structure)
    assert_same_but_for_rho(result, compute_topology(rotated(structure, 1)))
    assert_same_but_for_rho(result, compute_topology(translated(structure, 2)))
    again = compute_topology(shuffled(structure, 3))
    assert_same_but_for_rho(result, again)
    # The cell is the same, so rho_cycles is too.
    assert again.rho_cycles == result.rho_cycles
    assert compute_topology(rotated(structure, 4)).rho_cycles == result.rho_cycles


@pytest.mark.parametrize("name", ["Li3N", "Li2MgCl4", "LiTi2(PO4)3", "beta-Li3PS4", "Li7SbO6-like"])
def test_choice_of_cell_does_not_matter(name):
    structure = STRUCTURES[name]
    result = compute_topology(structure)
    assert_same_but_for_rho(result, compute_topology(structure.get_primitive_structure()))
    larger = structure * (1, 2, 1)
    again = compute_topology(larger)
    assert_same_but_for_rho(result, again)
    assert again.n_mobile == 2 * result.n_mobile
    assert len(again.barcodes.orbits) <= len(result.barcodes.orbits) * 2
    sheared = Structure(
        Lattice([[1, 0, 0], [2, 1, 0], [-3, 1, 1]] @ structure.lattice.matrix),
        structure.species_and_occu,
        structure.cart_coords,
        coords_are_cartesian=True,
    )
    assert_same_but_for_rho(result, compute_topology(sheared))


def test_rho_cycles_depends_on_the_cell():
    """A finite cloud is not periodic: this is why rho_cycles is stated for the cell of the file."""
    conventional = compute_topology(LI2MGCL4, parameters=SCREENING)
    doubled = compute_topology(LI2MGCL4 * (2, 1, 1), parameters=SCREENING)
    assert doubled.r_connected_A == pytest.approx(conventional.r_connected_A, abs=1e-6)
    values = {
        compute_topology(translated(OTHERS["Li6PS5Cl"], s), parameters=SCREENING).rho_cycles["published"]
        for s in range(4)
    }
    assert len(values) > 1


def test_symmetry_that_holds_only_roughly_is_not_used():
    """Sites moved by far less than spglib's usual tolerance are different sites."""
    rng = np.random.default_rng(0)
    coords = LI3N.frac_coords + 2e-4 * rng.normal(size=LI3N.frac_coords.shape)
    distorted = Structure(LI3N.lattice, LI3N.species_and_occu, coords) * (1, 1, 2)
    result = compute_topology(distorted, parameters=SCREENING)
    # The doubled cell repeats exactly, so each of three sites stands for two.
    assert sorted(orbit.multiplicity for orbit in result.barcodes.orbits) == [2, 2, 2]
    each = [orbit.r_connected_A for orbit in result.barcodes.orbits]
    assert result.r_connected_A == pytest.approx(np.mean(each), abs=1e-7)


def test_symmetry_saves_work_without_changing_the_answer():
    structure = OTHERS["Li6PS5Cl"]
    # Occupancies that all differ leave no two mobile sites equivalent.
    species = [
        {"Li": 0.4 + i / 1000} if "Li" in site.species else site.species for i, site in enumerate(structure)
    ]
    every_site_alone = Structure(structure.lattice, species, structure.frac_coords)
    one, other = (compute_topology(s, parameters=SCREENING) for s in (structure, every_site_alone))
    assert (len(one.barcodes.orbits), len(other.barcodes.orbits)) == (2, 72)
    assert other.r_connected_A == pytest.approx(one.r_connected_A, abs=1e-6)
    assert other.features["published"] == pytest.approx(one.features["published"], rel=1e-5, abs=1e-5)


def test_occupancy_does_not_remove_a_point():
    full = LI3N.copy()
    full.replace_species({"Li": {"Li": 0.3}})
    assert_same_but_for_rho(compute_topology(LI3N), compute_topology(full))


def test_everything_can_be_recomputed_from_stored_barcodes():
    result = compute_topology(OTHERS["beta-Li3PS4"], parameters=SCREENING)
    stored = [
        decode_barcodes(b.pack()) for b in (result.barcodes.cell_mobile, result.barcodes.cell_framework)
    ]
    metrics = metrics_from_barcodes(StructureBarcodes(result.barcodes.orbits, *stored), SCREENING)
    assert (metrics.r_connected_A, metrics.rho_cycles) == (result.r_connected_A, result.rho_cycles)
    assert features_from_barcodes(result.barcodes.orbits, SCREENING) == result.features


@pytest.mark.parametrize("ion", ["Na", "K", "Mg", "Ag", "Cu", "F", "O", "D"])
def test_any_ion_can_be_the_mobile_one(ion):
    structure = LI3N.copy()
    structure.replace_species({"Li": ion})
    assert_same_but_for_rho(compute_topology(LI3N), compute_topology(structure, ion))


def test_no_mobile_ion_is_refused():
    with pytest.raises(NoMobileIonError):
        compute_topology(LI3N, "Na")


def test_all_sites_mobile():
    result = compute_topology(Structure(Lattice.cubic(3.5), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.5]]))
    assert result.n_framework == 0
    assert result.r_connected_A == pytest.approx(3.5 * sqrt(3) / 2, abs=1e-6)
    assert set(result.features["published"].values()) == {0.0}
    assert result.rho_cycles["text"] == 0.0
    assert result.v_A == (inf, inf, inf)


def test_one_mobile_site_in_a_small_cell():
    result = compute_topology(
        Structure(Lattice.orthorhombic(3, 4, 5), ["Li", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    )
    assert result.r_connected_A == pytest.approx(5)
    assert result.d_A == pytest.approx((3, 4, 5))
    assert result.rho_cycles == {"published": 0.0, "text": 0.0}


def test_mobile_site_without_another_within_the_cutoff():
    result = compute_topology(Structure(Lattice.cubic(11), ["Li", "O"], [[0, 0, 0], [0.2, 0.2, 0.2]]))
    assert result.r_connected_A == 10.0
    assert result.features["text"]["mobile_h0_death_max_A"] == 0.0
    assert result.d_A == pytest.approx((11, 11, 11))
    (orbit,) = result.barcodes.orbits
    assert (orbit.n_mobile_in_sphere, orbit.n_framework_in_sphere) == (1, 4)


def test_neighbours_at_exactly_the_cutoff_count():
    result = compute_topology(
        Structure(Lattice.cubic(10), ["Li", "O"], [[0.1, 0.7, 0.3], [0.6, 0.2, 0.8]]), parameters=SCREENING
    )
    assert result.barcodes.orbits[0].n_mobile_in_sphere == 7


@pytest.mark.parametrize("seed", range(4))
def test_neighbours_at_exactly_the_cutoff_count_in_any_frame_and_cell(seed):
    rng = np.random.default_rng(seed)
    cell = np.array([[1, 0, 0], [rng.integers(-2, 3), 1, 0], [rng.integers(-2, 3), rng.integers(-2, 3), 1]])
    lattice = cell @ (10.0 * np.eye(3)) @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    origin = rng.random(3)
    structure = Structure(
        Lattice(lattice), ["Li", "O"], [origin, origin + np.linalg.inv(cell).sum(axis=0) / 2]
    )
    (orbit,) = compute_topology(structure, parameters=SCREENING).barcodes.orbits
    assert (orbit.n_mobile_in_sphere, orbit.n_framework_in_sphere) == (7, 8)


def test_species_that_alternate_on_one_position():
    """Two entries of a file for one shared position: mobile and framework point coincide."""
    lattice = Lattice.cubic(4.0)
    shared = Structure(lattice, [{"Li": 0.5, "Mg": 0.5}, "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    two_entries = Structure(lattice, [{"Li": 0.5}, {"Mg": 0.5}, "O"], [[0, 0, 0], [0, 0, 0], [0.5, 0.5, 0.5]])
    one, other = compute_topology(shared), compute_topology(two_entries)
    assert (one.n_mobile, other.n_mobile) == (1, 1)
    assert other.r_connected_A == one.r_connected_A == pytest.approx(4.0)
    assert other.d_A == one.d_A
    assert (one.n_framework, other.n_framework) == (1, 2)


def test_split_sites_all_count_and_short_deaths_are_no_feature():
    """A site split over two positions 0.08 Å apart: one more point, no H0 death above 0.1 Å."""
    whole = Structure(Lattice.cubic(4.0), ["Li", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    split = Structure(
        Lattice.cubic(4.0), ["Li", {"O": 0.5}, {"O": 0.5}], [[0, 0, 0], [0.5, 0.5, 0.49], [0.5, 0.5, 0.51]]
    )
    one, other = compute_topology(whole), compute_topology(split)
    assert other.barcodes.orbits[0].n_framework_in_sphere == 2 * one.barcodes.orbits[0].n_framework_in_sphere
    assert (
        other.features["published"]["framework_h0_count"] == one.features["published"]["framework_h0_count"]
    )


def test_cutoff_is_a_parameter():
    result = compute_topology(LI3N, parameters=TopologyParameters(cutoff_A=4.0, extended=False))
    assert result.barcodes.orbits[0].n_framework_in_sphere < 10
    assert np.isfinite(list(result.features["published"].values())).all()


def test_two_thousand_sites():
    structure = LI2MGCL4 * (3, 3, 4)
    assert len(structure) == 2016
    result = compute_topology(structure)
    assert_same_but_for_rho(compute_topology(LI2MGCL4), result)
    assert result.barcodes.cell_framework.n_points == result.n_framework


def test_without_extended_descriptors():
    result = compute_topology(LI3N, parameters=SCREENING)
    assert result.d_A is None
    assert result.v_A is None
    assert set(result.timings_s) == {"symmetry", "homology", "features"}


def test_result_is_json_able_but_for_barcodes():
    result = compute_topology(LI3N)
    json.dumps(
        [result.features, result.rho_cycles, result.d_A, result.v_A, result.timings_s], allow_nan=False
    )
    assert set(result.timings_s) == {"symmetry", "homology", "features", "hops", "channels"}
    for protocol in PROTOCOLS:
        assert tuple(result.features[protocol]) == FEATURE_NAMES[protocol]


@pytest.mark.parametrize("name", ["Li6PS5Cl", "beta-Li3PS4"])
def test_descriptors_need_no_homology(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    structure = OTHERS[name]
    at_once = compute_topology(structure)
    barcodes = compute_barcodes(structure)

    def refuse(*_: object) -> None:
        raise AssertionError("homology runs")

    for homology in ("rips_barcodes", "rips_components"):
        monkeypatch.setattr(f"mtl_flows.science.topology.compute.{homology}", refuse)
    described = describe_topology(structure, barcodes)
    assert (described.rho_cycles, described.features) == (at_once.rho_cycles, at_once.features)
    assert (described.r_connected_A, described.d_A, described.v_A) == (
        at_once.r_connected_A,
        at_once.d_A,
        at_once.v_A,
    )
