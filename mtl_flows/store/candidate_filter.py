"""What to look for in the candidate table: one typed object for Python, the command line and MongoDB."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, Literal, Self, get_args

from mtl_flows.errors import ConfigurationError, there_are
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.store.bins import asked
from mtl_flows.vocabulary import PROTOCOLS, ChosenProtocol, DynamicsStatus, GateKey, Judgement, Reached

if TYPE_CHECKING:
    from mtl_flows.science.gates import Gate

GATES: Final[tuple[GateKey, ...]] = get_args(GateKey)
"""Keys of the gates that can be asked for."""
NUMERIC_FIELDS: Final[tuple[str, ...]] = tuple(
    name
    for name, field in CandidateDocument.model_fields.items()
    if field.annotation in (int, float, int | None, float | None) and name != "schema_version"
)
"""Fields of the candidate table that a `Range` can limit."""

_DROPPED: Final = {"survives_published": {"$ne": True}, "survives_text": {"$ne": True}, "pending": []}
_UNITS = ("_S_per_cm", "_eV_per_atom", "_eV", "_A", "_V", "_K")


@dataclass(frozen=True)
class Range:
    """Limits of one numeric field, both included; a field without value is outside.

    Attributes
    ----------
    field
        One of `NUMERIC_FIELDS`; the unit at its end may be left out: ``v3`` is ``v3_A``.

    Raises
    ------
    ConfigurationError
        If there is no such field.
    """

    field: str
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", field_named(self.field, NUMERIC_FIELDS, "numeric field"))

    def __str__(self) -> str:
        ends = [f"≥ {self.at_least:g}" if self.at_least is not None else ""]
        ends += [f"≤ {self.at_most:g}" if self.at_most is not None else ""]
        return f"{self.field} {' and '.join(filter(None, ends))}"

    def condition(self) -> dict[str, float]:
        """What MongoDB asks of the field."""
        limits = {"$gte": self.at_least, "$lte": self.at_most}
        return {operator: limit for operator, limit in limits.items() if limit is not None}


@dataclass(frozen=True)
class CandidateFilter:
    """What to look for in the candidate table; what is left at its default does not restrict.

    Attributes
    ----------
    protocol
        Whose gates and clusters are meant: ``published``, ``text`` or ``any``: one of them has to meet all that
        is asked. ``ranked`` asks for unique materials that pass the chemical rules and for no other gate.
    survivors
        Unique materials that passed every gate of `protocol`.
    passes, fails
        Keys of gates that were passed, or not: some of `GATES`. With the protocol ``any``, a gate that fails has to
        fail under both. As of `elements` and `without`, a text with commas between is taken too.
    cluster
        Name of a cluster.
    elements, without
        Element symbols: contains all of these, contains none of those.
    chemical_system
        Exactly these elements, joined by hyphens, in any order.
    formula
        Formula, reduced before it is compared.
    verdict
        ``pass``, ``fail`` or ``undecided``.
    dynamics_status
        ``running``, ``fitted``, or why there is no activation energy.
    furthest_stage, pending
        The last gate that was passed; a stage that has not run yet.
    is_representative
        Unique materials, or their duplicates.
    dropped
        Failed a gate under both protocols, so that nothing is pending; or, if false, all others.
    release
        Name of a release that holds the material.
    ranges
        Limits of numeric fields; several of one field have to hold together.

    Raises
    ------
    ConfigurationError
        If a protocol, gate, element, verdict, status or stage is unknown, or the formula is none.
    """

    survivors: bool = False
    protocol: ChosenProtocol = "published"
    passes: tuple[str, ...] = ()
    fails: tuple[str, ...] = ()
    cluster: str = ""
    elements: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    chemical_system: str = ""
    formula: str = ""
    n_elements: int | None = None
    ordered: bool | None = None
    is_known_conductor: bool | None = None
    is_representative: bool | None = None
    verdict: Judgement | Literal[""] = ""
    dynamics_status: DynamicsStatus | Literal[""] = ""
    furthest_stage: Reached | Literal[""] = ""
    pending: str = ""
    dropped: bool | None = None
    release: str = ""
    ranges: tuple[Range, ...] = ()

    def __post_init__(self) -> None:
        for name in ("passes", "fails", "elements", "without"):
            object.__setattr__(self, name, _several(getattr(self, name)))
        system = tuple(filter(None, self.chemical_system.split("-")))
        _one_of("protocol", [self.protocol], get_args(ChosenProtocol))
        _one_of("gate", [*self.passes, *self.fails], GATES)
        _one_of("verdict", [self.verdict], ("", *get_args(Judgement)))
        _one_of("status", [self.dynamics_status], ("", *get_args(DynamicsStatus)))
        _one_of("stage", [self.furthest_stage], ("", *get_args(Reached)))
        if self.pending:
            from mtl_flows.science.gates import WAITED_FOR

            _one_of("stage", [self.pending], WAITED_FOR)
        _elements((*self.elements, *self.without, *system))
        by_protocol = [one.key for one in _known((*self.passes, *self.fails)) if one.by_protocol]
        if self.protocol == "ranked" and (self.survivors or self.cluster or by_protocol):
            raise ConfigurationError(
                "has neither prescreen nor clusters, and so no survivors",
                subject="protocol ranked",
                remedy="take the best with --limit N, or choose published, text or any",
            )
        object.__setattr__(self, "chemical_system", "-".join(sorted(system)))
        object.__setattr__(self, "formula", _reduced(self.formula))

    def apart(self) -> dict[str, Self]:
        """Return each thing that is asked alone, by what it is."""
        alone: dict[str, Self] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value == field.default or field.name in ("protocol", "ranges"):
                continue
            told = ", ".join(value) if isinstance(value, tuple) else str(value)
            alone[f"{field.name} {told}"] = type(self)(**{"protocol": self.protocol, field.name: value})
        return alone | {str(limits): type(self)(ranges=(limits,)) for limits in self.ranges}

    def query(self) -> dict[str, Any]:
        """The filter as MongoDB reads it."""
        query: dict[str, Any] = {}
        if self.survivors:
            query["is_representative"] = True
        for name in ("ordered", "is_known_conductor", "is_representative", "n_elements"):
            if (value := getattr(self, name)) is not None:
                query[name] = value
        for name in ("chemical_system", "verdict", "dynamics_status", "furthest_stage", "pending"):
            if value := getattr(self, name):
                query[name] = value
        if self.formula:
            query["reduced_formula"] = self.formula
        if self.release:
            query["releases"] = self.release
        if self.dropped is not None:
            query["$and" if self.dropped else "$nor"] = [_DROPPED]
        if self.elements:
            query["elements"] = {"$all": list(self.elements)}
        if self.without:
            query.setdefault("elements", {})["$nin"] = list(self.without)
        for limited in self.ranges:
            known = query.setdefault(limited.field, {})
            if not isinstance(known, dict):
                known = query[limited.field] = {"$eq": known}
            query[limited.field] = _tightest(known, limited.condition())
        found = query | self._gates()
        limits = dict.fromkeys(limited.field for limited in self.ranges)
        if limits and not self.elements and found.keys() - {"elements"} == limits.keys():
            # True of every row, or of every row within the limits. They name indexes that give the best first and have
            # all of this among their keys, so that rows are judged before they are fetched.
            bins = asked({name: found[name] for name in limits})
            found = {"priority": {"$exists": True}, **bins, **found}
        return found

    def mongosh(self, screening: str, limit: int = 0) -> str:
        """The question about a screening as one types it into mongosh, the highest priority first."""
        query = {"screening": screening, **self.query()}
        asked = f"db.candidates.find({json.dumps(query)}).sort({{priority: -1, v3_over_d3: -1, _id: 1}})"
        return f"{asked}.limit({limit})" if limit else asked

    def _gates(self) -> dict[str, Any]:
        """What is asked of the protocol's gates and clusters."""
        protocols = tuple(p for p in PROTOCOLS if self.protocol in (p, "any"))
        passes, fails = _known(self.passes), _known(self.fails)
        common: dict[str, Any] = {one.field: True for one in passes if not one.by_protocol}
        common |= {one.field: False for one in fails if not one.by_protocol}
        common |= {
            one.field_of(protocol): False for one in fails if one.by_protocol for protocol in protocols
        }
        if self.protocol == "ranked":
            return {"is_representative": True, "passes_chemistry": True} | common
        either = []
        for protocol in protocols:
            asked: dict[str, Any] = {one.field_of(protocol): True for one in passes if one.by_protocol}
            if self.survivors:
                asked[f"survives_{protocol}"] = True
            if self.cluster:
                asked[f"cluster_{protocol}"] = self.cluster
            either.append(asked)
        if not either[0]:
            return common
        return common | (either[0] if len(either) == 1 else {"$or": either})


def _known(keys: Sequence[str]) -> "list[Gate]":
    """Gates of some keys; who asks for none does without the gates."""
    if not keys:
        return []
    from mtl_flows.science.gates import gate

    return [gate(key) for key in keys]


def _tightest(known: dict[str, Any], limits: dict[str, float]) -> dict[str, Any]:
    """Both conditions on one field."""
    joined = {**known, **limits}
    if "$gte" in known and "$gte" in limits:
        joined["$gte"] = max(known["$gte"], limits["$gte"])
    if "$lte" in known and "$lte" in limits:
        joined["$lte"] = min(known["$lte"], limits["$lte"])
    return joined


def field_named(name: str, fields: Sequence[str], what: str = "field") -> str:
    """Full name of a field of the candidate table, whose unit may have been left out.

    Raises
    ------
    ConfigurationError
        If there is no such field among `fields`.
    """
    for candidate in (name, *(f"{name}{unit}" for unit in _UNITS)):
        if candidate in fields:
            return candidate
    near = get_close_matches(name, fields, n=3, cutoff=0.4)
    raise ConfigurationError(
        f"no {what} of the candidate table",
        subject=name,
        remedy=f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(fields)}",
    )


def _one_of(what: str, values: Iterable[str], allowed: Iterable[str]) -> None:
    for value in values:
        if value not in allowed:
            raise ConfigurationError(f"no {what} {value!r}", remedy=there_are(value, filter(None, allowed)))


def _several(names: Iterable[str]) -> tuple[str, ...]:
    """Names of a sequence, or of a text with commas between them."""
    parts = names.split(",") if isinstance(names, str) else names
    return tuple(filter(None, (part.strip() for part in parts)))


def _elements(symbols: Sequence[str]) -> None:
    """Refuse what is no element."""
    if not symbols:
        return
    from pymatgen.core import Element

    for symbol in symbols:
        if not Element.is_valid_symbol(symbol):
            raise ConfigurationError(f"no element {symbol!r}", remedy="write symbols, such as Li,P,S")


def _reduced(formula: str) -> str:
    """Return the reduced form of a formula, as the rows have it."""
    if not formula:
        return ""
    from pymatgen.core import Composition

    from mtl_flows.science.reading import reduced_formula

    try:
        composition = Composition(formula)
    except ValueError:
        composition = Composition()
    if not composition or not composition.valid:
        raise ConfigurationError(f"no formula {formula!r}", remedy="write it as Li3PS4")
    return reduced_formula(composition)
