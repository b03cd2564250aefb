"""`mtl window` and `mtl stability`: electrochemical windows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtl_flows.cli.console import complain, err, out, print_json, table
from mtl_flows.cli.screening import open_screening
from mtl_flows.cli.types import (
    CorrectionsOption,
    EngineName,
    Entries,
    Json,
    MobileIon,
    Provider,
    ScreeningName,
)
from mtl_flows.vocabulary import Corrections, ProviderName

if TYPE_CHECKING:
    from pymatgen.core import Composition

    from mtl_flows.errors import InputError
    from mtl_flows.jobs.entry_providers import EntrySource
    from mtl_flows.science.stability import EntryProvider, StabilityParameters, WindowResult
    from mtl_flows.stages.dynamics import DynamicsParameters
    from mtl_flows.store.database import MTLStore


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(no_args_is_help=True)(window)
    app.command(no_args_is_help=True)(stability)


def window(
    formulas: Annotated[list[str], typer.Argument(help="Formulas, such as Li3PO4, or structure files.")],
    entries: Entries = None,
    provider: Provider = None,
    corrections: CorrectionsOption = "as_given",
    engine: EngineName = "chgnet",
    mobile_ion: MobileIon = "Li",
    charge: Annotated[int, typer.Option(help="Charge of the mobile ion in e; 0: the usual one.")] = 0,
    json: Json = False,
) -> None:
    """Compute electrochemical windows of formulas; with a file of entries no database is touched.

    The lowest entry of the same composition stands for the material; without one the composition alone decides.
    Examples: `mtl window Li3PO4 --entries Li-O-P.json` · `mtl window LiCl Li2O --provider materials_project --json`
    """
    from mtl_flows.errors import InputError
    from mtl_flows.science.stability import StabilityParameters

    parameters = StabilityParameters(mobile_ion=mobile_ion, ion_charge=charge or None)
    if entries is not None and provider in (None, "file"):
        from mtl_flows.science.stability import FixedEntryProvider, read_entries

        found = read_entries(entries, corrections=corrections)
        results = [_formula_window(f, FixedEntryProvider(found), parameters) for f in formulas]
    else:
        from mtl_flows.jobs.stability import entry_provider
        from mtl_flows.store.database import MTLStore

        with MTLStore.open() as store:
            source = entry_source(store, entries, provider, corrections)
            chosen = entry_provider(store, _dynamics(engine, mobile_ion), source)
            results = [_formula_window(f, chosen, parameters) for f in formulas]
    if json:
        print_json(
            [
                {"input": formula, **(_refusal(r) if isinstance(r, InputError) else _window_fields(r))}
                for formula, r in zip(formulas, results, strict=True)
            ]
        )
    else:
        for result in results:
            if isinstance(result, InputError):
                complain("refused", str(result))
            else:
                print_window(result, mobile_ion)
    if all(isinstance(result, InputError) for result in results):
        raise typer.Exit(1)


def stability(
    materials: Annotated[list[str], typer.Argument(help="Material ids.")],
    entries: Entries = None,
    provider: Provider = None,
    corrections: CorrectionsOption = "as_given",
    engine: EngineName = "chgnet",
    screening: ScreeningName = "",
    json: Json = False,
) -> None:
    """Compute and store the windows of materials, and their verdicts; safe to run again.

    With `--provider potential` every approximant that molecular dynamics relaxed gets its window; with the others
    the composition of the structure is judged.
    """
    from mtl_flows.errors import ConfigurationError, MTLError
    from mtl_flows.jobs.candidates import rebuild_candidates
    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.jobs.stability import windows_of_material

    written, failed, n_older = [], [], 0
    with open_screening(screening) as store:
        parameters = screening_parameters(store, store.screening)
        source = entry_source(store, entries, provider or ("file" if entries else "potential"), corrections)
        for material in materials:
            try:
                dynamics = _dynamics(engine, parameters.mobile_ion)
                written += [(material, w) for w in windows_of_material(store, material, dynamics, source)]
            except ConfigurationError:
                raise
            except MTLError as refused:
                failed.append(refused)
        rebuild_candidates(store, parameters, store.groups.rows_about(w.crystal_id for _, w in written))
        verdicts = {material: store.candidates.get(material).verdict for material, _ in written}
        crystals = sorted({w.crystal_id for _, w in written})
        n_older = store.stability.count({"crystal_id": {"$in": crystals}, "older_hull": True})
    for error in failed:
        complain("error", f"({error.reason}) {error}")
    if json:
        print_json([w.model_dump(by_alias=True) | {"verdict": verdicts[m]} for m, w in written])
    elif written:
        rows = [
            [
                material,
                w.formula,
                f"{w.low_V:.2f} … {w.high_V:.2f}"
                if w.low_V is not None
                else f"unknown: {', '.join(w.missing)}",
                w.e_above_hull_eV_per_atom,
                w.energies,
                verdicts[material],
            ]
            for material, w in written
        ]
        columns = ["material", "formula", "window V", "E_hull eV/atom", "energies", "verdict"]
        out.print(table("Electrochemical windows", columns, rows))
        for material, w in written:
            if w.hull is not None:
                err.print(f"{material}: hull of {w.hull.statement}", soft_wrap=True)
    if n_older:
        err.print(f"{n_older} windows on older hulls stay beside; mtl explain shows them")
    if failed:
        raise typer.Exit(1)


def entry_source(
    store: "MTLStore", entries: Path | None, provider: ProviderName | None, corrections: Corrections
) -> "EntrySource":
    """Return the source that options describe; a file is taken into the store.

    Raises
    ------
    ConfigurationError
        If a file is named beside another provider, or none for the provider ``file``.
    """
    from mtl_flows.errors import ConfigurationError
    from mtl_flows.jobs.entry_providers import EntrySource, keep_file
    from mtl_flows.store.stability import StoredEntries

    if entries is not None:
        if provider not in (None, "file"):
            raise ConfigurationError(
                f"--entries and --provider {provider} name two origins of energies",
                remedy="energies of different origin do not share a hull: give one of them",
            )
        return keep_file(StoredEntries(store.entries), entries, corrections=corrections)
    if provider == "file":
        raise ConfigurationError("a file is wanted", subject="--provider file", remedy="add --entries FILE")
    return EntrySource(provider or "potential")


def print_window(result: "WindowResult", mobile_ion: str) -> None:
    """Print one window with its products and its profile."""
    if result.status == "unknown":
        out.print(f"{result.formula}: unknown, without energies of {', '.join(result.missing)}")
    else:
        out.print(
            f"{result.formula}: {result.low_V:.3f} to {result.high_V:.3f} V against {mobile_ion}, "
            f"{result.width_V:.3f} V wide"
        )
        height = result.e_above_hull_eV_per_atom
        if height is None:
            out.print("  stability not assessed: no energy of this composition")
        else:
            out.print(
                f"  {result.stability}: {1000 * height:.1f} meV/atom above the hull, by {result.own_energy}"
            )
        if not result.on_hull or result.stability == "metastable":
            out.print(f"  decomposes into {_amounts(result.decomposition)} (shares of the atoms)")
        out.print(
            f"  reduced to  {_amounts(result.reduction_products) or 'nothing: coexists with the metal'}"
        )
        out.print(f"  oxidised to {_amounts(result.oxidation_products)}")
        for edge in result.open_edges:
            out.print(f"  the {edge} edge is an upper bound: a compound is missing there")
        rows = [
            [f"{step.voltage_V:.3f}", f"{step.exchanged_per_formula:+.3f}", _amounts(step.products)]
            for step in result.voltage_profile
        ]
        out.print(table("", ["from V", f"{mobile_ion} exchanged", "phases, per formula unit"], rows))
    origin = result.origin
    corrections = f"; corrections: {origin.corrections}" if origin.corrections else ""
    out.print(f"  energies: {origin.label} ({origin.energy_scale}{corrections})")
    out.print(f"  hull: {result.quality.statement}")


def _formula_window(
    formula: str, provider: "EntryProvider", parameters: "StabilityParameters"
) -> "WindowResult | InputError":
    """Window of a formula, or why it was refused."""
    from mtl_flows.errors import InputError
    from mtl_flows.science.stability import chemical_system, window_among_entries

    try:
        composition = _composition(formula)
        found = provider.entries(chemical_system(composition, parameters.mobile_ion))
        return window_among_entries(composition, found, parameters)
    except InputError as error:
        return error


def _composition(text: str) -> "Composition":
    """Composition of a formula or of the first structure of a file."""
    from pymatgen.core import Composition

    from mtl_flows.errors import UnreadableStructureError
    from mtl_flows.science.reading import ParsedStructure, read_structures

    if Path(text).is_file():
        for block in read_structures(Path(text)):
            if isinstance(block.result, ParsedStructure):
                return block.result.structure.composition.element_composition
            raise block.result
        raise UnreadableStructureError("holds no structure", subject=text)
    try:
        composition = Composition(text)
    except ValueError:
        composition = Composition()
    if not composition or not composition.valid:
        raise UnreadableStructureError("is neither a chemical formula nor a file", subject=text)
    return composition


def _window_fields(result: "WindowResult") -> dict[str, Any]:
    return result.as_dict() | {"hull_quality": result.quality.statement}


def _refusal(error: Any) -> dict[str, Any]:
    return {"status": "refused", "reason": error.reason, "message": str(error)}


def _amounts(products: Any) -> str:
    return " + ".join(f"{amount:.3g} {formula}" for formula, amount in products.items())


def _dynamics(engine: str, mobile_ion: str) -> "DynamicsParameters":
    from mtl_flows.stages.dynamics import DynamicsParameters

    return DynamicsParameters(engine=engine, mobile_ion=mobile_ion)
