import sys
from itertools import repeat

import numpy as np
import pytest
from md_calculators import Einstein, antiperovskite
from toy_engines import Brittle

from mtl_flows.errors import CalculationError, ConfigurationError
from mtl_flows.simulation.engines import ENGINES, engine_fingerprint, get_engine, weights_sha256


def test_any_ase_calculator_is_an_engine_by_its_import_path() -> None:
    engine = get_engine("ase.calculators.lj.LennardJones")
    assert engine.package == "ase"
    assert type(engine.build()).__name__ == "LennardJones"
    fingerprint = engine_fingerprint("ase.calculators.lj.LennardJones")
    assert fingerprint["weights_sha256"] == ""
    assert fingerprint["version"].count(".") >= 1
    assert fingerprint["energy_scale"] == "unknown"


@pytest.mark.parametrize("name", ["chgnt", "", ".", "module."])
def test_an_unknown_name_says_which_are_known(name: str) -> None:
    with pytest.raises(ConfigurationError, match="chgnet, sevennet"):
        get_engine(name)


@pytest.mark.parametrize("name", ["no_such_package.Calculator", "ase.calculators.lj.NoSuchClass"])
def test_what_cannot_be_imported_is_reported(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be imported"):
        get_engine(name).build()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sevenn", None)
    with pytest.raises(ConfigurationError, match="install sevenn"):
        get_engine("sevennet").build()


@pytest.mark.parametrize(
    ("raised", "expected", "told"),
    [
        (OSError("no weights"), CalculationError, "engine_error: OSError: no weights"),
        (ModuleNotFoundError("No module named 'x'"), ConfigurationError, "cannot be imported: No module"),
        (ConfigurationError("no licence"), ConfigurationError, "no licence"),
    ],
)
def test_a_calculator_that_cannot_be_built_says_whether_the_installation_is_to_blame(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, expected: type[Exception], told: str
) -> None:
    monkeypatch.setattr(Brittle, "raises", repeat(raised))
    with pytest.raises(expected, match=told):
        get_engine("toy_engines.Brittle").build()
    assert engine_fingerprint("toy_engines.Brittle", load=False)["weights_sha256"] is None


def test_a_potential_without_a_package_has_no_version() -> None:
    fingerprint = engine_fingerprint("md_calculators.Einstein")
    assert fingerprint["version"] == ""
    assert fingerprint["name"] == "md_calculators.Einstein"


def test_engines_state_their_energy_scale() -> None:
    assert ENGINES["chgnet"].energy_scale != ENGINES["sevennet"].energy_scale
    assert "corrected" in ENGINES["chgnet"].energy_scale


def test_chgnet_for_dynamics_gives_the_energy_and_forces_of_chgnet() -> None:
    atoms = antiperovskite().to_ase_atoms()
    atoms.rattle(0.05, seed=1)
    atoms.calc = get_engine("chgnet").build(for_md=False)
    energy, forces, stress = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
    atoms.calc = get_engine("chgnet").build()
    assert atoms.get_potential_energy() == pytest.approx(energy, abs=1e-5)
    assert atoms.get_forces() == pytest.approx(forces, abs=1e-5)
    assert "stress" not in atoms.calc.implemented_properties
    assert np.abs(stress).max() > 0.0


def test_chgnet_is_known_by_its_weights(capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    fingerprint = engine_fingerprint("chgnet")
    assert len(fingerprint["weights_sha256"]) == 64
    assert fingerprint["precision"] == "float32"
    assert fingerprint["threads"] == torch.get_num_threads() == 1
    assert capsys.readouterr().out == ""
    changed = get_engine("chgnet").build()
    assert weights_sha256(changed) == fingerprint["weights_sha256"]
    next(changed.model.parameters()).data += 1e-3
    assert weights_sha256(changed) != fingerprint["weights_sha256"]
    assert weights_sha256(Einstein()) == ""
