"""The `mtl` command: assembles the commands, turns errors into messages and exit codes.

Heavy libraries are imported inside the commands that need them, so that help and tables come at once.
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Annotated

import typer

from mtl_flows import __version__, cli
from mtl_flows.cli.console import complain, err
from mtl_flows.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    InputError,
    MTLError,
    NotFoundError,
)
from mtl_flows.extras import explained

EXIT_CODES: dict[type[MTLError], int] = {
    InputError: 1,
    DatabaseUnavailableError: 3,
    ConfigurationError: 4,
    NotFoundError: 5,
    MTLError: 6,
}

_ORDER = (
    *(
        "run",
        "describe",
        "md",
        "ingest",
        "rejection",
        "label",
        "screen",
        "screening",
        "cluster",
        "launch",
        "job",
    ),
    *("campaign", "density", "trajectory", "transport", "release", "stability", "verdict", "explain"),
    *("report", "serve", "plot", "query", "whatif", "database", "backup", "doctor", "benchmark"),
)
"""Modules whose commands come first in the help, in this order."""

_WITHOUT_PROJECT = frozenset({"describe", "examples", "init", "md", "work"})
"""Commands that do without a project, or begin one."""

app = typer.Typer(
    name="mtl",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit codes: 0 all well, 1 input was refused (by ingest and run: all of it), 2 wrong usage, 3 no database, "
        "4 wrong configuration, 5 not found, 6 another error, 130 interrupted."
    ),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    project: Annotated[
        Path | None,
        typer.Option("-C", "--project", help="Work in this folder (its mtl.yaml and .mtl are used)."),
    ] = None,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show the Python traceback of an error.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Find superionic conductors by multiscale topological learning.

    Start with `mtl describe FILE.cif` (no database needed) or `mtl run FOLDER` (everything, on an embedded
    MongoDB). Set MTL_MONGO_URI to use a server of yours.
    """
    context.obj = project
    if project is not None:
        if not project.is_dir():
            raise ConfigurationError("no such folder", subject=str(project), remedy="create it first")
        os.chdir(project)
    if traceback:
        os.environ["MTL_TRACEBACK"] = "1"
    if project is None and context.invoked_subcommand not in _WITHOUT_PROJECT:
        from mtl_flows.settings import find_project_folder

        found = find_project_folder()
        if found != Path.cwd():
            err.print(f"project: {found}", soft_wrap=True)


def _register_commands() -> None:
    """Add the commands of every module here that has a `register`, in the order of `_ORDER`, others after these."""
    names = {module.name for module in iter_modules(cli.__path__)} - {"app"}
    for name in (*_ORDER, *sorted(names - set(_ORDER))):
        register = getattr(import_module(f"{cli.__name__}.{name}"), "register", None)
        if register is not None:
            register(app)


_register_commands()


def exit_code(error: MTLError) -> int:
    """Exit code of an error: that of the nearest class of its family."""
    return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))


def main() -> None:
    """Entry point: run a command, report errors in one line; a reader that has seen enough is no error."""
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as end:
        if not isinstance(end if isinstance(end, BrokenPipeError) else end.__context__, BrokenPipeError):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as raised:
        error = _told(raised)
        if os.environ.get("MTL_TRACEBACK") or not isinstance(error, MTLError):
            raise
        complain("error", f"({error.reason}) {error}")
        sys.exit(exit_code(error))


def _told(raised: Exception) -> Exception:
    """Error of ours that says what one of a library's means; any other as it is."""
    if isinstance(raised, ModuleNotFoundError):
        return explained(raised)
    if type(raised).__module__ == "pymongo.errors":
        from mtl_flows.store.connection import told_by_server

        return told_by_server(raised)  # type: ignore[arg-type]
    return raised
