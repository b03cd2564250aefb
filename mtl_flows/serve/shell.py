"""The few files that a browser is given; no path leads to another."""

from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

from mtl_flows import __version__
from mtl_flows.pages.libraries import plotly_library
from mtl_flows.pages.page import asset, scripts


class PageFile(NamedTuple):
    """A file, and what it is."""

    content: bytes
    media_type: str


@cache
def files_of_pages() -> dict[str, PageFile]:
    """Return every file there is, by its name."""
    script = "text/javascript; charset=utf-8"
    return {
        "app.js": PageFile(scripts("live").encode(), script),
        "login.js": PageFile(asset("login.js").encode(), script),
        "page.css": PageFile(asset("page.css").encode(), "text/css; charset=utf-8"),
        "plotly.js": PageFile(plotly_library().script, script),
    }


def shell_page() -> str:
    """Return the page that asks for everything else."""
    return _rendered("live.html.j2")


def login_page(*, wrong: bool = False) -> str:
    """Return the page that asks for the token."""
    return _rendered("login.html.j2", wrong=wrong)


def reference_page(described: dict[str, Any]) -> str:
    """Return the API as a page to read."""
    return _rendered("api.html.j2", api=described)


def _rendered(name: str, **values: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mtl_flows.pages"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template(name).render(version=__version__, marks=_marks(), **values)


@cache
def _marks() -> dict[str, str]:
    """A mark of each file's content, so that a browser keeps it until it changes."""
    return {name: sha256(file.content).hexdigest()[:12] for name, file in files_of_pages().items()}
