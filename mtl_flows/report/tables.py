"""The tables of candidates that people read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from mtl_flows.schemas.candidates import CandidateDocument, DiffusivityRecord
from mtl_flows.vocabulary import GATE_FIELDS, PROTOCOLS, ChosenProtocol, GateKey

DYNAMICS_COLUMNS = (
    *("material", "formula", "D at T, cm²/s [95 %]", "E_a eV", "σ(300 K) S/cm", "P(σ ≥ 10⁻⁴)", "status"),
    *("window V", "verdict"),
)


_BY_RULE: Final = "dropped: rule"
_ENERGY: Final = ("activation_energy_{}{}_eV", ".2f")
"""Field of an activation energy, of what and which end of its interval, and how it is written."""


def evidence(material_id: str) -> str:
    """Return the command that shows what a row rests on."""
    return f"mtl explain {material_id}"


def candidate_table(
    candidates: Sequence[CandidateDocument],
    asked: Iterable[str] = (),
    protocol: ChosenProtocol = "published",
) -> tuple[list[str], list[list[Any]]]:
    """Headings, and one row for each material; columns in which no row has anything are left out.

    Parameters
    ----------
    asked
        Fields of the row that have a column of their own, if the table has none of them.
    protocol
        At whose gates a row stands.
    """
    cells = _CANDIDATE_COLUMNS | {"stands at": lambda row: standing(row, protocol)}
    cells |= {name: name for name in asked if name not in _CANDIDATE_COLUMNS.values()}
    columns = {
        heading: [getattr(row, cell) if isinstance(cell, str) else cell(row) for row in candidates]
        for heading, cell in cells.items()
    }
    filled = {heading: cells for heading, cells in columns.items() if any(c is not None for c in cells)}
    return list(filled), [list(row) for row in zip(*filled.values(), strict=True)]


def dynamics_rows(candidates: Iterable[CandidateDocument]) -> list[list[Any]]:
    """One row for each material that was simulated."""
    return [
        [
            candidate.material_id,
            candidate.reduced_formula,
            "\n".join(diffusivity(record) for record in candidate.diffusivities),
            both_energies(candidate) or activation_energy(candidate),
            both_conductivities(candidate) or conductivity(candidate),
            probability(candidate),
            _dynamics_status(candidate),
            window(candidate),
            candidate.verdict,
        ]
        for candidate in candidates
        if candidate.diffusivities
    ]


def diffusivity(record: DiffusivityRecord) -> str:
    """Diffusivity with its interval, or what is known instead."""
    at = f"{record.temperature_K:.0f} K:"
    low, high = record.low_cm2_per_s, record.high_cm2_per_s
    if record.diffusivity_cm2_per_s is None:
        bound = f" < {high:.1e}" if high is not None else ""
        return f"{at}{bound} {record.status}"
    interval = f" [{low:.1e}, {high:.1e}]" if low is not None and high is not None else ""
    note = "" if record.status == "converged" else f" {record.status}"
    return f"{at} {record.diffusivity_cm2_per_s:.1e}{interval}{note}"


def activation_energy(candidate: CandidateDocument) -> str | None:
    """Activation energy ± its standard error, and over how many orderings."""
    if candidate.activation_energy_eV is None:
        return None
    over = "" if candidate.n_orderings in (None, 1) else f" ({candidate.n_fits} of {candidate.n_orderings})"
    return f"{candidate.activation_energy_eV:.2f} ± {candidate.activation_energy_error_eV:.2f}{over}"


def conductivity(candidate: CandidateDocument) -> str | None:
    """Interval of the conductivity at 300 K."""
    low, high = candidate.conductivity_300K_low_S_per_cm, candidate.conductivity_300K_high_S_per_cm
    return None if low is None or high is None else f"{low:.1e} … {high:.1e}"


def both_energies(candidate: CandidateDocument) -> str | None:
    """E_a with its interval, of the simulation and, below, of the crystal; None without a posterior."""
    return _both(candidate, *_ENERGY)


def both_conductivities(candidate: CandidateDocument) -> str | None:
    """σ(300 K) with its interval, of the simulation and, below, of the crystal; None without a posterior."""
    return _both(candidate, "conductivity_300K_{}{}_S_per_cm", ".0e")


def probability(candidate: CandidateDocument) -> str | None:
    """P(σ(300 K) ≥ 10⁻⁴ S/cm) of the simulation and, below, of the crystal; None without a posterior."""
    simulated, crystal = candidate.P_conducts_simulated, candidate.P_conducts_crystal
    if simulated is None or crystal is None:
        return None
    return f"{simulated:.3f} simulated\n{crystal:.2f} crystal"


def _both(candidate: CandidateDocument, field: str, form: str) -> str | None:
    told = [(_estimate(candidate, of, field, form), of) for of in ("simulated", "crystal")]
    if any(estimate is None for estimate, _ in told):
        return None
    return "\n".join(f"{estimate} {of}" for estimate, of in told)


def _estimate(candidate: CandidateDocument, of: str, field: str, form: str) -> str | None:
    """Median and interval; None without a posterior."""
    numbers = [getattr(candidate, field.format(of, end)) for end in ("", "_low", "_high")]
    if None in numbers:
        return None
    value, low, high = (f"{number:{form}}" for number in numbers)
    return f"{value} [{low}, {high}]"


def window(candidate: CandidateDocument) -> str | None:
    """Edges of the electrochemical window, or that it is unknown."""
    if candidate.window_low_V is None or candidate.window_high_V is None:
        return candidate.window_status
    return f"{candidate.window_low_V:.2f} … {candidate.window_high_V:.2f}"


def standing(candidate: CandidateDocument, protocol: ChosenProtocol = "published") -> str:
    """How far the material came, in the words of its last stage or of the gate that dropped it.

    Parameters
    ----------
    protocol
        Whose gates are meant; ``any`` for those that bring it furthest, ``ranked`` for the chemical rules alone.
    """
    if candidate.verdict is not None:
        return f"verdict: {candidate.verdict}"
    if candidate.dynamics_status is not None:
        return candidate.dynamics_status
    if not candidate.is_representative:
        return f"same as {candidate.representative_id}"
    if protocol == "ranked":
        return _at_gates(candidate, ["chemistry"], "ranked")[1]
    of = PROTOCOLS if protocol == "any" else (protocol,)
    return max((_at_gates(candidate, GATE_FIELDS, one) for one in of), key=lambda found: found[0])[1]


def rules_told(
    candidates: Iterable[CandidateDocument], protocol: ChosenProtocol, names: Mapping[int, str]
) -> str:
    """Say what the rules are by whose numbers `standing` names them; empty if it names none."""
    dropped = [row for row in candidates if standing(row, protocol).startswith(_BY_RULE)]
    numbers = sorted({number for row in dropped for number in row.failed_rules or ()})
    return ", ".join(
        f"rule {number}: {names[number].replace('_', ' ')}" for number in numbers if number in names
    )


def _at_gates(
    candidate: CandidateDocument, gates: Iterable[GateKey], protocol: ChosenProtocol
) -> tuple[int, str]:
    """How many gates were passed, and what is said of the first that was not."""
    place = 0
    for place, gate in enumerate(gates):
        outcome = getattr(candidate, GATE_FIELDS[gate].format(protocol=protocol))
        if outcome is None and candidate.pending:
            return place, "pending: " + ", ".join(candidate.pending)
        if not outcome:
            rules = ", ".join(map(str, candidate.failed_rules or ()))
            return place, f"{_BY_RULE} {rules}" if gate == "chemistry" and rules else f"dropped: {gate}"
    return place + 1, "passes rules" if protocol == "ranked" else "survivor"


def _dynamics_status(candidate: CandidateDocument) -> str | None:
    others = ", ".join(candidate.compared_engines)
    word = {None: "", True: f"\nas {others}", False: f"\nnot as {others}"}[candidate.potentials_agree]
    return candidate.dynamics_status and candidate.dynamics_status + word


def _cluster(candidate: CandidateDocument) -> str | None:
    """Clusters of the two protocols side by side, one where they agree."""
    published, text = candidate.cluster_published, candidate.cluster_text
    return published if published == text else f"{published or '–'}|{text or '–'}"


_CANDIDATE_COLUMNS: Final[dict[str, str | Callable[[CandidateDocument], Any]]] = {
    "material": "material_id",
    "formula": "reduced_formula",
    "r_conn Å": "r_connected_A",
    "ρ publ.": "rho_cycles_published",
    "ρ text": "rho_cycles_text",
    "E_3D eV": "E_3D_eV",
    "priority": "priority",
    "cluster": _cluster,
    "E_a eV": lambda row: _estimate(row, "crystal", *_ENERGY) or activation_energy(row),
    "P(σ ≥ 10⁻⁴)": lambda row: row.P_conducts_crystal,
    "window V": window,
    "stands at": standing,
}
"""Heading, and the field that is shown or what is made of the row."""

SPARE_COLUMNS: Final = (
    "ρ text",
    "ρ publ.",
    "cluster",
    "r_conn Å",
    "window V",
    "P(σ ≥ 10⁻⁴)",
    "E_3D eV",
    "priority",
)
"""What a narrow terminal does without, the first first."""


def with_intervals(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Fold the bounds of estimates into their values: ``0.65 [0.56, 0.72]``.

    Of the two intervals of an estimate, by entry and by family, the one by family is shown: families are what a
    ranking has to transfer to.
    """
    if not rows:
        return [], []
    bounds = {
        name: next((f"{name}{kind}" for kind in ("_family", "") if f"{name}{kind}_low" in rows[0]), "")
        for name in rows[0]
    }
    columns = [name for name in rows[0] if not name.endswith(("_low", "_high"))]
    cells = [[_with_interval(row, name, bounds[name]) for name in columns] for row in rows]
    return columns, cells


def _with_interval(row: Mapping[str, Any], name: str, bounds: str) -> Any:
    value = row[name]
    if not bounds or value is None:
        return value
    low, high = row[f"{bounds}_low"], row[f"{bounds}_high"]
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"
