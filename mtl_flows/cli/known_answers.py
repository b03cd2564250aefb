"""`mtl benchmark dynamics`: simulations of conductors of known conductivity against what is published."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from mtl_flows.cli.console import err, is_interactive, out, print_json, table
from mtl_flows.cli.dynamics import DynamicsOptions, takes_dynamics
from mtl_flows.cli.ingest import ingest_line, take_in
from mtl_flows.cli.launch import hand_in_dynamics
from mtl_flows.cli.screening import in_screening
from mtl_flows.cli.types import Json, output_option
from mtl_flows.errors import ConfigurationError, unwritable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtl_flows.evaluation.known_answers import KnownAnswer, PotentialRecord
    from mtl_flows.science.dynamics.known_answers import AnswerComparison, Pooled
    from mtl_flows.stages.dynamics import DynamicsParameters
    from mtl_flows.store.connection import Connection
    from mtl_flows.store.database import MTLStore

_RELEASE = "known answers"


@takes_dynamics()
def dynamics_benchmark(
    compounds: Annotated[
        list[str] | None,
        typer.Argument(help="Ids of the table, such as li3n; all of it if none is given."),
    ] = None,
    launch: Annotated[
        bool, typer.Option("--launch", help="Hand in the simulations that are missing; then run workers.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be handed in and what it takes, and stop.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before handing in.")] = False,
    output: Annotated[Path | None, output_option("Write the comparisons here, as YAML.")] = None,
    json: Json = False,
    *,
    dynamics: DynamicsOptions,
) -> None:
    """Hold simulations of known conductors against published conductivities, by potential.

    With --launch it first hands in what is missing, under any engine; mtl worker --kind heavy runs it. What is found is
    kept with each potential: from five materials on, its bias and spread are the error that rows and verdicts carry.
    """
    from mtl_flows.evaluation.known_answers import compare, load_known_answers, note
    from mtl_flows.report.examples import shipped_table
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection
    from mtl_flows.store.database import MTLStore

    answers = _chosen(load_known_answers(shipped_table()), compounds or [])
    with connection(Settings.load(), begin=launch) as address, MTLStore.connect(address) as opened:
        store = in_screening(opened)
        if launch or dry_run:
            _hand_in(store, address, answers, dynamics.parameters(), dry_run=dry_run, ask=not yes)
        if dry_run:
            return
        records = compare(store, answers)
        if not compounds:
            noted = note(store, records)
            if noted:
                err.print(f"known answers of {noted} potentials are new; mtl verdict and new rows go by them")
    if output is not None:
        _write(records, output)
    if json:
        print_json([_told(record) for record in records])
        return
    if not records:
        err.print("nothing of these is simulated yet; mtl benchmark dynamics --launch hands it in")
    for record in records:
        _print(record)


def _chosen(answers: "Sequence[KnownAnswer]", names: "Sequence[str]") -> "list[KnownAnswer]":
    by_name = {name: answer for answer in answers for name in answer.names}
    lacking = [name for name in names if name not in by_name]
    if lacking:
        raise ConfigurationError(
            f"no known answers: {', '.join(lacking)}",
            remedy=f"one of {', '.join(answer.compound.id for answer in answers)}",
        )
    wanted = {by_name[name].compound.id for name in names}
    return [answer for answer in answers if not names or answer.compound.id in wanted]


def _hand_in(
    store: "MTLStore",
    address: "Connection",
    answers: "Sequence[KnownAnswer]",
    parameters: "DynamicsParameters",
    *,
    dry_run: bool,
    ask: bool,
) -> None:
    """Ingest what is not in the store, and hand in simulations without windows."""
    from mtl_flows.flows.dynamics import DynamicsFlowMaker
    from mtl_flows.science.compounds import write_cif
    from mtl_flows.store.candidate_filter import CandidateFilter

    new = [answer for answer in answers if not _held(store, answer)]
    with TemporaryDirectory() as folder:
        for answer in new:
            write_cif(answer.compound, Path(folder) / f"{answer.compound.id}.cif")
        if new:
            read = take_in(store, [Path(folder)], release=_RELEASE, mobile_ions=["Li"], workers=1)
            err.print(ingest_line(read))
    hand_in_dynamics(
        store,
        address,
        DynamicsFlowMaker(parameters=parameters, window=False),
        materials=[_held(store, answer)[0] for answer in answers],
        chosen=CandidateFilter(),
        limit=0,
        dry_run=dry_run,
        ask=ask and is_interactive(),
    )


def _held(store: "MTLStore", answer: "KnownAnswer") -> list[str]:
    return sorted({m for name in answer.names for m in store.structures.materials_named(name)})


def _write(records: "Sequence[PotentialRecord]", output: Path) -> None:
    import yaml

    told = [
        {
            "potential_id": record.potential_id,
            "engine": record.engine,
            "weights_sha256": record.weights_sha256,
            "comparisons": [comparison.as_dict() for comparison in record.comparisons],
        }
        for record in records
    ]
    try:
        output.write_text(yaml.safe_dump(told, sort_keys=False, allow_unicode=True), encoding="utf-8")
    except OSError as error:
        raise unwritable(output, error) from error
    err.print(f"written: {output}")


def _told(record: "PotentialRecord") -> dict[str, object]:
    comparisons = [
        one.as_dict() | {"decades": one.decades, "decades_error": one.decades_error}
        for one in record.comparisons
    ]
    return record.as_dict() | {"comparisons": comparisons}


def _print(record: "PotentialRecord") -> None:
    from mtl_flows.science.dynamics.known_answers import EV_PER_DECADE, FEWEST_MATERIALS

    columns = [
        *("material", "σ(300 K) published, S/cm", "simulated", "decades too high"),
        *("E_a published, eV", "simulated", "ps at K", "atoms"),
    ]
    title = f"{record.engine}, potential {record.potential_id}"
    out.print(table(title, columns, [_cells(comparison) for comparison in record.comparisons]))
    energy = record.energy
    order = "" if record.order is None else f"; rank correlation {record.order:.2f}"
    soft = "not known (mtl launch --check-dft)" if record.softening is None else f"{record.softening:.2f}"
    out.print(f"{energy.n} materials{order}; slope of its forces against DFT: {soft}")
    bias, spread = _interval(energy, -1.0 / EV_PER_DECADE)
    out.print(f"log10 σ(300 K) too high by {bias} decades, spread {spread}")
    bias, spread = _interval(energy, 1.0)
    out.print(f"E_a at the same D0 less the crystal's {bias} eV, spread {spread}")
    if record.fitted_energy is not None:
        bias, spread = _interval(record.fitted_energy, 1.0)
        out.print(
            f"E_a less the published one {bias} eV, spread {spread} ({record.fitted_energy.n} materials)"
        )
    if energy.n >= FEWEST_MATERIALS:
        out.print(
            f"error of this potential from now on: {energy.bias:+.2f} ± {energy.deviation:.2f} eV in E_a",
            soft_wrap=True,
        )
    else:
        out.print(f"fewer than {FEWEST_MATERIALS} materials: what is known of its error otherwise stands")


def _cells(one: "AnswerComparison") -> list[object]:
    low, high = one.published_S_per_cm
    sigma, (sigma_low, sigma_high) = one.sigma.median, one.sigma.interval
    energy, energy_low, energy_high = one.simulated_eV
    return [
        one.material_id,
        f"{low:.2g}" if low == high else f"{low:.2g}–{high:.2g}",
        f"{sigma:.2g} ({sigma_low:.1g}–{sigma_high:.1g})",
        f"{one.decades:+.1f} ± {one.decades_error:.1f}",
        "–".join(f"{value:.2f}" for value in dict.fromkeys(one.published_eV)),
        f"{energy:.2f} ({energy_low:.2f}–{energy_high:.2f})",
        ", ".join(f"{length:.2g} at {temperature}" for temperature, length in one.lengths_ps.items()),
        one.n_atoms,
    ]


def _interval(pooled: "Pooled", unit: float) -> tuple[str, str]:
    """Bias and spread in words, in another unit."""
    low, high = sorted((pooled.bias_low * unit, pooled.bias_high * unit))
    bias = f"{pooled.bias * unit:+.2f} [{low:+.2f}, {high:+.2f}]"
    spread = [abs(unit) * value for value in (pooled.spread, pooled.spread_low, pooled.spread_high)]
    return bias, f"{spread[0]:.2f} [{spread[1]:.2f}, {spread[2]:.2f}]"
