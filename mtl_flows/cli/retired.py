"""Commands under the names they had in the release before: hidden, and they say what they are called now."""

from collections.abc import Callable
from functools import wraps

import typer

from mtl_flows.cli.console import err


def retired_command(app: typer.Typer, old: str, new: str, command: Callable[..., None]) -> None:
    """Keep a command under its old name for one release; `new` is what follows ``mtl``."""

    @wraps(command)
    def told(*arguments: object, **options: object) -> None:
        _tell(old, new)
        command(*arguments, **options)

    app.command(old, hidden=True)(told)


def retired_group(app: typer.Typer, old: str, new: str, group: typer.Typer) -> None:
    """Keep a group of commands under its old name for one release."""
    app.add_typer(group, name=old, hidden=True, callback=lambda: _tell(old, new))


def _tell(old: str, new: str) -> None:
    err.print(f"`mtl {old}` is called `mtl {new}` now; the next release knows the new name alone")
