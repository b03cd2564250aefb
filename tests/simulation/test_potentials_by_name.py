"""Potentials by name, model and device: those whose weights come in a wheel are loaded for real."""

import math
import sys
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.lj import LennardJones
from md_calculators import antiperovskite

from mtl_flows.errors import CalculationError, ConfigurationError
from mtl_flows.simulation.calculators import CalculatorEngine
from mtl_flows.simulation.devices import checked_device, device_here
from mtl_flows.simulation.force_fields import force_field_engine, force_field_names
from mtl_flows.simulation.registry import get_engine
from mtl_flows.simulation.soundness import try_potential


def engine(name: str) -> CalculatorEngine:
    found = get_engine(name)
    assert isinstance(found, CalculatorEngine)
    return found


@pytest.mark.parametrize(
    ("name", "potential", "scale"),
    [
        ("chgnet", {"model": "0.3.0", "keywords": {"on_isolated_atoms": "ignore"}}, "MP2020-corrected GGA"),
        ("chgnet:r2scan", {"model": "r2scan", "keywords": {"on_isolated_atoms": "ignore"}}, "unknown"),
        ("sevennet", {"model": "", "keywords": {"model": "7net-0"}}, "raw PBE"),
        *(
            pytest.param(
                f"sevennet:{model}", {"model": "", "keywords": more}, "raw PBE", marks=pytest.mark.potentials
            )
            for model, more in (
                ("7net-0", {"model": "7net-0"}),
                ("7net-mf-0", {"model": "7net-mf-0", "modal": "PBE"}),
                ("7net-l3i5", {"model": "7net-l3i5"}),
            )
        ),
    ],
)
def test_weights_of_wheels_are_loaded_and_sound(name: str, potential: dict[str, Any], scale: str) -> None:
    found = engine(name)
    assert (found.potential(), found.energy_scale) == (potential, scale)
    found = found.configured({}, device="cpu")
    sound = try_potential(found.build(for_md=False), antiperovskite())
    assert sound.objection == ""
    assert sound.force_eV_per_A == pytest.approx(sound.slope_eV_per_A, abs=0.02)
    assert sound.stress_agrees
    weights = found.fingerprint()["weights_sha256"]
    assert len(weights) == 64
    if name != "sevennet:7net-0":
        other = "chgnet" if name != "chgnet" else "chgnet:r2scan"
        assert weights != engine(other).configured({}, device="cpu").fingerprint()["weights_sha256"]


@pytest.mark.parametrize("spelling", ["MACE-MP-0", "mace_mp_0", "Mace-Mp-0"])
def test_a_force_field_of_atomate2_is_an_engine_however_it_is_spelled(spelling: str) -> None:
    found = engine(spelling)
    assert (found.name, found.package) == ("MACE-MP-0", "mace-torch")
    assert found.potential()["keywords"] == {"force_field_name": "MACE-MP-0", "model": "medium"}
    larger = found.configured({"model": "large", "dispersion": "true"}, device="cpu")
    assert larger.arguments_here == {
        "device": "cpu",
        "force_field_name": "MACE-MP-0",
        "model": "large",
        "dispersion": True,
    }


def test_every_force_field_of_the_registry_is_an_engine_and_says_what_it_lacks() -> None:
    """The loading code of atomate2 is run: what is not installed, or cannot be fetched, is named."""
    assert {"MACE-MP-0", "MatterSim", "UPET", "FAIRChem"} <= set(force_field_names())
    assert force_field_engine("CHGNet") is not None
    for name in force_field_names():
        if name in ("CHGNet", "SevenNet"):
            continue
        with pytest.raises((ConfigurationError, CalculationError), match=name):
            engine(name).build()


def test_atomate2_s_chgnet_is_the_same_potential() -> None:
    atoms = antiperovskite().to_ase_atoms()
    energies = []
    for name in ("chgnet", "CHGNet"):
        atoms.calc = engine(name).configured({}, device="cpu").build(for_md=False)
        energies.append(atoms.get_potential_energy())
    assert energies[0] == pytest.approx(energies[1], abs=1e-4)


def test_a_model_may_be_a_file(tmp_path: Any) -> None:
    import sevenn._const as known

    from mtl_flows.simulation import sevennet_calculators  # noqa: F401  (imports sevenn quietly)

    copy = tmp_path / "mine.pth"
    copy.symlink_to(known.SEVENNET_0_11Jul2024)
    mine = engine("sevennet").configured({"model": str(copy)}, device="cpu")
    assert mine.energy_scale == "unknown"
    assert (
        mine.fingerprint()["weights_sha256"]
        == engine("sevennet").configured({}, device="cpu").fingerprint()["weights_sha256"]
    )
    with pytest.raises(CalculationError, match="sevennet"):
        engine("sevennet:nothing-of-the-kind").configured({}, device="cpu").build()


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "", "cpu:0"])
def test_an_unknown_device_is_refused_where_it_is_asked_for(name: str) -> None:
    with pytest.raises(ConfigurationError, match="use auto, cpu, cuda"):
        checked_device(name)
    with pytest.raises(ConfigurationError):
        engine("chgnet").configured({}, device=name)


def test_a_device_that_is_not_here_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert (device_here("auto"), device_here("cpu")) == ("cpu", "cpu")
    with pytest.raises(ConfigurationError, match="no GPU that PyTorch can use"):
        device_here("cuda:1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert (device_here("auto"), device_here("cuda:1")) == ("cuda", "cuda:1")
    with pytest.raises(ConfigurationError, match="2 GPUs"):
        device_here("cuda:2")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert device_here("auto") == "cpu"


def test_a_device_is_no_part_of_a_potential() -> None:
    plain = engine("sevennet")
    there = plain.configured({}, device="cuda:1")
    assert there.potential() == plain.potential()
    assert (plain.needs, there.needs, get_engine("vasp").needs) == ("", "gpu", "vasp")
    assert there.fingerprint(load=False)["device"] == "cuda:1"


class Drifting(LennardJones):  # type: ignore[misc]
    """Forces that are half the slope of the energy, as of a model that predicts them apart."""

    def calculate(self, atoms: Atoms | None = None, *args: Any, **kwargs: Any) -> None:
        super().calculate(atoms, *args, **kwargs)
        self.results["forces"] *= 0.5


class Upside(LennardJones):  # type: ignore[misc]
    """Stress of the other sign."""

    def calculate(self, atoms: Atoms | None = None, *args: Any, **kwargs: Any) -> None:
        super().calculate(atoms, *args, **kwargs)
        self.results["stress"] = -self.results["stress"]


class Broken(LennardJones):  # type: ignore[misc]
    """No numbers."""

    def calculate(self, atoms: Atoms | None = None, *args: Any, **kwargs: Any) -> None:
        super().calculate(atoms, *args, **kwargs)
        self.results["energy"] = math.nan


class Narrow(LennardJones):  # type: ignore[misc]
    """Knows no element of the cell."""

    def calculate(self, *args: Any, **kwargs: Any) -> None:
        raise KeyError("Li")


@pytest.mark.parametrize(
    ("calculator", "objection"),
    [
        (LennardJones, ""),
        (Drifting, "forces are not the slope"),
        (Upside, "the stress has the wrong sign"),
        (Broken, "no numbers"),
        (Narrow, "KeyError: 'Li'"),
    ],
)
def test_a_potential_is_held_against_its_own_energy(calculator: type[Calculator], objection: str) -> None:
    told = try_potential(calculator(sigma=2.2, epsilon=0.5, rc=7.0), antiperovskite())
    assert objection in told.objection
    assert bool(objection) == bool(told.objection)
    assert np.isfinite(told.force_eV_per_A)


@pytest.mark.potentials
def test_a_large_cell_does_not_make_a_potential_unsound() -> None:
    """The force of all atoms together is large, and a few of them bear most of it."""
    large = antiperovskite().make_supercell((3, 3, 3), in_place=False)
    told = try_potential(engine("chgnet").configured({}, device="cpu").build(for_md=False), large)
    assert told.objection == ""
    assert told.slope_eV_per_A == pytest.approx(told.force_eV_per_A, rel=0.01)
