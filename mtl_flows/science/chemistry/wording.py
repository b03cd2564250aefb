"""Small pieces of sentences that several rules share."""

from collections.abc import Iterable


def listed(words: Iterable[str]) -> str:
    """Return ``a, b and c``, sorted."""
    *head, last = sorted(words)
    return f"{', '.join(head)} and {last}" if head else last


def counted(number: float, noun: str) -> str:
    """Return ``1 atom``, ``2 atoms``, ``2.5 atoms``."""
    return f"{number:.6g} {noun}{'' if number == 1 else 's'}"


def signed(state: float) -> str:
    """Return an oxidation state with its sign and without needless digits: ``+2.67``, ``−3``."""
    text = f"{abs(state):.2f}".rstrip("0").rstrip(".")
    return text if text == "0" else f"{'+' if state > 0 else '−'}{text}"
