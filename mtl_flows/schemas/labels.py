"""What is known by measurement: labels of materials, merged from what the user and the user's tables state."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from math import log10
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from mtl_flows.schemas.base import Document, Provenance
from mtl_flows.science.known import canonical_id

_DECADES_APART = 1.0


class LabelFacts(BaseModel):
    """Facts about one material and one mobile ion; what is null or empty is not stated."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    known_conductor: bool | None = Field(
        None, description="counts as a known superionic conductor in cluster selection; null: not stated"
    )
    conductivity_S_per_cm: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="ionic conductivity near 300 K, S/cm"
    )
    below_detection: bool = Field(False, description="the conductivity is an upper bound")
    family: str = Field("", description="structural family, such as garnet")
    source: str = Field("", description="DOI or citation of the measurement")

    @property
    def facts(self) -> "LabelFacts":
        """The facts alone."""
        return LabelFacts(**{name: getattr(self, name) for name in LabelFacts.model_fields})


class LabelStatement(LabelFacts):
    """What was stated at once, by a command or by a row of a table."""

    stated_at: datetime | None = Field(description="UTC; null where an early version did not record it")
    table_sha256: str = Field("", description="hash of the table it comes from; empty for a command")
    replaces: bool = Field(False, description="what was stated before it no longer holds")


class LabelDocument(LabelFacts, Document):
    """Measured facts about one material and one mobile ion: what holds of all that was stated, and the statements."""

    telling = ("known_conductor", "conductivity_S_per_cm", "family")

    schema_version: int = Field(3, description="version of this document's layout")
    material_id: str = Field(description="id of the material in lower case, such as icsd-188887")
    ion: str = Field(description="element symbol of the mobile ion that the facts are about")
    statements: list[LabelStatement] = Field(description="everything that was ever stated, oldest first")
    provenance: Provenance | None = Field(
        None, description="of the latest statement; null for labels of early versions"
    )

    @staticmethod
    def key(material_id: str, ion: str) -> str:
        """Id of the label of a material for one mobile ion."""
        return f"{canonical_id(material_id)}:{ion}"

    @classmethod
    def of(
        cls,
        material_id: str,
        ion: str,
        statements: Sequence[LabelStatement],
        provenance: Provenance | None = None,
    ) -> Self:
        """Label of a material from all that was stated of it, oldest first."""
        return cls(
            id=cls.key(material_id, ion),
            material_id=canonical_id(material_id),
            ion=ion,
            statements=list(statements),
            provenance=provenance,
            **dict(merge_all(statements)),
        )


def merge(earlier: LabelFacts, later: LabelFacts) -> LabelFacts:
    """What holds of one material after two statements: each fact as it was stated last.

    A conductivity brings its bound and its source with it, so that no measurement is attributed to the source of
    another.
    """
    measured = later.conductivity_S_per_cm is not None
    measurement = later if measured else earlier
    another = measured and _measurement(later) != _measurement(earlier)
    return LabelFacts(
        known_conductor=earlier.known_conductor if later.known_conductor is None else later.known_conductor,
        conductivity_S_per_cm=measurement.conductivity_S_per_cm,
        below_detection=measurement.below_detection,
        family=later.family or earlier.family,
        source=later.source or ("" if another else earlier.source),
    )


def merge_all(statements: Sequence[LabelStatement]) -> LabelFacts:
    """What holds after several statements, oldest first."""
    facts = LabelFacts()
    for statement in statements:
        facts = statement.facts if statement.replaces else merge(facts, statement)
    return facts


def label_of(names: Sequence[str], labels: Mapping[str, LabelFacts]) -> LabelFacts:
    """What is labelled of a material, under any name that it answers to.

    Parameters
    ----------
    names
        In lower case, its id first: what is said of that goes before what is said of a code.
    labels
        By canonical name.
    """
    facts = LabelFacts()
    for name in reversed(names):
        if name in labels:
            facts = merge(facts, labels[name])
    return facts


def is_known(material_id: str, facts: LabelFacts | None, listed: Collection[str]) -> bool:
    """Whether a material counts as a known conductor: the user's word, else the list's.

    Parameters
    ----------
    listed
        Canonical ids on the list of known conductors of the ion.
    """
    if facts is not None and facts.known_conductor is not None:
        return facts.known_conductor
    return canonical_id(material_id) in listed


def known_in_group(members: Mapping[str, LabelFacts | None], listed: Collection[str]) -> list[str]:
    """Members of a group of duplicates that count as known conductors; one of them is enough for the group."""
    return sorted(member for member, facts in members.items() if is_known(member, facts, listed))


def contradictions(members: Mapping[str, LabelFacts | None], listed: Collection[str]) -> list[str]:
    """What is stated of a material, or of the members of a group of duplicates, and cannot all hold.

    Parameters
    ----------
    members
        Label of each material, None where it has none.
    listed
        Canonical ids on the list of known conductors of the ion.

    Returns
    -------
    list of str
        One sentence for each contradiction: of a label with the list, of two labels over who is known, and of
        two conductivities more than a decade apart. Two upper bounds never contradict each other.
    """
    labels = {member: facts for member, facts in sorted(members.items()) if facts is not None}
    denied = [member for member, facts in labels.items() if facts.known_conductor is False]
    told = [
        f"{member} is on the list of known conductors, and its label says that it is none"
        for member in denied
        if canonical_id(member) in listed
    ]
    told += [
        f"{known} counts as a known conductor, and the label of {member} says that it is none"
        for known in known_in_group(members, listed)
        for member in denied
    ]
    return told + [
        f"{_said(one, labels[one])}, {_said(other, labels[other])}: more than a decade apart"
        for one, other in combinations(labels, 2)
        if _apart(labels[one], labels[other])
    ]


def _measurement(facts: LabelFacts) -> tuple[float | None, bool]:
    return facts.conductivity_S_per_cm, facts.below_detection


def _apart(one: LabelFacts, other: LabelFacts) -> bool:
    """Whether two conductivities cannot be of one crystal; a bound contradicts only what lies above it."""
    low, high = sorted((one, other), key=lambda facts: facts.conductivity_S_per_cm or 0.0)
    if not low.conductivity_S_per_cm or not high.conductivity_S_per_cm or high.below_detection:
        return False
    return log10(high.conductivity_S_per_cm / low.conductivity_S_per_cm) > _DECADES_APART


def _said(member: str, facts: LabelFacts) -> str:
    bound = "below " if facts.below_detection else ""
    return f"{member} conducts {bound}{facts.conductivity_S_per_cm:.2g} S/cm"
