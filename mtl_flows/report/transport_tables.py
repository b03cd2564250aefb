"""The fits of one material as people read them: a unit in each heading, every number with its error or interval."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

Table = tuple[str, list[str], list[list[str]]]
"""Title, headings and rows."""
_Cell = Callable[[Mapping[str, Any]], str]


def transport_tables(report: Mapping[str, Any]) -> list[Table]:
    """Return the tables of what `transport_report` gives; rows and columns without anything are left out."""
    return [_table(title, cells, report[name]) for name, (title, cells) in _TABLES.items() if report[name]]


def _table(title: str, cells: Mapping[str, _Cell], rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = {heading: [cell(row) for row in rows] for heading, cell in cells.items()}
    filled = {heading: column for heading, column in columns.items() if set(column) - {"", "–"}}
    return title, list(filled), [list(row) for row in zip(*filled.values(), strict=True)]


def _kelvin(temperatures_K: Iterable[float]) -> str:
    return ", ".join(f"{temperature:.0f}" for temperature in temperatures_K) or "–"


def _plus_minus(value: float | None, error: float | None, form: str) -> str:
    if value is None:
        return "–"
    return f"{value:{form}}" if error is None else f"{value:{form}} ± {error:{form}}"


def _between(value: float | None, interval: Sequence[float | None], form: str) -> str:
    if value is None:
        return "–"
    low, high = interval
    return (
        f"{value:{form}}" if low is None or high is None else f"{value:{form}} [{low:{form}}, {high:{form}}]"
    )


def _left_out(fit: Mapping[str, Any]) -> str:
    return "\n".join(f"{float(temperature):.0f} K: {why}" for temperature, why in fit["excluded"].items())


def _conductivity_of_fit(fit: Mapping[str, Any]) -> str:
    ends = [fit[f"conductivity_300K_{end}_S_per_cm"] for end in ("low", "high")]
    return _between(fit["conductivity_300K_S_per_cm"], ends, ".0e")


def _by_axis(row: Mapping[str, Any]) -> str:
    values = zip(row["principal_cm2_per_s"], row["error_cm2_per_s"], row["axes"], strict=True)
    return "\n".join(
        f"{value:.1e} ± {error:.0e} along " + ", ".join(f"{x:.2f}" for x in axis)
        for value, error, axis in values
    )


_SERIES: Final = {"potential, protocol": lambda row: row["series"]}
_TABLES: Final[dict[str, tuple[str, dict[str, _Cell]]]] = {
    "fits": (
        "Lines, one for each ordering",
        {
            **_SERIES,
            "cell": lambda fit: f"{fit['of']} {fit['ordering']}",
            "T / K": lambda fit: _kelvin(fit["temperatures_K"]),
            "left out": _left_out,
            "E_a / eV": lambda fit: _plus_minus(
                fit["activation_energy_eV"], fit["activation_energy_error_eV"], ".2f"
            ),
            "σ(300 K) / S/cm": _conductivity_of_fit,
            "status": lambda fit: fit["status"] + ("" if fit["complete"] else ", more to come"),
        },
    ),
    "orderings": (
        "Mean of the lines over orderings",
        {
            **_SERIES,
            "orderings": lambda row: str(row["n"]),
            "E_a / eV": lambda row: _between(
                row["activation_energy_eV"], row["activation_energy_interval_eV"], ".2f"
            ),
            "scatter / eV": lambda row: _plus_minus(row["activation_energy_spread_eV"], None, ".2f"),
            "σ(300 K) / S/cm": lambda row: _between(
                row["conductivity_S_per_cm"], row["conductivity_interval_S_per_cm"], ".0e"
            ),
            "scatter / decades": lambda row: _plus_minus(row["conductivity_spread_decades"], None, ".1f"),
        },
    ),
    "posterior": (
        "Posterior of the simulation, from every temperature",
        {
            **_SERIES,
            "orderings": lambda row: str(row["orderings"]),
            "T / K": lambda row: _kelvin(row["temperatures_K"]),
            "E_a / eV": lambda row: _between(
                row["activation_energy_eV"], row["activation_energy_interval_eV"], ".2f"
            ),
            "σ(300 K) / S/cm": lambda row: _between(
                row["conductivity_300K_S_per_cm"], row["conductivity_300K_interval_S_per_cm"], ".0e"
            ),
            "P(σ ≥ 10⁻⁴)": lambda row: f"{row['P_conducts']:.3f}",
        },
    ),
    "potentials": (
        "Potentials side by side",
        {
            "first": lambda row: row["first"],
            "second": lambda row: row["second"],
            "ΔE_a / eV": lambda row: _between(
                row["activation_energy_difference_eV"],
                row["activation_energy_difference_interval_eV"],
                ".2f",
            ),
            "σ ratio / decades": lambda row: f"{row['conductivity_ratio_decades']:.1f}",
            "agree": lambda row: "yes" if row["agree"] else "no",
        },
    ),
    "directions": (
        "Directions",
        {
            "potential": lambda row: row["engine"],
            "ordering": lambda row: str(row["ordering"]),
            "T / K": lambda row: f"{row['temperature_K']:.0f}",
            "D / cm²/s along x, y, z": _by_axis,
            "dimensionality": lambda row: f"{row['dimensionality']:.1f}",
        },
    ),
}
