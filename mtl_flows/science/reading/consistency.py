"""What a file says of itself, held against one reading of it: one small check for each statement.

A check gives a `Consistency` or None where there is nothing to compare. A new check is a function with the line
``@check``. What a finding does is decided once, in `judge`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pymatgen.core import Composition

from mtl_flows.errors import InconsistentFileError
from mtl_flows.science.reading import statements as said
from mtl_flows.science.reading.formula import proportional
from mtl_flows.science.reading.orbits import Orbit
from mtl_flows.science.reading.statements import Statements
from mtl_flows.science.reading.symmetry import (
    HALL_TAGS,
    NUMBER_TAGS,
    OPERATION_TAGS,
    SYMBOL_TAGS,
    SymmetryReading,
)

_SAME_AMOUNT = 0.05
_SAME_DENSITY = 0.05
_SAME_VOLUME = 0.005
_SAME_CELL = 0.02
_SAME_WEIGHT = 0.02
_G_CM3: Final = 1.66053907
_UNITS_OF_DENSITY = (1.0, 1000.0)  # g/cm³ and kg/m³


class Outcome(StrEnum):
    """What a statement does to a reading."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    DOUBTS = "doubts"
    """A difference that rounding, disorder, atoms that were not located or a slip of the pen explain: a note."""


@dataclass(frozen=True, slots=True)
class Consistency:
    """One statement held against one reading.

    Attributes
    ----------
    message
        Both numbers; empty where they agree.
    about
        Tags and labels concerned.
    """

    outcome: Outcome
    message: str = ""
    about: tuple[str, ...] = ()


_AGREES = Consistency(Outcome.AGREES)


@dataclass(frozen=True, slots=True)
class StatedFacts:
    """One reading of a file, and what the file says.

    Attributes
    ----------
    contents
        Atoms in the cell.
    hydrogens
        In the cell, without sites.
    volume_A3
        Of the cell as its lengths and angles give it.
    """

    statements: Statements
    symmetry: SymmetryReading
    orbits: Sequence[Orbit]
    contents: Composition
    hydrogens: float
    volume_A3: float


Check = Callable[[StatedFacts], Consistency | None]
CHECKS: list[Check] = []


def check(function: Check) -> Check:
    """Enter a check."""
    CHECKS.append(function)
    return function


@dataclass(frozen=True, slots=True)
class ConsistencyReport:
    """All findings on one reading."""

    findings: tuple[Consistency, ...]

    def count(self, outcome: Outcome) -> int:
        """Number of findings of one kind."""
        return sum(finding.outcome is outcome for finding in self.findings)

    @property
    def disagree(self) -> int:
        """Statements against the reading."""
        return self.count(Outcome.DISAGREES)

    @property
    def agree(self) -> int:
        """Statements for it."""
        return self.count(Outcome.AGREES)

    @property
    def stands(self) -> bool:
        """Whether no more statements speak against it than for it."""
        return self.disagree <= self.agree

    @property
    def rank(self) -> tuple[int, int, int]:
        """Smaller for readings that the statements fit better."""
        return self.disagree - self.agree, self.disagree, self.count(Outcome.DOUBTS)

    @property
    def notes(self) -> list[str]:
        """What the findings say, agreement left out."""
        return [finding.message for finding in self.findings if finding.message]

    def error(self, contents: Composition, extra: str = "") -> InconsistentFileError:
        """Refusal of a file of which this is the best reading, with these contents."""
        against = [f for f in self.findings if f.outcome is Outcome.DISAGREES] or list(self.findings)
        told = "; ".join([*(f.message for f in against if f.message), *([extra] if extra else [])])
        error = InconsistentFileError(
            told or "its statements on the symmetry allow several readings",
            remedy="correct the statement that is wrong",
            about=tuple(dict.fromkeys(word for f in against for word in f.about)),
        )
        error.elements = tuple(sorted(e.symbol for e in contents))
        return error


def judge(facts: StatedFacts) -> ConsistencyReport:
    """Hold every statement against one reading."""
    return ConsistencyReport(tuple(found for one in CHECKS if (found := one(facts)) is not None))


@check
def symmetry(facts: StatedFacts) -> Consistency | None:
    """Names and numbers of the space group against the operations."""
    reading = facts.symmetry
    if reading.contradicts:
        about = (*SYMBOL_TAGS, *HALL_TAGS, *NUMBER_TAGS, *OPERATION_TAGS)
        return Consistency(Outcome.DISAGREES, reading.contradicts, about)
    return _AGREES if reading.agrees else None


@check
def multiplicities(facts: StatedFacts) -> Consistency | None:
    """Declared multiplicities of the sites against their images."""
    if facts.symmetry.magnetic:
        return None
    told = [(orbit, orbit.declared) for orbit in facts.orbits if orbit.declared]
    wrong = [(orbit, n) for orbit, n in told if n != len(orbit.coords)]
    if not told:
        return None
    if not wrong:
        return _AGREES
    sites = ", ".join(f"{orbit.label} {n} and {len(orbit.coords)}" for orbit, n in wrong[:4])
    more = f" and {len(wrong) - 4} more" if len(wrong) > 4 else ""
    return Consistency(
        Outcome.DISAGREES,
        f"multiplicities stated and found differ: {sites}{more}",
        ("_atom_site_symmetry_multiplicity", *(orbit.label for orbit, _ in wrong[:4])),
    )


@check
def formula(facts: StatedFacts) -> Consistency | None:
    """Proportions of the sites against the declared formula, hydrogen aside."""
    declared = facts.statements.formula
    if not declared and facts.statements.formula_text:
        text = facts.statements.formula_text[:80]
        return Consistency(Outcome.DOUBTS, f"the formula {text!r} cannot be read", said.FORMULA_TAGS)
    if not declared or _proportional(facts):
        return None
    return Consistency(
        Outcome.DOUBTS,
        f"the sites give {_text(facts.contents)} in the cell, the formula is {_text(declared)}",
        said.FORMULA_TAGS,
    )


@check
def contents(facts: StatedFacts) -> Consistency | None:
    """Atoms in the cell against Z formula units."""
    expected = _expected(facts.statements)
    if not expected or not _proportional(facts):
        return None
    found = _heavy(facts.contents)
    if any(abs(found / _heavy(option) - 1) <= _SAME_AMOUNT for option in expected):
        return _AGREES
    return Consistency(
        Outcome.DISAGREES,
        f"the sites give {_text(facts.contents)} in the cell, Z and formula {_text(expected[0])} "
        f"(Z = {facts.statements.formula_units:g})",
        (*said.Z_TAGS, *said.FORMULA_TAGS),
    )


@check
def density(facts: StatedFacts) -> Consistency | None:
    """Density of the contents in the cell against the declared one."""
    declared = facts.statements.density_g_cm3
    if not declared or (facts.statements.formula and not _proportional(facts)):
        return None
    found = _weight(facts) * _G_CM3 / facts.volume_A3
    if any(abs(found * unit / declared - 1) <= _SAME_DENSITY for unit in _UNITS_OF_DENSITY):
        return _AGREES
    # Of a cell that is wrong nothing follows for its contents.
    outcome = Outcome.DISAGREES if _volume_ratio(facts) <= _SAME_CELL else Outcome.DOUBTS
    return Consistency(
        outcome, f"density {found:.3g} g/cm³ by sites and cell, {declared:g} declared", said.DENSITY_TAGS
    )


@check
def weight(facts: StatedFacts) -> Consistency | None:
    """Weight of the declared formula against the declared weight."""
    declared, formula_ = facts.statements.formula_weight_g_mol, facts.statements.formula
    if not declared or not formula_ or abs(formula_.weight / declared - 1) <= _SAME_WEIGHT:
        return None
    return Consistency(
        Outcome.DOUBTS,
        f"the formula {_text(formula_)} weighs {formula_.weight:.1f} g/mol, {declared:g} declared",
        said.WEIGHT_TAGS,
    )


@check
def volume(facts: StatedFacts) -> Consistency | None:
    """Volume of the cell against the declared one."""
    declared = facts.statements.volume_A3
    if not declared or _volume_ratio(facts) <= _SAME_VOLUME:
        return None
    return Consistency(
        Outcome.DOUBTS,
        f"the cell has {facts.volume_A3:.5g} Å³ by its lengths and angles, {declared:g} declared",
        (*said.VOLUME_TAGS, "_cell_length_a", "_cell_length_b", "_cell_length_c"),
    )


@check
def repeated(facts: StatedFacts) -> Consistency | None:
    """Tags given twice with different values."""
    tags = facts.statements.repeated
    if not tags:
        return None
    return Consistency(Outcome.DOUBTS, f"given twice, with different values: {', '.join(tags[:4])}", tags)


def check_cell(facts: StatedFacts) -> None:
    """Refuse a cell whose declared volume is another, unless the density speaks for it.

    Raises
    ------
    InconsistentFileError
        With both volumes.
    """
    if _volume_ratio(facts) <= _SAME_CELL:
        return
    speaks = density(facts)
    against = volume(facts)
    if against is not None and (speaks is None or speaks.outcome is not Outcome.AGREES):
        raise InconsistentFileError(
            against.message, remedy="correct lengths, angles or volume of the cell", about=against.about
        )


def _volume_ratio(facts: StatedFacts) -> float:
    declared = facts.statements.volume_A3
    return abs(facts.volume_A3 / declared - 1) if declared else 0.0


def _expected(statements: Statements) -> list[Composition]:
    """Contents of the cell that Z, formula and weight may mean."""
    declared, units = statements.formula, statements.formula_units
    if not declared or not units or not _heavy(declared):
        return []
    options = [declared * units]
    whole = all(abs(amount / units - round(amount / units)) < 1e-3 for amount in declared.values())
    written = statements.structural
    if units > 1 and (
        whole or (written and proportional(written, declared) and _is_multiple(declared, written, units))
    ):
        # Some programs write the whole cell into the sum formula.
        options.append(declared)
    if statements.formula_weight_g_mol:
        options.append(declared * (units * statements.formula_weight_g_mol / declared.weight))
    return options


def _is_multiple(one: Composition, other: Composition, factor: float) -> bool:
    return abs(one.num_atoms / other.num_atoms / factor - 1) <= _SAME_AMOUNT


def _proportional(facts: StatedFacts) -> bool:
    declared = facts.statements.formula
    return bool(declared) and proportional(_without_hydrogen(facts.contents), _without_hydrogen(declared))


def _without_hydrogen(composition: Composition) -> Composition:
    return Composition({e.symbol: amount for e, amount in composition.items() if e.symbol != "H"})


def _heavy(composition: Composition) -> float:
    """Atoms other than hydrogen; all of them where there are no others."""
    return float(composition.num_atoms - composition["H"]) or float(composition.num_atoms)


def _weight(facts: StatedFacts) -> float:
    """Weight of the cell in g/mol, hydrogens that were not located included."""
    heavy = _without_hydrogen(facts.contents).weight
    declared = facts.statements.formula
    if declared and heavy and _heavy(declared):
        scale = _heavy(facts.contents) / _heavy(declared)
        return float(heavy + scale * declared["H"] * _HYDROGEN_WEIGHT)
    return float(facts.contents.weight + facts.hydrogens * _HYDROGEN_WEIGHT)


_HYDROGEN_WEIGHT = 1.008


def _text(composition: Composition) -> str:
    return " ".join(f"{e.symbol}{round(amount, 3):g}" for e, amount in composition.items())
