"""Scripts of others that a page holds, read out of the wheels that are installed; none is kept here."""

from dataclasses import dataclass
from importlib import metadata
from importlib.resources import files

from mtl_flows.errors import ConfigurationError

_EXTRA = "install the extra 'report'"


@dataclass(frozen=True, slots=True)
class Library:
    """A script, where it comes from, and what its licence says."""

    name: str
    version: str
    licence: str
    script: bytes


def plotly_library() -> Library:
    """Return plotly.js as the plotly package brings it.

    Raises
    ------
    ConfigurationError
        If it is not installed, or brings no script.
    """
    try:
        script = files("plotly").joinpath("package_data/plotly.min.js").read_bytes()
        distribution = metadata.distribution("plotly")
    except (ModuleNotFoundError, FileNotFoundError, metadata.PackageNotFoundError) as error:
        raise ConfigurationError("plotly is not installed, which draws the charts", remedy=_EXTRA) from error
    licence = next(
        (
            text
            for file in distribution.files or ()
            if file.name.upper().startswith("LICEN") and "dist-info" in str(file)
            if (text := distribution.read_text(str(file).partition(".dist-info/")[2]))
        ),
        "MIT",
    )
    return Library("plotly.js", f"in plotly {distribution.version}", licence, script)
