"""The report: one page that holds a screening, opens without network, and asks for nothing."""

from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from mtl_flows import __version__
from mtl_flows.errors import ConfigurationError, unwritable
from mtl_flows.jobs.screening import screening_parameters
from mtl_flows.pages.libraries import Library, plotly_library
from mtl_flows.pages.materials import groups_of, material_records
from mtl_flows.pages.overview import (
    counts_of,
    figures_data,
    overview_data,
    ranking_data,
    table_data,
    table_rows,
)
from mtl_flows.pages.packing import compact, deflated, packed
from mtl_flows.plotting.structure import element_colours
from mtl_flows.schemas.base import utc_now
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.science.elements import covalent_radius_A
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore

SCRIPTS: Final = ("core", "charts", "viewer", "table", "overview", "material", "app")
"""Our own, after the one that knows where the data is."""

_BLOCK: Final = 20  # materials unpacked together


@dataclass(frozen=True, slots=True)
class Written:
    """One page: its screening, where it is, how many materials it holds and how large it is."""

    screening: str
    path: Path
    n_materials: int
    n_bytes: int


def write_report(
    store: MTLStore, output: Path, *, screenings: Sequence[str] = (), densities: int = 40
) -> list[Written]:
    """Write a page for each screening.

    Parameters
    ----------
    output
        A file that ends in ``.html`` for one screening; else a folder, which is made, with ``index.html`` for the first
        screening and a file for each of the others.
    screenings
        Names; if none is given, of a file the store's own, of a folder all, its own first.
    densities
        Of so many simulated materials, the best first, the density of the ions is drawn; frames are read for each.

    Raises
    ------
    ConfigurationError
        If the place cannot be written to, or a library that the page needs is not installed.
    NotFoundError
        If there is no such screening.
    """
    single = output.suffix.lower() in (".html", ".htm")
    names = list(screenings) or ([store.screening] if single else _all_of(store))
    if single and len(names) > 1:
        raise ConfigurationError(
            "a file holds one screening", subject=str(output), remedy="name a folder, or one --screening"
        )
    places = {name: output.name if single else _file_name(number, name) for number, name in enumerate(names)}
    folder = output.parent if single else output
    library = plotly_library()
    written = []
    for name, place in places.items():
        page, n_materials = report_page(store.under(name), name, places, library, densities=densities)
        content = page.encode()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / place).write_bytes(content)
        except OSError as error:
            raise unwritable(folder / place, error) from error
        written.append(Written(name, folder / place, n_materials, len(content)))
    return written


def report_page(
    store: MTLStore, name: str, siblings: Mapping[str, str], library: Library, *, densities: int = 40
) -> tuple[str, int]:
    """Return the page of one screening as HTML, and how many materials it holds.

    Parameters
    ----------
    siblings
        File of each screening that has a page beside this one, by name.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    parameters = screening_parameters(store, name)
    rows = table_rows(store)
    made_at = f"{utc_now():%Y-%m-%d %H:%M} UTC"
    script = scripts("embedded")
    environment = Environment(
        loader=PackageLoader("mtl_flows.pages"), autoescape=True, undefined=StrictUndefined
    )
    unique = [row for row in rows if row.is_representative]
    simulated = [row for row in rows if row.dynamics_status is not None]
    overview = {
        **table_data(rows),
        **overview_data(store, parameters, counts_of(rows)),
        **figures_data(store, parameters, simulated),
        **ranking_data(store, parameters, unique),
        "elements": elements_told({symbol for row in rows for symbol in row.elements}),
        "meta": meta_data(store, parameters, siblings, library, made_at)
        | {
            "block_size": _BLOCK,
            "command": f"mtl report -o {siblings[name]} --screening {name}",
            "asks": "It asks the network for nothing.",
        },
    }
    page = environment.get_template("report.html.j2").render(
        title=f"{name} · mtl_flows",
        version=__version__,
        made_at=made_at,
        style=asset("page.css"),
        script=script,
        script_hash=f"sha256-{b64encode(sha256(script.encode()).digest()).decode()}",
        overview=packed(overview),
        blocks=_blocks(store, parameters, rows, densities),
        libraries=[{"name": library.name, "version": library.version, "packed": deflated(library.script)}],
    )
    return page, len(rows)


def _blocks(
    store: MTLStore, parameters: ScreeningParameters, rows: Sequence[CandidateDocument], densities: int
) -> Iterator[str]:
    for block in batched(material_records(store, parameters, rows, groups_of(rows), densities), _BLOCK):
        yield packed(block)


def meta_data(
    store: MTLStore,
    parameters: ScreeningParameters,
    siblings: Mapping[str, str],
    library: Library,
    made_at: str,
) -> dict[str, Any]:
    """Gather what a page says of itself: whose it is, of when, by which parameters and potentials."""
    return {
        "screening": parameters.screening,
        "ion": parameters.mobile_ion,
        "store": store.database.name,
        "version": __version__,
        "made_at": made_at,
        "siblings": [[one, place] for one, place in siblings.items()],
        "parameters": compact(parameters.as_dict()),
        "potentials": [
            [potential.engine_name, potential.id, _software(potential.engine)]
            for potential in store.potentials.find()
        ],
        "libraries": [{"name": library.name, "version": library.version, "licence": library.licence}],
    }


def _software(engine: dict[str, Any]) -> str:
    return " ".join(str(engine[name]) for name in ("name", "model", "version") if engine.get(name))


def elements_told(symbols: Collection[str]) -> dict[str, list[Any]]:
    """Colour and covalent radius in Å of some elements."""
    colours = element_colours()
    return {symbol: [colours.get(symbol, "#999999"), covalent_radius_A(symbol)] for symbol in sorted(symbols)}


def scripts(source: str) -> str:
    """Our own script, with one of those that know where the data is."""
    return "\n".join(asset(f"{part}.js") for part in ("core", source, *SCRIPTS[1:]))


def asset(name: str) -> str:
    """Text of a file of ours."""
    return files("mtl_flows.pages").joinpath(f"assets/{name}").read_text(encoding="utf-8")


def _all_of(store: MTLStore) -> list[str]:
    first = store.screening
    return [first, *(name for name in store.screenings.names() if name != first)]


def _file_name(number: int, screening: str) -> str:
    """File of a screening in a folder: the first is what a browser opens there."""
    if number == 0:
        return "index.html"
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in screening)
    return f"{plain}-{sha256(screening.encode()).hexdigest()[:6]}.html"
