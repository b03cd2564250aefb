"""Formulas as people and CIF files write them: hydrates, subscripts, spaced elements."""

import re

from pymatgen.core import Composition

_PLAIN = str.maketrans("₀₁₂₃₄₅₆₇₈₉•∙⋅*；{}", "0123456789····;()")
_WATER = r"(?:[HD]2\s*O1?|O\s*[HD]2)"
# A full stop before an amount of water separates; anywhere else it is a decimal point.
_STOP = re.compile(rf"\.(?=\s*(?:\d*\.?\d+|[xn])?\s*\(?{_WATER}(?!\d))")
_HYDRATE = re.compile(
    rf"[(\[]\s*{_WATER}\s*[)\]]"  # Li (H2 O)4, [Li(OH2)4]
    rf"|[·,;]\s*(?:\d*\.?\d+|[xn])?\s*{_WATER}\s*(?=$|[·,;)\]])"  # LiCl·H2O, Li2 S O4, H2 O
    rf"|^\s*{_WATER}\s*$"
    r"|(?:^|\s)\d*\.?\d*[HD]2O(?=$|[\s·,;])"  # LiCl 2H2O
    r"|(?:O|F|Cl|Br|I)\d*[HD]2O\s*$"  # Li2SO4H2O
)
_PART = re.compile(r"^(?P<times>\d*\.?\d+|[xn](?=\W|[A-Z]))?\s*(?P<formula>.*)$")


def _normalise(text: str) -> str:
    return _STOP.sub("·", text.strip().strip("'\"").translate(_PLAIN))


def names_water(text: str) -> bool:
    """Return whether a formula text sets water apart, as in ``LiCl·H2O`` or ``Li2 (S O4) (H2 O)``.

    ``H3 O``, ``O H`` and ``H2 O2`` are not water, nor is the ``H2 … O4`` of a sum formula.
    """
    return _HYDRATE.search(_normalise(text)) is not None


def parse_formula(text: str) -> Composition | None:
    """Read a formula, hydrates and the spaced notation of CIF files included.

    Returns
    -------
    The composition, or ``None`` where the text is not a formula (an unknown ``x``, a name, a remark).
    """
    total = Composition()
    for part in re.split(r"[·,;]", _normalise(text)):
        match = _PART.match(part.strip())
        if match is None or not match["formula"]:
            return None
        times = match["times"] or "1"
        formula = re.sub(r"\s+", "", match["formula"])
        try:
            total += Composition(formula) * (1.0 if times in ("x", "n") else float(times))
        except ValueError:
            return None
    return total if total.num_atoms > 0 else None
