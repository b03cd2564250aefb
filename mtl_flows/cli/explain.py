"""`mtl explain`: everything about one material, or about a file that was refused."""

from typing import Annotated, Any

import typer
from rich.text import Text

from mtl_flows.cli.console import out, print_json, table
from mtl_flows.cli.screening import as_screened
from mtl_flows.cli.types import Json, ScreeningName


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(no_args_is_help=True)(explain)


def explain(
    subject: Annotated[str, typer.Argument(help="Material id, such as icsd-188887, or a file.")],
    full: Annotated[
        bool, typer.Option("--full", help="Every gate, cluster, rule with its evidence, and calculation.")
    ] = False,
    provenance: Annotated[
        bool, typer.Option("--provenance", help="When, by which code and libraries each document was made.")
    ] = False,
    screening: ScreeningName = "",
    json: Json = False,
) -> None:
    """Tell where one material stands, or why a file was refused.

    On one screen: the verdict, where it stands under both protocols, the three numbers that decide, and what to do
    next. --full tells the whole story, --json all of it with its provenance. Files are found by name, with or without
    their folder.
    """
    from mtl_flows.report.story import tell
    from mtl_flows.store.database import MTLStore

    with MTLStore.open() as opened:
        store, parameters = as_screened(opened, screening)
        story = tell(store, subject, parameters)
    if json:
        print_json(story)
        return
    if "structure" in story:
        _print_structure(story)
    if full or "structure" not in story:
        _print_refusals(story)
    if full:
        _print_all(story)
    elif "structure" in story:
        _print_brief(story)
    if provenance:
        _print_list("Provenance", story.get("provenance", []))


def _print_brief(story: dict[str, Any]) -> None:
    from mtl_flows.report.brief import brief

    told = brief(story)
    if story.get("verdict"):
        out.print(f"Verdict: {story['verdict']}")
    for protocol, standing in told.standing.items():
        out.print(f"{protocol:9}  {standing}")
    for number in told.numbers:
        out.print(f"{number.name} {number.value}  ({number.asked})")
    if story["rejections"]:
        out.print(f"{len(story['rejections'])} refusals")
    out.print(f"Next: {told.next_step}", soft_wrap=True)
    out.print(f"More: mtl explain {story['subject']} --full", soft_wrap=True)


def _print_refusals(story: dict[str, Any]) -> None:
    _print_list("Refusals", [{k: v for k, v in r.items() if k != "lines"} for r in story["rejections"]])
    for refusal in story["rejections"]:
        if refusal["lines"]:
            out.print(f"Lines of {refusal['subject']}:", markup=False)
            for line in refusal["lines"]:
                out.print(f"  {line}", markup=False, highlight=False)


def _print_all(story: dict[str, Any]) -> None:
    _print_list("Gates", story.get("gates", []))
    _print_list("Clusters", story.get("clusters", []))
    if "ranking" in story:
        _print_ranking(story["ranking"])
    told = ("rule", "name", "passed", "reason", "evidence", "confidence")
    rules = [{name: rule[name] for name in told} for rule in story.get("rules", [])]
    _print_list("Chemical rules (article §2.4)", rules)
    _print_list("Calculations", story.get("calculations", []))
    if story.get("verdict"):
        out.print(f"Verdict: {story['verdict']}")
        for hint in story["what_would_decide"]:
            out.print(f"  would be decided by {hint}")
    if story.get("pending"):
        out.print(f"Pending: {', '.join(story['pending'])}")
    if "other_materials" in story:
        out.print(f"The name also stands for {', '.join(story['other_materials'])}")


def _print_structure(story: dict[str, Any]) -> None:
    facts = story["structure"]
    out.print(Text(story["subject"], style="bold"), f" {facts['formula']}  {facts['space_group']}")
    kind = "ordered" if facts["ordered"] else "disordered"
    out.print(
        f"{facts['n_sites']} sites, {kind}, from {facts['file']}, releases: {', '.join(facts['releases'])}"
    )
    if facts["representative"] != story["subject"]:
        out.print(f"duplicate of {facts['representative']}, which stands for it")
    if facts["flags"]:
        out.print(f"flags: {', '.join(facts['flags'])}")
    if story.get("known_conductor"):
        out.print("counts as a known superionic conductor")
    if story.get("measured_conductivity_S_per_cm") is not None:
        out.print(
            f"measured: {story['measured_conductivity_S_per_cm']:.2g} S/cm near room temperature "
            f"({story['measured_source']})",
            soft_wrap=True,
        )
    for contradiction in story.get("label_contradictions", ()):
        out.print(f"labels: {contradiction}", soft_wrap=True)


def _print_ranking(made_of: dict[str, Any]) -> None:
    if made_of["priority"] is None:
        ratio = "–" if made_of["v3_over_d3"] is None else f"{made_of['v3_over_d3']:.2f}"
        out.print(f"Priority: none, {made_of['reason']}; v3/d3 {ratio}")
        return
    out.print(
        f"Priority {made_of['priority']:.2f} = ln v3/d3 − E_3D / 0.5 eV: v3/d3 {made_of['v3_over_d3']:.2f} "
        f"({made_of['v3_A']:.2f} / {made_of['d3_A']:.2f} Å), E_3D {made_of['E_3D_eV']:.2f} eV "
        f"(E_1D {made_of['E_1D_eV']:.2f}, E_2D {made_of['E_2D_eV']:.2f} eV)",
        soft_wrap=True,
    )
    if (refined := made_of["refined"]) and refined["E_3D_eV"] is not None:
        out.print(
            f"Refined: E_3D {refined['E_3D_eV']:.2f}, E_2D {refined['E_2D_eV']:.2f}, E_1D {refined['E_1D_eV']:.2f} eV",
            soft_wrap=True,
        )


def _print_list(title: str, entries: list[dict[str, Any]]) -> None:
    if entries:
        columns = list(entries[0])
        rows = [[_text(entry[column]) for column in columns] for entry in entries]
        out.print(table(title, [column.replace("_", " ") for column in columns], rows))


def _text(value: Any) -> Any:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_text(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value[:6])) + (" …" if len(value) > 6 else "")
    return value
