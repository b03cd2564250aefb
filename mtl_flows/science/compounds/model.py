"""What one entry of a table of compounds holds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pymatgen.core.operations import SymmOp

from mtl_flows.errors import ConfigurationError
from mtl_flows.science.symmetry import database_operations, settings

Coordinates = Literal["published", "approximate", "computed"]
"""Where free coordinates come from: the source; known to about 0.01 only; an energy minimisation."""

Confidence = Literal["high", "low"]

_STANDARD_CHOICES = ("", "b", "b1", "H", "2")


@dataclass(frozen=True, slots=True)
class SpaceGroup:
    """A space group in one setting.

    Parameters
    ----------
    symbol
        Hermann-Mauguin symbol, short (``Pnma``) or full without blanks (``P12_1/n1``).
    number
        Number in International Tables.
    setting
        Origin choice (``1``, ``2``), axes (``H``, ``R``) or permutation (``ba-c``) where the symbol leaves them
        open; empty for the standard one (hexagonal axes, origin choice 2).
    """

    symbol: str
    number: int
    setting: str = ""

    @property
    def hall_number(self) -> int:
        """Serial number (1 to 530) in the table of Hall symbols.

        Raises
        ------
        ConfigurationError
            If symbol, number and setting do not name exactly one setting.
        """
        choices = {
            setting.choice: setting.hall_number
            for setting in settings()
            if setting.number == self.number and self.symbol in (setting.short, setting.full)
        }
        if self.setting:
            found = [choices[self.setting]] if self.setting in choices else []
        elif len(choices) == 1:
            found = list(choices.values())
        else:
            found = [choices[choice] for choice in _STANDARD_CHOICES if choice in choices]
        if not found:
            raise ConfigurationError(
                f"{self.symbol} (no. {self.number}, setting '{self.setting}') is not a known setting",
                remedy=f"settings known under this symbol: {sorted(choices)}",
            )
        return found[0]

    @property
    def hall_symbol(self) -> str:
        """Hall symbol of the setting."""
        return settings()[self.hall_number - 1].hall_symbol

    @property
    def operations(self) -> tuple[SymmOp, ...]:
        """All symmetry operations of the conventional cell, centring included."""
        return tuple(
            SymmOp.from_rotation_and_translation(rotation, translation)
            for rotation, translation in zip(*database_operations(self.hall_number), strict=True)
        )


@dataclass(frozen=True, slots=True)
class AtomSite:
    """One site of the asymmetric unit.

    Parameters
    ----------
    label
        Label, unique within the compound.
    species
        Element symbol → occupancy.
    position
        Fractional coordinates.
    """

    label: str
    species: Mapping[str, float]
    position: tuple[float, float, float]

    @property
    def occupancy(self) -> float:
        """Total occupancy of the site."""
        return math.fsum(self.species.values())


@dataclass(frozen=True, slots=True)
class Source:
    """Where a number comes from: a DOI, a full citation, or both."""

    doi: str = ""
    citation: str = ""


@dataclass(frozen=True, slots=True)
class Conductivity:
    """Measured total conductivity near room temperature, in S/cm; ``below`` marks a detection limit."""

    S_per_cm: float
    below: bool
    source: Source


@dataclass(frozen=True, slots=True)
class Compound:
    """One entry of the table.

    Parameters
    ----------
    id
        Slug; the CIF's block name.
    name
        Chemical or mineral name with the polymorph.
    formula
        Contents of one formula unit, as the sites give them.
    formula_units
        Formula units per conventional cell, Z; not an integer for a defect structure.
    family
        Structural family.
    space_group
        Space group and setting.
    lattice
        a, b, c (Å) and alpha, beta, gamma (degrees).
    sites
        Asymmetric unit.
    source
        The structure determination: cell, space group, sites.
    coordinates
        Where the free coordinates come from.
    temperature_K
        Temperature of the determination, where the source gives it.
    icsd
        ICSD collection code of the determination. Written to the CIF only with published coordinates: otherwise
        the atoms are not those of that code.
    conductivity
        Measured conductivity, if any.
    known_conductor, poor_conductor, article_finalist
        Commonly known as a fast Li conductor; plainly a poor one; among the article's 14 compounds.
    source_confidence
        ``low`` if something could not be checked; ``note`` says what.
    note
        What a reader must know.
    """

    id: str
    name: str
    formula: str
    formula_units: float
    family: str
    space_group: SpaceGroup
    lattice: tuple[float, float, float, float, float, float]
    sites: tuple[AtomSite, ...]
    source: Source
    coordinates: Coordinates = "published"
    temperature_K: float | None = None
    icsd: int | None = None
    conductivity: Conductivity | None = None
    known_conductor: bool = False
    poor_conductor: bool = False
    article_finalist: bool = False
    source_confidence: Confidence = "high"
    note: str = ""

    @property
    def is_ordered(self) -> bool:
        """Every site holds exactly one element, fully occupied."""
        return all(len(site.species) == 1 and site.occupancy == 1.0 for site in self.sites)
