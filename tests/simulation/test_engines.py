"""ASE calculators as engines: known by their weights, settings theirs to refuse."""

import sys
from itertools import repeat

import numpy as np
import pytest
from md_calculators import Einstein, antiperovskite
from toy_engines import Brittle

from mtl_flows.errors import CalculationError, ConfigurationError
from mtl_flows.simulation.calculators import CalculatorEngine
from mtl_flows.simulation.engines import chgnet, sevennet
from mtl_flows.simulation.registry import get_engine
from mtl_flows.simulation.weights import tensors_sha256


def calculator(path: str) -> CalculatorEngine:
    engine = get_engine(path)
    assert isinstance(engine, CalculatorEngine)
    return engine


def test_any_ase_calculator_is_an_engine_by_its_import_path() -> None:
    engine = calculator("ase.calculators.lj.LennardJones")
    assert engine.package == "ase"
    assert type(engine.build()).__name__ == "LennardJones"
    fingerprint = engine.fingerprint()
    assert fingerprint["weights_sha256"] == ""
    assert fingerprint["version"].count(".") >= 1
    assert fingerprint["energy_scale"] == "unknown"


@pytest.mark.parametrize("name", ["no_such_package.Calculator", "ase.calculators.lj.NoSuchClass"])
def test_what_cannot_be_imported_is_reported(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be imported"):
        calculator(name).build()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sevenn", None)
    monkeypatch.delitem(sys.modules, "mtl_flows.simulation.sevennet_calculators", raising=False)
    with pytest.raises(ConfigurationError, match="install sevenn"):
        sevennet.ENGINE.build()


@pytest.mark.parametrize(
    ("raised", "expected", "told"),
    [
        (OSError("no weights"), CalculationError, "weights cannot be had: OSError: no weights"),
        (ModuleNotFoundError("No module named 'x'"), ConfigurationError, "cannot be imported: No module"),
        (ConfigurationError("no licence"), ConfigurationError, "no licence"),
    ],
)
def test_a_calculator_that_cannot_be_built_says_whether_the_installation_is_to_blame(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, expected: type[Exception], told: str
) -> None:
    monkeypatch.setattr(Brittle, "raises", repeat(raised))
    with pytest.raises(expected, match=told):
        calculator("toy_engines.Brittle").build()
    assert calculator("toy_engines.Brittle").fingerprint(load=False)["weights_sha256"] is None


def test_settings_are_keyword_arguments_and_shape_the_key() -> None:
    plain = calculator("ase.calculators.lj.LennardJones")
    wide = plain.configured({"sigma": "1.8", "smooth": "true"}, n_threads=2)
    assert wide.build().parameters["sigma"] == 1.8
    assert wide.build().parameters["smooth"] is True
    assert plain.potential() == {"model": "", "keywords": {}}
    assert wide.potential() == {"model": "", "keywords": {"sigma": 1.8, "smooth": True}}
    assert wide.fingerprint()["parameters"] == {"sigma": 1.8, "smooth": True}
    assert wide.fingerprint()["threads"] == 2
    with pytest.raises(ConfigurationError, match="chgnet: has no setting NCORE"):
        chgnet.ENGINE.configured({"NCORE": "4"})


def test_a_potential_without_a_package_has_no_version() -> None:
    fingerprint = get_engine("md_calculators.Einstein").fingerprint()
    assert fingerprint["version"] == ""
    assert fingerprint["name"] == "md_calculators.Einstein"


def test_engines_state_their_energy_scale() -> None:
    assert chgnet.ENGINE.energy_scale != sevennet.ENGINE.energy_scale
    assert "corrected" in chgnet.ENGINE.energy_scale


def test_chgnet_for_dynamics_gives_the_energy_and_forces_of_chgnet() -> None:
    atoms = antiperovskite().to_ase_atoms()
    atoms.rattle(0.05, seed=1)
    atoms.calc = chgnet.ENGINE.build(for_md=False)
    energy, forces, stress = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
    atoms.calc = chgnet.ENGINE.build()
    assert atoms.get_potential_energy() == pytest.approx(energy, abs=1e-5)
    assert atoms.get_forces() == pytest.approx(forces, abs=1e-5)
    assert "stress" not in atoms.calc.implemented_properties
    assert np.abs(stress).max() > 0.0


def test_chgnet_is_known_by_its_weights(capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    fingerprint = chgnet.ENGINE.fingerprint()
    assert len(fingerprint["weights_sha256"]) == 64
    assert fingerprint["precision"] == "float32"
    assert fingerprint["threads"] == torch.get_num_threads() == 1
    assert capsys.readouterr().out == ""
    changed = chgnet.ENGINE.build()
    assert tensors_sha256(changed) == fingerprint["tensors_sha256"] != fingerprint["weights_sha256"]
    next(changed.model.parameters()).data += 1e-3
    assert tensors_sha256(changed) != fingerprint["tensors_sha256"]
    assert tensors_sha256(Einstein()) == ""
