"""Without a database: the same answers as the stages give through the store."""

from dataclasses import replace
from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure
from samples import KNOWN, SCREENED, crystal, fill_screened, write_cifs

from mtl_flows import CandidateFilter, PrescreenThresholds, ScreeningParameters, describe, fit, rank, screen
from mtl_flows.errors import NoMobileIonError, UnreadableStructureError
from mtl_flows.science.barrier import migration_barriers
from mtl_flows.science.dynamics import ArrheniusStatus, analyse_diffusion, fit_arrhenius
from mtl_flows.science.dynamics.synthetic import SyntheticWalk
from mtl_flows.science.priority import priority
from mtl_flows.science.topology import PROTOCOLS, compute_percolation, compute_topology
from mtl_flows.store.database import MTLStore


def test_a_screening_in_memory_is_that_of_the_store(store: MTLStore, tmp_path: Path) -> None:
    fill_screened(store)
    rows = {row.material_id: row for row in store.candidates.find()}
    folder = write_cifs(tmp_path, *SCREENED)
    found = screen((folder / f"{slug}.cif" for slug in SCREENED), known=KNOWN)
    assert {one.id for one in found} == set(rows)
    for one in found:
        row = rows[one.id]
        assert one.topology is not None
        assert one.topology.r_connected_A == row.r_connected_A
        assert one.chemistry is not None
        assert one.chemistry.failures == row.failed_rules
        assert one.survives == row.survives
        for protocol in PROTOCOLS:
            assert one.clusters.get(protocol) == getattr(row, f"cluster_{protocol}")
            assert one.standings[protocol].outcome == (
                "pass" if getattr(row, f"survives_{protocol}") else "fail"
            )
    best_first = [row.material_id for row in store.candidates.select(CandidateFilter())]
    assert [one.id for one in rank({one.id: one.structure for one in found})] == best_first


def test_parameters_and_refusals() -> None:
    lonely = Structure(Lattice.cubic(4.0), ["Na"], [[0, 0, 0]])
    strict = replace(ScreeningParameters(), thresholds=PrescreenThresholds(r_connected_A=0.5))
    crystals = {"li3ocl": crystal("li3ocl"), "lonely": lonely}
    kept, refused = screen(crystals, strict)
    assert (kept.clusters, kept.survives) == ({}, False)
    assert {standing.reason for standing in kept.standings.values()} == {"2.763, must be r_connected < 0.5 Å"}
    assert isinstance(refused.refused, NoMobileIonError)
    assert refused.topology is None
    assert [one.id for one in rank(crystals)] == ["li3ocl", "lonely"]
    assert isinstance(rank(crystals)[1].refused, NoMobileIonError)


def test_a_score_of_ones_own() -> None:
    crystals = {slug: crystal(slug) for slug in ("licl", "li2o", "li3n")}
    by_size = rank(crystals, score=lambda structure, ion: structure.volume)
    assert [one.score for one in by_size] == sorted((c.volume for c in crystals.values()), reverse=True)
    best = rank(crystals)[0]
    (*_, d3), (*_, v3) = compute_percolation(best.structure)
    assert best.score == priority(v3 / d3, migration_barriers(best.structure).E_3D_eV)


def test_what_has_no_barrier_comes_after_all_others() -> None:
    unknown = Structure(Lattice.cubic(4.0), ["Li", "Xe"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    (known, last) = rank({"LiXe": unknown, "licl": crystal("licl")})
    assert (known.id, last.id) == ("licl", "LiXe")
    assert known.score is not None
    assert (last.score, last.refused) == (None, None)


def test_one_crystal_as_structure_or_file(tmp_path: Path) -> None:
    file = write_cifs(tmp_path, "li3ocl") / "li3ocl.cif"
    of_file, of_structure = describe(file), describe(crystal("li3ocl"))
    assert of_file.r_connected_A == pytest.approx(of_structure.r_connected_A)
    assert of_file.d_A == compute_topology(crystal("li3ocl")).d_A
    (tmp_path / "two.cif").write_text(file.read_text() + file.read_text().replace("data_", "data_other"))
    with pytest.raises(UnreadableStructureError, match="holds 2 structures"):
        describe(tmp_path / "two.cif")
    with pytest.raises(UnreadableStructureError):
        describe(tmp_path / "nothing.cif")
    with pytest.raises(NoMobileIonError):
        describe(crystal("licl"), mobile_ion="Na")
    assert [one.id for one in rank([crystal("licl"), crystal("licl")])] == ["LiCl", "LiCl (2)"]


def test_a_fit_is_that_of_the_dynamics() -> None:
    walks = {800.0: 2e-5, 1000.0: 5e-5, 1200.0: 9e-5}
    results = [
        analyse_diffusion(SyntheticWalk(D_cm2_per_s=D).trajectory(0), "Li", T) for T, D in walks.items()
    ]
    assert fit(iter(results)) == fit_arrhenius(results)
    assert fit(results[:1]).status is ArrheniusStatus.TOO_FEW_TEMPERATURES
