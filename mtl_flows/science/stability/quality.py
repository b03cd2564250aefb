"""What a hull was made of, so that a window can be judged by the phases that competed for it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from mtl_flows.science.stability.entries import EntrySet


@dataclass(frozen=True, slots=True)
class HullQuality:
    """Coverage of one chemical system by the competing phases.

    A hull that lacks phases gives a stable material a window that is too wide, never too narrow: with only
    elements and binaries the window of a quaternary is an upper estimate.

    Parameters
    ----------
    chemical_system
        The elements concerned.
    elements, binaries, higher
        Number of distinct competing compositions made of one, of two and of more elements.
    pairs_without_compound
        Pairs of elements for which no binary compound competes. Some pairs form none in nature.
    skipped
        Phases that should have competed but have no energy: id → why.
    """

    chemical_system: tuple[str, ...]
    elements: int
    binaries: int
    higher: int
    pairs_without_compound: tuple[str, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_compounds(self) -> bool:
        """Whether anything but elements competes."""
        return self.binaries + self.higher > 0


def assess_hull(entries: EntrySet, chemical_system: Iterable[str]) -> HullQuality:
    """Say which parts of a chemical system the entries cover."""
    system = tuple(sorted(chemical_system))
    systems_of_phases = {
        entry.reduced_formula: frozenset(element.symbol for element in entry.elements)
        for entry in entries.within(system)
    }
    covered = set(systems_of_phases.values())
    orders = Counter(len(elements) for elements in systems_of_phases.values())
    return HullQuality(
        chemical_system=system,
        elements=orders[1],
        binaries=orders[2],
        higher=orders.total() - orders[1] - orders[2],
        pairs_without_compound=tuple(
            "-".join(pair) for pair in combinations(system, 2) if frozenset(pair) not in covered
        ),
        skipped=dict(entries.skipped),
    )
