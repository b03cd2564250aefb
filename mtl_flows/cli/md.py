"""`mtl md`: from structure files to a conductivity, without a database."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtl_flows.cli.console import complain, err, out, print_json, progress, table
from mtl_flows.cli.dynamics import DynamicsOptions, takes_dynamics
from mtl_flows.cli.types import Json, MobileIon, output_option

if TYPE_CHECKING:
    from mtl_flows.cli.console import Reporter
    from mtl_flows.errors import MTLError
    from mtl_flows.in_folder.clock import FolderProgress
    from mtl_flows.in_folder.result import FolderResult
    from mtl_flows.science.dynamics import DiffusionResult


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(no_args_is_help=True)(md)


@takes_dynamics(chunk_ps=1.0)
def md(
    files: Annotated[list[Path], typer.Argument(help="CIF, POSCAR, pymatgen JSON or extended XYZ files.")],
    output: Annotated[
        Path, output_option("Folder of the results, and of what an interrupted run goes on from.")
    ],
    mobile_ion: MobileIon = "Li",
    potential_error_eV: Annotated[
        float | None,
        typer.Option(
            "--potential-error", min=0.0, help="What the potential gets wrong in E_a, eV; 0.2 if not given."
        ),
    ] = None,
    json: Json = False,
    *,
    dynamics: DynamicsOptions,
) -> None:
    """Simulate structure files: order, relax, heat, run each temperature, and say what E_a and σ(300 K) follow.

    No database is needed. The folder gets result.json, arrhenius.png and the frames of each temperature as extxyz; of
    several structures each has a folder of its own in it. Interrupted and started again, it goes on from the last
    chunk.

    Examples: `mtl md LGPS.cif -o lgps` · `mtl md cifs/*.cif --engine sevennet --device cuda --temperatures 600,800,1000
    -o runs`
    """
    from dataclasses import replace

    from mtl_flows.errors import InputError, MTLError
    from mtl_flows.in_folder.crystals import read_crystals
    from mtl_flows.in_folder.dynamics import FolderDynamics
    from mtl_flows.in_folder.outputs import results
    from mtl_flows.in_folder.result import criteria
    from mtl_flows.settings import Settings

    parameters = dynamics.parameters(mobile_ion)
    if device := Settings.load().device:
        parameters = replace(parameters, device=device)
    found: list[tuple[Path, FolderResult]] = []
    with progress("md", 100, percent=True) as reporter:
        runner = FolderDynamics(output, parameters, _Told(reporter))
        with runner.files.held():
            crystals = read_crystals(files, mobile_ion)
            for crystal in crystals:
                if crystal.refused is not None:
                    _complain(str(crystal.file), crystal.refused)
            for place, result in results(runner, crystals, output, parameters, criteria(potential_error_eV)):
                _draw(place, result)
                found.append((place, result))
    done = [result for _, result in found]
    if json:
        print_json([result.as_dict(parameters) for result in done])
    else:
        _print_tables(done)
    for place, result in found:
        if result.run.fits:
            err.print(f"{result.run.crystal.name}: {place}", soft_wrap=True)
            for s in result.run.simulations:
                if s.status == "failed":
                    complain("failed", f"{result.run.crystal.name} at {s.temperature_K:g} K: {s.reason}")
        elif result.run.refused is not None and result.run.crystal.refused is None:
            _complain(result.run.crystal.name, result.run.refused)
    if any(isinstance(result.run.refused, InputError) for result in done):
        raise typer.Exit(1)
    unfinished = [result.run.crystal.name for result in done if not result.complete]
    if unfinished:
        raise MTLError(
            f"not all was simulated of {', '.join(unfinished)}",
            remedy="mend the cause, then run the same command again",
        )


def _complain(name: str, error: "MTLError") -> None:
    complain("refused", str(error) if error.subject else f"{name}: {error}")
    for line in getattr(error, "lines", ()):
        err.print(f"  {line}")


def _draw(place: Path, result: "FolderResult") -> None:
    from mtl_flows.plotting.arrhenius import arrhenius_of, plot_arrhenius

    name = f"{result.run.crystal.name}  {result.formula}"
    data = arrhenius_of(name, result.dynamics, result.evidence)
    if data is None:
        return
    figure = plot_arrhenius(data)
    figure.savefig(place / "arrhenius.png", dpi=200)


class _Told:
    """What is said as the work goes on: a bar on a terminal; in a log, a line for what is new and each tenth."""

    def __init__(self, reporter: "Reporter") -> None:
        self._reporter = reporter
        self._last: tuple[Any, ...] = ()

    def __call__(self, now: "FolderProgress") -> None:
        told = ", ".join(
            part for part in (f"{now.crystal} {now.doing}", _so_far(now.found), _left(now.left_s)) if part
        )
        if err.is_terminal:
            self._reporter.reach(now.share, told)
            return
        new = (now.crystal, now.doing, int(10 * now.share), now.found)
        if new != self._last:
            self._last = new
            err.print(f"md: {100 * now.share:.0f} %, {told}", soft_wrap=True)


def _so_far(found: "DiffusionResult | None") -> str:
    if found is None:
        return ""
    if found.interval_cm2_per_s is None:
        return "no D yet" if found.fit is None else str(found.status)
    low, high = found.interval_cm2_per_s
    if found.D_cm2_per_s is None:
        return f"D < {high:.1e} cm²/s"
    return f"D {found.D_cm2_per_s:.1e} ({low:.1e} to {high:.1e}) cm²/s"


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s left"
    return f"{seconds / 60:.0f} min left" if seconds < 5400 else f"{seconds / 3600:.1f} h left"


def _print_tables(found: "list[FolderResult]") -> None:
    rows = [
        [
            result.run.crystal.name,
            s.temperature_K,
            s.status,
            s.steps_done * s.timestep_fs * 1e-3,
            _D(s.diffusivity_cm2_per_s),
            _D(s.diffusivity_low_cm2_per_s),
            _D(s.diffusivity_high_cm2_per_s),
        ]
        for result in found
        for s in sorted(result.run.simulations, key=lambda s: (s.ordering, s.temperature_K))
    ]
    if rows:
        columns = ["material", "T / K", "status", "ps", "D / cm²/s", "from", "to"]
        out.print(table("Diffusivities, 95 % intervals", columns, rows))
    rows = [
        [result.run.crystal.name, kind, *_estimates(result, name)]
        for result in found
        if result.dynamics.posterior_temperatures_K
        for kind, name in (("simulation", "simulated"), ("crystal", "crystal"))
    ]
    if not rows:
        return
    columns = ["material", "of the", "E_a / eV", "σ(300 K) / S/cm", "P(σ ≥ 10⁻⁴)", "verdict"]
    caption = "medians and 95 % intervals; of the crystal: with the error of the potential"
    out.print(table("E_a and conductivity", columns, rows, caption=caption))
    for result in found:
        if not result.dynamics.posterior_temperatures_K:
            continue
        for waits in result.verdict.what_would_decide:
            out.print(f"{result.run.crystal.name}: {waits}", soft_wrap=True)


def _estimates(result: "FolderResult", kind: str) -> list[str]:
    row = result.dynamics

    def value(name: str) -> float:
        return float(getattr(row, name))

    energy = [value(f"activation_energy_{kind}{end}_eV") for end in ("", "_low", "_high")]
    sigma = [value(f"conductivity_300K_{kind}{end}_S_per_cm") for end in ("", "_low", "_high")]
    return [
        f"{energy[0]:.2f} ({energy[1]:.2f} to {energy[2]:.2f})",
        f"{sigma[0]:.1e} ({sigma[1]:.1e} to {sigma[2]:.1e})",
        f"{value(f'P_conducts_{kind}'):.3f}",
        result.verdict.outcome if kind == "crystal" else "",
    ]


def _D(value: float | None) -> str:
    return "–" if value is None else f"{value:.2e}"
