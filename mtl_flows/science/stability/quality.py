"""What a hull was made of, so that a window can be judged by the phases that competed for it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from pymatgen.core.composition import Composition

from mtl_flows.science.stability.entries import EntrySet

_COMBINING_DIFFERENCE = 0.3


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
    n_entries
        Competing entries in all, polymorphs counted one by one.
    """

    chemical_system: tuple[str, ...]
    elements: int
    binaries: int
    higher: int
    pairs_without_compound: tuple[str, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)
    n_entries: int = 0

    @property
    def statement(self) -> str:
        """What competed, in one sentence."""
        apart = self.pairs_without_compound
        lacking = f"; no binary of {', '.join(apart)}" if apart else ""
        lost = f"; without energy: {', '.join(sorted(self.skipped))}" if self.skipped else ""
        return (
            f"{self.elements} of {len(self.chemical_system)} elements, {self.binaries} binaries and "
            f"{self.higher} higher compounds of {'-'.join(self.chemical_system)}{lacking}{lost}"
        )

    def left_apart(self, products: Iterable[str]) -> tuple[str, ...]:
        """Pairs of elements that coexist among some products only because no compound of theirs competes.

        Elements whose electronegativities differ (Pauling scale, by 0.3 or more) combine as a rule; where
        the hull knows no compound of such a pair, products that contain both point at a missing phase.

        Parameters
        ----------
        products
            Reduced formulas.
        """
        elemental = [
            elements[0] for elements in (Composition(f).elements for f in products) if len(elements) == 1
        ]
        apart = (
            "-".join(sorted((one.symbol, other.symbol)))
            for one, other in combinations(elemental, 2)
            if abs(one.X - other.X) >= _COMBINING_DIFFERENCE
        )
        return tuple(sorted(set(apart) & set(self.pairs_without_compound)))


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
        n_entries=len(entries.within(system)),
    )
