"""What the figures share: colours that the colour-blind tell apart, and axes without clutter."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
GREEN: Final = "#009e73"
PURPLE: Final = "#cc79a7"
SKY: Final = "#56b4e9"
YELLOW: Final = "#e69f00"
GREY: Final = "#888888"
PALE: Final = "#d9d9d9"
SERIES: Final = (BLUE, ORANGE, GREEN, PURPLE, YELLOW, SKY)
"""Of Okabe and Ito (https://jfly.uni-koeln.de/color/); one for each of several series, in this order."""


def new_figure(width: float = 6.5, height: float = 4.5) -> "tuple[Figure, Axes]":
    """Return a figure that is attached to no window, sizes in inches, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, clean(figure.subplots())


def clean(axes: "Axes") -> "Axes":
    """Take away what frames axes without telling anything."""
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def subscripts(formula: str) -> str:
    """Return a formula with its numbers set low, as matplotlib typesets them."""
    parts: list[str] = []
    low = False
    for before, character in zip(" " + formula, formula, strict=False):
        if character.isdigit() or (character == "." and low):
            start = not low and (before.isalpha() or before in ")]")
            parts.append("$_{" + character if start else character)
            low = low or start
            continue
        if low:
            parts.append("}$")
            low = False
        parts.append("\\$" if character == "$" else character)
    return "".join([*parts, "}$" if low else ""])
