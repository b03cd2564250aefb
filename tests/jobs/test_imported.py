"""Trajectories of other programs in the store: analysed like ours, under a potential of their own, each once."""

import json
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure
from samples import crystal, fill, structure_document
from typer.testing import CliRunner, Result

from mtl_flows.cli.app import app
from mtl_flows.errors import DynamicsError, NotFoundError, UnusableTrajectoryError
from mtl_flows.jobs.dynamics import load_trajectory
from mtl_flows.science.dynamics import DiffusionParameters, Trajectory, analyse_diffusion
from mtl_flows.simulation.foreign_frames import ForeignTrajectory
from mtl_flows.simulation.trajectory_files import write_frames
from mtl_flows.stages.imported import ExternalPotential, Imported
from mtl_flows.stages.ordering import parent_id
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

BARRIER_EV = 0.3
FRAME_FS = 20.0


def walk(temperature_K: float, n_frames: int = 1001, seed: int = 0) -> Trajectory:
    """Lithium walks in rock salt over a barrier that is known."""
    cell: Structure = crystal("licl") * (2, 2, 2)
    rng = np.random.default_rng(seed + round(temperature_K))
    species = tuple(site.specie.symbol for site in cell)
    mobile = np.array([s == "Li" for s in species])
    D_A2_per_ps = 20.0 * np.exp(-BARRIER_EV / (8.617333e-5 * temperature_K))
    steps = np.zeros((n_frames, len(species), 3))
    steps[1:, mobile] = rng.standard_normal((n_frames - 1, mobile.sum(), 3))
    moved = (np.sqrt(2 * D_A2_per_ps * FRAME_FS * 1e-3) * steps).cumsum(axis=0)
    moved[:, ~mobile] += 0.1 * rng.standard_normal((n_frames, (~mobile).sum(), 3))
    return Trajectory(
        species,
        np.array(cell.lattice.matrix),
        np.array(cell.cart_coords) + moved,
        FRAME_FS,
        np.full(n_frames, temperature_K),
        np.zeros(n_frames),
    )


@pytest.fixture
def project_store(
    store: MTLStore, address: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> MTLStore:
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    monkeypatch.chdir(tmp_path)
    fill(store, "licl", "li2o")
    return store


def take(file: str, *options: str, material: str = "licl") -> Result:
    return CliRunner().invoke(app, ["trajectory", "import", file, "--material", material, *options])


def test_imported_runs_are_analysed_like_ours_and_fitted_among_themselves(
    project_store: MTLStore, tmp_path: Path
) -> None:
    store = project_store
    for temperature_K in (800.0, 1000.0, 1200.0):
        write_frames(walk(temperature_K), tmp_path / f"{temperature_K:g}.extxyz")
        taken = take(f"{temperature_K:g}.extxyz", "--temperature", f"{temperature_K:g}", "--potential", "PBE")
        assert taken.exit_code == 0, taken.output
    write_frames(walk(900.0), tmp_path / "other.extxyz")
    assert take("other.extxyz", "--temperature", "900", "--potential", "r2SCAN").exit_code == 0

    found = {s.temperature_K: s for s in store.dynamics.find({"engine_name": "imported:PBE"})}
    assert sorted(found) == [800.0, 1000.0, 1200.0]
    for temperature_K, simulation in found.items():
        expected = analyse_diffusion(walk(temperature_K), "Li", temperature_K, DiffusionParameters())
        assert simulation.diffusivity_cm2_per_s == pytest.approx(expected.D_cm2_per_s, rel=1e-3)
        assert simulation.status == expected.status
        assert simulation.imported is not None
        assert simulation.imported.farthest_A < 1.0
        # Its frames are kept, and read as those of any simulation are.
        stored = load_trajectory(store, simulation)
        assert stored.n_frames == 1001
        assert np.abs(stored.positions_A - walk(temperature_K).positions_A).max() < 1e-3
    fits = {fit.engine_name: fit for fit in store.transport.find()}
    assert sorted(fits["imported:PBE"].temperatures_K) == [800.0, 1000.0, 1200.0]
    error_eV = fits["imported:PBE"].activation_energy_error_eV or 0.0
    assert abs((fits["imported:PBE"].activation_energy_eV or 0.0) - BARRIER_EV) < 4 * error_eV
    # Another potential is beside, with a posterior of its own.
    assert fits["imported:r2SCAN"].activation_energy_eV is None
    assert fits["imported:r2SCAN"].posterior is not None
    row = store.candidates.get("licl")
    assert row.engine == "imported:r2SCAN"  # what began last is shown
    for command in (
        ["explain", "licl"],
        ["verdict", "licl"],
        ["plot", "arrhenius", "licl", "-o", "a.png"],
        ["density", "licl", "--temperature", "900", "-o", "CHGCAR"],
    ):
        told = CliRunner().invoke(app, command)
        assert told.exit_code == 0, (command, told.output, told.exception)
    shown = CliRunner().invoke(app, ["transport", "licl", "--json"])
    assert {fit["series"].split()[0] for fit in json.loads(shown.stdout)["fits"]} == set(fits)


def test_the_same_file_is_one_simulation(project_store: MTLStore, tmp_path: Path) -> None:
    store = project_store
    write_frames(walk(1000.0), tmp_path / "a.extxyz")
    assert take("a.extxyz", "--temperature", "1000").exit_code == 0
    before = (
        [d for c in store.collections for d in c.raw.find()],
        store.database["frames.files"].count_documents({}),
    )
    (tmp_path / "copy.extxyz").write_bytes((tmp_path / "a.extxyz").read_bytes())
    again = take("a.extxyz", "--temperature", "1000")
    assert "imported before" in again.stderr
    assert store.dynamics.count() == store.transport.count() == store.orderings.count() == 1
    assert store.database["frames.files"].count_documents({}) == before[1]
    # Analysed otherwise, it is the same simulation, judged anew.
    assert take("copy.extxyz", "--temperature", "1000", "--discard-ps", "4").exit_code == 0
    (simulation,) = store.dynamics.find()
    assert simulation.discard_ps == 4.0
    assert load_trajectory(store, simulation).n_frames == 1001
    assert store.database["frames.files"].count_documents({}) == before[1]
    exported = CliRunner().invoke(app, ["trajectory", "licl", "-o", "out.extxyz"])
    assert exported.exit_code == 0, exported.output
    assert "1001 frames, 20 fs apart, at 1000 K" in exported.stderr


def test_what_is_not_of_the_material_leaves_nothing(project_store: MTLStore, tmp_path: Path) -> None:
    store = project_store
    write_frames(walk(1000.0), tmp_path / "a.extxyz")
    write_frames(walk(1000.0, n_frames=12), tmp_path / "few.extxyz")
    write_frames(walk(1000.0, n_frames=80), tmp_path / "short.extxyz")
    for refused, kind, message in (
        (
            take("a.extxyz", "--temperature", "1000", material=structure_document("li2o").material_id),
            UnusableTrajectoryError,
            "the material Li2O",
        ),
        (take("a.extxyz", "--temperature", "1000", material="nacl"), NotFoundError, "was not ingested"),
        (take("a.extxyz", "--temperature", "600"), UnusableTrajectoryError, "is 1000 K, not 600 K"),
        (take("few.extxyz", "--temperature", "1000"), UnusableTrajectoryError, "12 frames, fewer than 20"),
        (take("short.extxyz", "--temperature", "1000"), DynamicsError, "outlast its equilibration"),
        (
            take("a.extxyz", "--temperature", "1000", "--mobile-ion", "Na"),
            UnusableTrajectoryError,
            "holds no Na",
        ),
    ):
        assert isinstance(refused.exception, kind), refused.output
        assert message in str(refused.exception)
    assert store.dynamics.count() == store.orderings.count() == store.potentials.count() == 0
    assert store.database["frames.files"].count_documents({}) == 0


def test_a_ramp_is_no_run_at_one_temperature(project_store: MTLStore) -> None:
    ramp = walk(1000.0)
    ramp = Trajectory(
        ramp.species,
        ramp.lattice_A,
        ramp.positions_A,
        ramp.timestep_fs,
        np.linspace(600.0, 1400.0, ramp.n_frames),
        ramp.energies_eV,
    )
    (subject,) = project_store.structures.subjects(["licl.r1"])
    assert parent_id(subject) == subject.crystal_id
    with pytest.raises(UnusableTrajectoryError, match="drifts from 800 to 1200 K"):
        Imported.of(
            ForeignTrajectory(ramp, "0" * 64, "XDATCAR"),
            "XDATCAR",
            subject,
            crystal("licl"),
            1000.0,
            ExternalPotential("PBE", "Li"),
        )
