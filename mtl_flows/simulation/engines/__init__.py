"""One module for each engine: its file name is the engine's name, its ``ENGINE`` the engine.

A module here imports nothing heavy; packages and programs are loaded where they are used.
"""

from pkgutil import iter_modules


def engine_names() -> tuple[str, ...]:
    """Names of the engines that come with the package."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))
