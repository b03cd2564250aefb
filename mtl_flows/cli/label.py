"""`mtl label`: what is known of materials by measurement."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtl_flows.cli.console import complain, out
from mtl_flows.cli.types import MobileIon

if TYPE_CHECKING:
    from mtl_flows.store.database import MTLStore


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(no_args_is_help=True)(label)


def label(
    what: Annotated[str, typer.Argument(help="A CSV table of labels, or the id of one material.")],
    known: Annotated[
        bool | None, typer.Option("--known/--unknown", help="Counts as a known conductor, or does not.")
    ] = None,
    conductivity_S_per_cm: Annotated[
        float | None, typer.Option("--conductivity", help="Measured near 300 K, S/cm.")
    ] = None,
    below_detection: Annotated[
        bool, typer.Option("--below-detection", help="The conductivity is an upper bound.")
    ] = False,
    family: Annotated[str, typer.Option(help="Structural family, such as garnet.")] = "",
    source: Annotated[str, typer.Option(help="DOI or citation of the measurement.")] = "",
    mobile_ion: MobileIon = "Li",
    replace: Annotated[
        bool, typer.Option("--replace", help="What was stated before of these materials no longer holds.")
    ] = False,
) -> None:
    """Take measured facts about materials: known conductors, conductivities, families.

    What is stated is added to what is known; `--replace` begins anew. Known conductors decide which clusters are
    selected; the article's list is there already, for lithium, and a label beats it. A table has a column id and any
    of known_conductor (true or false), conductivity_S_per_cm, below_detection, family, source and ion.

    Examples: `mtl label labels.csv` · `mtl label icsd-188887 --known --conductivity 0.012 --source 10.1038/nmat3066`
    """
    from mtl_flows.jobs.labels import import_labels, label_material
    from mtl_flows.schemas.labels import LabelFacts
    from mtl_flows.store.database import MTLStore

    facts = LabelFacts(
        known_conductor=known,
        conductivity_S_per_cm=conductivity_S_per_cm,
        below_detection=below_detection,
        family=family,
        source=source,
    )
    with MTLStore.open() as store:
        if facts == LabelFacts():
            written = import_labels(store, Path(what), ion=mobile_ion, replace=replace)
        else:
            written = label_material(store, what, mobile_ion, facts, replace=replace)
            _comment(store, what, mobile_ion)
    out.print(f"labels: {written.inserted} new, {written.replaced} changed, {written.unchanged} unchanged")


def _comment(store: "MTLStore", material_id: str, ion: str) -> None:
    """Say what somebody may not expect of the label just written."""
    from mtl_flows.jobs.labels import label_contradictions

    if not store.groups.group_of(material_id):
        complain("note", f"no material is called {material_id}; the label waits for one")
    for contradiction in label_contradictions(store, material_id, ion):
        complain("note", contradiction)
