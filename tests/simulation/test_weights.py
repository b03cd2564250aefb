"""Digests of weights: of the checkpoint, whatever it is cast to; and those that version 1 recorded."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from md_calculators import Einstein
from toy_weights import CHECKPOINT, Weighted, write_checkpoint

from mtl_flows.simulation.calculators import KNOWN_WEIGHTS
from mtl_flows.simulation.registry import get_engine
from mtl_flows.simulation.weights import Weights, tensors_sha256, watched_checkpoints

NEW_RECIPE = "d193eb3b10577553791423701c48fbf2807e90e098c8157fb958175de861714f"
OLD_RECIPE = "d0f0ae7d9b454355c3cddb86f965d955662d30a0c057957d3a71ef6719e30722"


@pytest.fixture(autouse=True)
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint, and nothing loaded before."""
    path = write_checkpoint(tmp_path / "weights.pt")
    monkeypatch.setenv(CHECKPOINT, str(path))
    KNOWN_WEIGHTS.clear()
    return path


def digests(**keywords: str) -> Weights:
    with watched_checkpoints() as read:
        calculator = Weighted(**keywords)
    return read.weights_of(calculator)


def test_the_hash_of_weights_is_that_of_the_checkpoint_whatever_it_is_cast_to(checkpoint: Path) -> None:
    double, single = digests(), digests(dtype="float32")
    assert double.checkpoint_sha256 == single.checkpoint_sha256
    assert double.tensors_sha256 != single.tensors_sha256
    write_checkpoint(checkpoint, shift=1e-6)
    assert digests().checkpoint_sha256 != double.checkpoint_sha256


def test_both_recipes_stay_what_they_are() -> None:
    """The old one recognises the potentials of stores of version 1."""
    assert digests() == Weights(NEW_RECIPE, OLD_RECIPE)
    assert tensors_sha256(Weighted()) == OLD_RECIPE


def test_a_library_that_imported_the_loader_by_name_is_watched_as_well(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As SevenNet does: the second model of a process, or one that was built before, has the same hash."""
    library = ModuleType("library")
    exec("from torch import load as torch_load", vars(library))
    monkeypatch.setitem(sys.modules, "library", library)
    for _ in range(2):
        with watched_checkpoints() as read:
            library.torch_load(checkpoint)
        assert read.weights_of(Weighted()).checkpoint_sha256 == NEW_RECIPE
    assert library.torch_load is torch.load


def test_a_model_without_a_checkpoint_is_known_by_its_tensors() -> None:
    built = Weighted()
    with watched_checkpoints() as read:
        pass
    assert read.weights_of(built) == Weights(tensors_sha256(built), tensors_sha256(built))
    assert read.weights_of(Einstein()) == Weights("", "")


def test_precision_and_device_are_provenance_and_other_keywords_are_not() -> None:
    engine = get_engine("toy_weights.Weighted")
    single = engine.configured({"dtype": "float32"}, n_threads=2)
    assert single.potential() == engine.potential()
    assert engine.configured({"flavour": "spicy"}).potential() != engine.potential()
    assert single.fingerprint()["weights_sha256"] == engine.fingerprint()["weights_sha256"]
