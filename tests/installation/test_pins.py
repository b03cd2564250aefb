"""What each extra asks for is pinned in its lane, by what its packages say of themselves: nothing is installed."""

import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
DEFAULT, MODERN = ("constraints.txt",), ("constraints-modern.txt",)
GPU = (*MODERN, "constraints-gpu.txt")
PYTHON = {DEFAULT: "3.11", MODERN: "3.12", GPU: "3.12"}
OF_GPUS = ("cuda-", "nvidia-", "triton")
"""What PyTorch's build for GPUs brings; the build decides its versions."""


def pinned(lane: tuple[str, ...]) -> dict[str, str]:
    """Versions by package."""
    lines = [line for name in lane for line in (ROOT / name).read_text().splitlines()]
    pins = asked([line for line in lines if not line.startswith("#")], lane)
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}


def asked(requirements: list[str], lane: tuple[str, ...], extra: str = "") -> Iterator[Requirement]:
    """Requirements that hold for the Python of a lane, on Linux."""
    here = default_environment() | {
        "python_version": PYTHON[lane],
        "python_full_version": f"{PYTHON[lane]}.9",
    }
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({**here, "extra": extra}):
            yield requirement


def of_extra(extra: str, lane: tuple[str, ...]) -> Iterator[Requirement]:
    """What an extra asks for, and those that it names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in asked([*project["dependencies"], *project["optional-dependencies"][extra]], lane):
        if requirement.name == project["name"]:
            for named in requirement.extras:
                yield from of_extra(named, lane)
        else:
            yield requirement


def complaints(requirement: Requirement, pins: dict[str, str]) -> Iterator[str]:
    version = pins.get(canonicalize_name(requirement.name))
    if version is None:
        yield f"{requirement} is not pinned"
    elif not requirement.specifier.contains(version, prereleases=True):
        yield f"{requirement} is pinned at {version}"


@pytest.mark.parametrize(
    ("extra", "lane"),
    [
        *((extra, DEFAULT) for extra in ("all", "dev")),
        *((extra, MODERN) for extra in ("topology-modern", "embedded", "optimade")),
        ("gpu", GPU),
    ],
)
def test_pins_of_a_lane_are_what_an_extra_asks_for(extra: str, lane: tuple[str, ...]) -> None:
    """And what asks for more, as far as the same version is installed here, has that pinned as well."""
    pins, seen, wrong = pinned(lane), set(), list[str]()
    waiting = list(of_extra(extra, lane))
    assert waiting
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if str(requirement) in seen or name.startswith(OF_GPUS):
            continue
        seen.add(str(requirement))
        wrong += complaints(requirement, pins)
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue
        if installed.version.partition("+")[0] == pins.get(name):
            for named in ("", *requirement.extras):
                waiting += asked(installed.requires or [], lane, named)
    assert wrong == []


def test_a_worker_with_a_gpu_has_dynamics_and_batches() -> None:
    named = {canonicalize_name(requirement.name) for requirement in of_extra("gpu", GPU)}
    assert named >= {"torch", "torch-sim-atomistic", "atomate2", "sevenn", "chgnet", "ase"}
    assert "giotto-tda" not in named
