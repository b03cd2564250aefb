"""CHGNet: what the package's own calculator says, and the whole chain on it for as long as a test may take."""

import json
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from chgnet.graph import CrystalGraphConverter
from chgnet.graph.crystalgraph import CrystalGraph
from chgnet.model.dynamics import CHGNetCalculator
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from samples import crystal
from sinks import MemoryFrameSink

from mtl_flows.errors import ConfigurationError
from mtl_flows.science.dynamics import DiffusionParameters, DiffusionStatus, analyse_diffusion
from mtl_flows.simulation.chgnet_calculators import CHGNetForRelaxation
from mtl_flows.simulation.chgnet_graph import crystal_graph
from mtl_flows.simulation.chunk import run_chunk
from mtl_flows.simulation.engine import ChunkStatus
from mtl_flows.simulation.engines.chgnet import ENGINE
from mtl_flows.simulation.frames import assemble_trajectory
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.state import MDState

pytestmark = pytest.mark.md


def lithium_nitride() -> Structure:
    """α-Li3N (Rabenau and Schulz 1976, doi:10.1016/0022-5088(76)90263-0)."""
    return Structure(
        Lattice.hexagonal(3.648, 3.875),
        ["N", "Li", "Li", "Li"],
        [[0, 0, 0], [0, 0, 0.5], [1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0]],
    )


def rattled(structure: Structure) -> Atoms:
    """Without symmetry, and with an atom that has walked out of the cell."""
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    rng = np.random.default_rng(5)
    atoms.positions += 0.1 * rng.standard_normal(atoms.positions.shape)
    atoms.positions[0] += 2 * atoms.cell[0] - atoms.cell[2]
    return atoms


def slab(structure: Structure) -> Structure:
    """The same, repeated along two axes only."""
    return Structure(
        Lattice(structure.lattice.matrix, pbc=(True, True, False)), structure.species, structure.frac_coords
    )


CELLS = [
    pytest.param(lithium_nitride(), id="few atoms, many images"),
    pytest.param(lithium_nitride() * (2, 2, 1), id="hexagonal"),
    pytest.param(crystal("li7p3s11"), id="triclinic"),
    pytest.param(slab(lithium_nitride() * (2, 2, 1)), id="periodic along two axes"),
]


def bonds_and_angles(graph: CrystalGraph) -> tuple[set[Any], set[Any]]:
    """Bonds by their ends, and angles by their bonds, in whatever order."""
    ends = np.column_stack([graph.atom_graph.numpy(), graph.neighbor_image.numpy()]).astype(int).tolist()
    bonds = [tuple(bond) for bond in ends]
    both_ways = graph.directed2undirected.tolist()
    assert [both_ways[bond] for bond in graph.undirected2directed.tolist()] == list(range(len(bonds) // 2))
    angles = {(at, bonds[one], bonds[other]) for at, _, one, _, other in graph.bond_graph.tolist()}
    assert len(angles) == len(graph.bond_graph)
    for at, first, one, second, other in graph.bond_graph.tolist():
        assert (first, second) == (both_ways[one], both_ways[other])
        assert at == bonds[one][0] == bonds[other][0]
    return set(bonds), angles


@pytest.mark.parametrize("structure", CELLS)
def test_the_graph_is_that_of_the_package(structure: Structure) -> None:
    atoms = rattled(structure)
    atoms.wrap()
    converter = CrystalGraphConverter(atom_graph_cutoff=6.0, bond_graph_cutoff=3.0)
    of_package = converter(AseAtomsAdaptor.get_structure(atoms))
    ours = crystal_graph(atoms, 6.0, 3.0)
    assert bonds_and_angles(ours) == bonds_and_angles(of_package)
    for name in ("atomic_number", "atom_frac_coord", "lattice"):
        assert np.allclose(getattr(ours, name).detach(), getattr(of_package, name).detach(), atol=1e-6)


@pytest.mark.filterwarnings("ignore:Converting a tensor")  # by the package
@pytest.mark.parametrize("structure", CELLS)
def test_energy_forces_and_stress_are_those_of_the_package(structure: Structure) -> None:
    atoms = rattled(structure)
    stock, ours = atoms.copy(), atoms
    stock.calc = CHGNetCalculator(use_device="cpu", on_isolated_atoms="ignore")
    ours.calc = ENGINE.build(for_md=False)
    assert ours.get_potential_energy() == pytest.approx(
        float(stock.get_potential_energy()), abs=1e-5 * len(atoms)
    )
    assert np.allclose(
        ours.get_forces(), stock.get_forces(), atol=2e-4
    )  # single precision blurs the one far away
    assert np.allclose(ours.get_stress(), stock.get_stress(), atol=1e-6)
    before = ours.get_potential_energy(), ours.get_forces()
    ours.calc = ENGINE.build()
    assert (ours.get_potential_energy(), ours.get_forces().tolist()) == (before[0], before[1].tolist())


def test_the_order_of_the_axes_is_of_no_account() -> None:
    """A left-handed cell holds the same crystal; the package's own calculator turns the sign of its stress."""
    atoms = rattled(lithium_nitride() * (2, 2, 1))
    left_handed = atoms.copy()
    left_handed.set_cell(atoms.cell[[1, 0, 2]])
    assert np.linalg.det(left_handed.cell[:]) < 0 < np.linalg.det(atoms.cell[:])
    for one in (atoms, left_handed):
        one.calc = ENGINE.build(for_md=False)
    assert left_handed.get_potential_energy() == pytest.approx(atoms.get_potential_energy(), abs=1e-4)
    assert np.allclose(left_handed.get_forces(), atoms.get_forces(), atol=2e-4)
    stress = atoms.get_stress()
    assert np.allclose(left_handed.get_stress(), stress, atol=1e-6)
    assert np.abs(stress).max() > 1e-3


@pytest.mark.parametrize(
    ("setting", "error"),
    [({"on_isolated_atoms": "error"}, ConfigurationError), ({"stress_weight": 1.0}, TypeError)],
)
def test_what_would_be_ignored_is_refused(setting: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=r"isolated atoms|stress_weight"):
        CHGNetForRelaxation(**setting)


def test_atoms_that_nobody_reaches_have_an_energy() -> None:
    alone = Atoms("LiF", positions=[[0.0, 0.0, 0.0], [20.0, 0.0, 0.0]], cell=[40.0] * 3, pbc=True)
    alone.calc = ENGINE.build()
    assert np.isfinite(alone.get_potential_energy())
    assert np.array_equal(alone.get_forces(), np.zeros((2, 3)))


@pytest.mark.potentials
def test_hot_lithium_nitride_stays_itself_and_its_lithium_moves_more_when_hotter() -> None:
    calculator = ENGINE.build()
    amplitudes = []
    for temperature_K in (400.0, 1200.0):
        parameters = MDParameters(
            temperature_K=temperature_K, n_steps=150, frame_interval=3, taut_fs=20.0, seed=1
        )
        state = MDState.from_structure(lithium_nitride() * (2, 2, 1), parameters)
        sink = MemoryFrameSink()
        while state.step < parameters.n_steps:
            result = run_chunk(state, parameters, calculator, sink, max_steps=70)
            assert result.status is ChunkStatus.COMPLETED
            state = MDState.from_dict(json.loads(json.dumps(result.state.as_dict())))
        trajectory = assemble_trajectory(
            sink.blocks, species=state.species, lattice_A=state.cell_A, timestep_fs=2.0
        )
        assert trajectory.n_frames == 51
        settled = trajectory.temperatures_K[20:]
        assert settled.mean() == pytest.approx(temperature_K, rel=0.25)
        assert abs(result.conserved_drift_meV_per_atom_ps) < 20.0
        lithium = np.asarray(trajectory.positions_A[20:, trajectory.mask("Li")], dtype=float)
        amplitudes.append(float(lithium.var(axis=0).sum(axis=1).mean()))
        distances = state.to_structure().distance_matrix[~trajectory.mask("Li")][:, trajectory.mask("Li")]
        assert 1.6 < distances.min() < 2.1
        short = analyse_diffusion(trajectory, "Li", temperature_K, DiffusionParameters(discard_ps=0.1))
        assert short.status is DiffusionStatus.UNCONVERGED
        assert short.framework_msd_A2 < 0.5
    assert amplitudes[1] > 1.5 * amplitudes[0]


def test_chgnet_runs_repeat_bit_for_bit_across_a_cut() -> None:
    parameters = MDParameters(n_steps=12, frame_interval=4, seed=2)
    start = MDState.from_structure(lithium_nitride() * (2, 1, 1), parameters)
    whole = run_chunk(start, parameters, ENGINE.build(), MemoryFrameSink(), max_steps=12).state
    half = run_chunk(start, parameters, ENGINE.build(), MemoryFrameSink(), max_steps=5).state
    rest = run_chunk(half, parameters, ENGINE.build(), MemoryFrameSink(), max_steps=7).state
    assert np.array_equal(rest.positions_A, whole.positions_A)
    assert np.array_equal(rest.momenta, whole.momenta)
