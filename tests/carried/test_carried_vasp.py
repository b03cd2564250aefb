"""VASP carried to a node: each calculation in a folder of its own, all that it gives brought back."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from samples import crystal

from mtl_flows.carried.desk import DONE
from mtl_flows.carried.engine import CarriedEngine
from mtl_flows.carried.engine_calls import EngineChoice
from mtl_flows.carried.node import compute
from mtl_flows.carried.question import CalculatedElsewhere
from mtl_flows.carried.root import CarrierRoot
from mtl_flows.simulation.engine import Engine, RelaxationGoal
from mtl_flows.simulation.frames import BlockFrameSink, FrameBlock
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.state import MDState

pytestmark = [
    pytest.mark.filterwarnings("ignore::pymatgen.io.vasp.outputs.UnconvergedVASPWarning"),
    pytest.mark.filterwarnings("ignore:No POTCAR file"),
    pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING"),
]

CHOICE = EngineChoice("vasp", {"potcar_spec": True, "polling_s": 0.02})
STAGE = MDParameters(temperature_K=(900.0,), n_steps=40, frame_interval=5)
START = MDState.from_structure(crystal("licl"), STAGE)


Given = tuple[float, float, np.ndarray]


def asked(engine: Engine, apart: Callable[[], None] = lambda: None) -> Given:
    """Energies, relaxed and as it is, and positions of two chunks, each after going to a folder apart."""
    apart()
    relaxed = engine.relax(crystal("licl"), RelaxationGoal())
    while not relaxed.complete:
        apart()
        relaxed = engine.relax(crystal("licl"), RelaxationGoal(), relaxed)
    apart()
    as_it_is = engine.relax(crystal("licl"), RelaxationGoal(max_steps=0, relax_cell=False))
    blocks: list[FrameBlock] = []
    sink, state = BlockFrameSink(blocks.append), START
    while state.step < STAGE.n_steps:
        apart()
        state = engine.run_chunk(state, STAGE, sink, max_steps=20).state
    return relaxed.energy_eV, as_it_is.energy_eV, np.concatenate([block.positions_A for block in blocks])


def answered(engine: CarriedEngine) -> Given | CalculatedElsewhere:
    try:
        return asked(engine)
    except CalculatedElsewhere as away:
        return away


def test_vasp_is_carried_as_any_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("vasp_std", "vasp_gam"):
        (programs / name).symlink_to(Path(__file__).parents[1] / "fake_vasp.py")
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    root = CarrierRoot(tmp_path / "carried")
    carried = CarriedEngine(CHOICE, root, until_step=STAGE.n_steps)
    carried_away = 0
    while isinstance(found := answered(carried), CalculatedElsewhere):
        assert compute(root.place(found.question), lambda told: None) == DONE
        carried_away += 1
    assert carried_away == 4  # the relaxation, its energy, the energy as it is, both chunks

    numbers = count()

    def apart() -> None:
        folder = tmp_path / f"here{next(numbers)}"
        folder.mkdir()
        monkeypatch.chdir(folder)

    relaxed_eV, as_it_is_eV, positions = asked(CHOICE.engine(), apart)
    assert found[:2] == (relaxed_eV, as_it_is_eV)
    assert np.array_equal(found[2], positions)
