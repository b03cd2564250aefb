"""The parts of an installation that are optional, and the packages by which each is known to be there."""

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType

from mtl_flows.errors import MissingExtraError, MTLError

EXTRAS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "topology": ("gph", "numba", "sklearn"),
        "dynamics": (
            *("ase", "atomate2", "chgnet", "custodian", "emmet", "pymatgen.analysis.diffusion"),
            *("sevenn", "torch"),
        ),
        "gpu": ("torch_sim",),
        "embedded": ("fiftyone",),
        "report": ("jinja2", "matplotlib", "plotly"),
        "serve": ("fastapi", "uvicorn"),
        "optimade": ("optimade", "lark"),
        "zstd": ("zstandard",),
    }
)
"""Packages as they are imported, by the extra that brings them."""
_OLDEST_PYTHON: Mapping[str, tuple[int, int]] = MappingProxyType({"gpu": (3, 12)})


def require(*extras: str) -> None:
    """Make sure that extras are installed.

    Raises
    ------
    MissingExtraError
        If one is not.
    """
    for extra in extras:
        lacking = lacking_of(extra)
        if lacking and sys.version_info < (oldest := _OLDEST_PYTHON.get(extra, (0,))):
            raise MissingExtraError(
                f"{', '.join(lacking)} does not exist for this Python",
                subject=f"extra '{extra}'",
                remedy=f"install mtl-flows[{extra}] with Python {'.'.join(map(str, oldest))} and "
                "constraints-modern.txt and constraints-gpu.txt, in an environment of its own",
            )
        if lacking:
            raise MissingExtraError.of(extra, lacking)


def lacking_of(extra: str) -> list[str]:
    """Packages of an extra that are not installed."""
    return [package for package in EXTRAS[extra] if find_spec(package) is None]


def explained(error: ModuleNotFoundError) -> MTLError | ModuleNotFoundError:
    """Return the error that says which extra to install, or the error itself if no extra brings the package."""
    missing = f"{error.name}."
    for extra, packages in EXTRAS.items():
        for package in packages:
            if missing.startswith(f"{package}."):
                return MissingExtraError.of(extra, [package])
    return error
