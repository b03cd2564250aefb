"""A potential is tried once, where it first relaxes; workers run it where they are told to."""

from dataclasses import replace

import pytest
from samples import crystal_document
from toy_engines import Drifting, dynamics

from mtl_flows.errors import UnsoundPotentialError
from mtl_flows.jobs.context import engine_here
from mtl_flows.jobs.potentials import identify, require_sound
from mtl_flows.simulation.calculators import CalculatorEngine
from mtl_flows.simulation.soundness import SOUNDNESS_VERSION
from mtl_flows.store.database import MTLStore

CELL = crystal_document("licl").to_structure()


def test_what_does_not_conserve_energy_is_refused_unless_asked_for(
    store: MTLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    p = dynamics("Drifting")
    identify(store, p)
    with pytest.raises(UnsoundPotentialError, match="forces are not the slope"):
        require_sound(store, p, CELL)
    (known,) = store.potentials.find({"_id": p.potential_id})
    assert known.soundness is not None
    assert known.soundness["conservative"] is False

    def tried(*args: object, **kwargs: object) -> None:
        raise AssertionError("tried again")

    monkeypatch.setattr(Drifting, "calculate", tried)
    with pytest.raises(UnsoundPotentialError):
        require_sound(store, p, CELL)
    require_sound(store, dynamics("Drifting", allow_unsound=True), CELL)


def test_a_sound_one_is_noted_and_passes(store: MTLStore) -> None:
    p = replace(
        dynamics(), engine="ase.calculators.lj.LennardJones", engine_settings={"sigma": 2.0, "rc": 7.0}
    )
    identify(store, p)
    require_sound(store, p, CELL)
    (known,) = store.potentials.find({"_id": p.potential_id})
    assert (known.soundness or {})["conservative"] is True


def test_what_an_older_version_of_the_check_found_is_found_anew(store: MTLStore) -> None:
    p = dynamics("Drifting")
    identify(store, p)
    with pytest.raises(UnsoundPotentialError):
        require_sound(store, p, CELL)
    potentials = store.potentials.find({"_id": p.potential_id})
    assert [known.soundness_version for known in potentials] == [SOUNDNESS_VERSION]
    # A check that was more lenient once: what it found is no longer believed.
    lenient = {"soundness.conservative": True, "soundness_version": SOUNDNESS_VERSION - 1}
    store.potentials.writable.update_one({"_id": p.potential_id}, {"$set": lenient})
    with pytest.raises(UnsoundPotentialError):
        require_sound(store, p, CELL)
    (again,) = store.potentials.find({"_id": p.potential_id})
    assert (again.soundness or {})["conservative"] is False
    assert again.soundness_version == SOUNDNESS_VERSION


def test_a_worker_says_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = replace(dynamics(), engine="chgnet", device="cuda:3")
    for said, runs_on in (("", "cuda:3"), ("cpu", "cpu")):
        monkeypatch.setenv("MTL_DEVICE", said)
        engine = engine_here(asked)
        assert isinstance(engine, CalculatorEngine)
        assert engine.device == runs_on
