"""`mtl fetch`: structures from elsewhere, as folders that `mtl ingest` reads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtl_flows.cli.console import err, out, progress
from mtl_flows.cli.filters import split
from mtl_flows.errors import ConfigurationError

if TYPE_CHECKING:
    from mtl_flows.sources.release_folder import ReleaseFolder

Output = Annotated[Path, typer.Option("--output", "-o", help="Folder to write, or to go on with.")]
Release = Annotated[str, typer.Option("--release", "-r", help="Name of the delivery, such as 'MP 2026-11'.")]
Interval = Annotated[float, typer.Option("--interval", min=0.0, help="Least seconds between two requests.")]

_SHOWN = 5


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Fetch structures from elsewhere into a folder that `mtl ingest` reads. The same command again goes on "
        "where it was, and does nothing when all is there.",
    )
    group.command(no_args_is_help=True)(optimade)
    group.command("materials-project", no_args_is_help=True)(materials_project)
    group.command(no_args_is_help=True)(cod)
    group.command(no_args_is_help=True)(icsd)
    app.add_typer(group, name="fetch")


def optimade(
    address: Annotated[
        str, typer.Argument(help="Base address of a provider, such as https://example.org/optimade.")
    ],
    chosen: Annotated[str, typer.Option("--filter", help="OPTIMADE filter, such as 'elements HAS \"Li\"'.")],
    release: Release,
    output: Output,
    source: Annotated[str, typer.Option(help="Name of the source, such as 'oqmd'.")],
    licence: Annotated[
        str, typer.Option(help="Licence of the structures, if the provider states none.")
    ] = "",
    page_limit: Annotated[int, typer.Option(min=1, help="Entries in one answer.")] = 100,
    interval_s: Interval = 0.5,
) -> None:
    """Fetch what a filter chooses from any provider of OPTIMADE; disorder is kept.

    Example: mtl fetch optimade https://example.org/optimade --filter 'elements HAS "Li"' --source example
    --release "example 2026-11" -o example
    """
    from mtl_flows.sources.optimade import fetch_optimade
    from mtl_flows.sources.service import Manners, Service

    with _shown() as reached, Service(source, Manners(interval_s=interval_s)) as service:
        made = fetch_optimade(
            service,
            address,
            chosen,
            output,
            source=source,
            release=release,
            licence=licence,
            page_limit=page_limit,
            progress=reached,
        )
    _told(made)


def materials_project(
    release: Release,
    output: Output,
    chemsys: Annotated[
        str, typer.Option(help="Chemical system, such as Li-P-S; * stands for any element.")
    ] = "",
    elements: Annotated[str, typer.Option(help="Elements that must be in it, with commas between.")] = "",
    ids: Annotated[str, typer.Option(help="Ids, with commas between, such as mp-696128.")] = "",
    stable: Annotated[bool, typer.Option("--stable", help="Only what is on the hull.")] = False,
) -> None:
    """Fetch relaxed cells from the Materials Project.

    The key is MP_API_KEY of the environment, or materials_project_api_key of mtl.yaml.
    """
    from mtl_flows.jobs.entry_providers import materials_project_access
    from mtl_flows.sources.materials_project import fetch_materials_project

    asked = {"chemsys": chemsys, "elements": split(elements), "material_ids": split(ids)}
    criteria: dict[str, object] = {
        name: list(v) if isinstance(v, tuple) else v for name, v in asked.items() if v
    }
    if not criteria:
        raise typer.BadParameter("name --chemsys, --elements or --ids")
    if stable:
        criteria["is_stable"] = True
    key, address = materials_project_access()
    _told(fetch_materials_project(key, criteria, output, release=release, address=address))


def cod(
    release: Release,
    output: Output,
    ids: Annotated[str, typer.Option(help="Numbers of seven digits, with commas between.")] = "",
    ids_file: Annotated[
        Path | None,
        typer.Option("--ids-file", exists=True, dir_okay=False, help="File with a number in each line."),
    ] = None,
    mirror: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Copy of the database on disk, as rsync makes it."),
    ] = None,
    interval_s: Interval = 1.0,
) -> None:
    """Fetch files of the Crystallography Open Database by their numbers."""
    from mtl_flows.sources.cod import ADDRESS, fetch_cod, from_mirror, from_web
    from mtl_flows.sources.service import Manners, Service

    numbers = [*split(ids), *(ids_file.read_text().split() if ids_file else ())]
    if not numbers:
        raise typer.BadParameter("name --ids or --ids-file")
    with _shown() as reached, Service("COD", Manners(interval_s=interval_s)) as service:
        read = from_mirror(mirror) if mirror else from_web(service)
        where = str(mirror) if mirror else ADDRESS
        made = fetch_cod(read, numbers, output, service=where, release=release, progress=reached)
    _told(made)


def icsd(
    query: Annotated[
        str, typer.Argument(help="Expert search, such as 'composition : Li AND numberofelements : 3'.")
    ],
    release: Release,
    output: Output,
    address: Annotated[
        str, typer.Option(help="Address of the web service.")
    ] = "https://icsd.fiz-karlsruhe.de/ws",
    interval_s: Interval = 1.0,
) -> None:
    """Fetch what a search in the ICSD finds, with a licence of yours.

    The login is MTL_ICSD_LOGIN and MTL_ICSD_PASSWORD of the environment, or icsd_login and icsd_password of mtl.yaml.
    Tried against a stand-in that speaks the service's protocol, not yet against the service.
    """
    from mtl_flows.settings import Settings
    from mtl_flows.sources.icsd import fetch_icsd
    from mtl_flows.sources.service import Manners, Service

    settings = Settings.load()
    if not settings.icsd_login or settings.icsd_password is None:
        raise ConfigurationError(
            "no login",
            subject="ICSD",
            remedy="set MTL_ICSD_LOGIN and MTL_ICSD_PASSWORD, or write them into mtl.yaml",
        )
    password = settings.icsd_password.get_secret_value()
    with _shown() as reached, Service("ICSD", Manners(interval_s=interval_s)) as service:
        made = fetch_icsd(
            service,
            settings.icsd_login,
            password,
            query,
            output,
            release=release,
            address=address,
            progress=reached,
        )
    _told(made)


@contextmanager
def _shown() -> "Iterator[Callable[[int, int | None], None]]":
    with progress("fetch", 100, percent=True) as reporter:

        def reached(done: int, of: int | None) -> None:
            reporter.reach(done / of if of else 0.0, f"{done} entries" + (f" of {of}" if of else ""))

        yield reached


def _told(made: "ReleaseFolder") -> None:
    for entry, reason in list(made.left_out.items())[:_SHOWN]:
        err.print(f"left out {entry}: {reason}")
    if len(made.left_out) > _SHOWN:
        err.print(f"and {len(made.left_out) - _SHOWN} more, see {made.folder / 'left_out.csv'}")
    out.print(f"{len(made)} structures, {len(made.left_out)} left out: {made.folder}")
