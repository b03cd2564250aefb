"""`mtl cluster`: clusterings, their clusters, and what changed between two of them."""

from typing import Annotated

import typer

from mtl_flows.cli.console import err, out, print_json, table
from mtl_flows.cli.retired import retired_group
from mtl_flows.cli.screening import open_screening
from mtl_flows.cli.types import Json, ScreeningName

_NAME_HELP = "Id of a clustering; or published, text for the current one, text~1 for the one before."


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(no_args_is_help=True, help="List, show and compare clusterings.")
    group.command("list")(list_)
    group.command()(show)
    group.command()(diff)
    app.add_typer(group, name="cluster")
    retired_group(app, "clusters", "cluster", group)


def list_(screening: ScreeningName = "", json: Json = False) -> None:
    """List every clustering: size, quality, and whether newcomers still fit it."""
    from mtl_flows.report.clusters import list_clusterings

    with open_screening(screening) as store:
        runs = list_clusterings(store)
    if json:
        print_json(runs)
        return
    if not runs:
        err.print("nothing is clustered yet; mtl screen does it")
        return
    quality = ["silhouette", "damping", "ARI of 90 %", "since then"]
    rows = [
        [
            f"{run['id']}{' (current)' if run['current'] else ''}",
            *(run["materials"], run["clusters"], run["selected_clusters"], run["silhouette"], run["damping"]),
            run["subsample_ari"],
            f"{run['provisional']} placed: {run['drift']}" if run["provisional"] else "",
        ]
        for run in runs
    ]
    columns = ["clustering", "materials", "clusters", "selected", *quality]
    out.print(table("Clusterings", columns, rows, spare=[*reversed(quality)]))


def show(
    clustering: Annotated[str, typer.Argument(help=_NAME_HELP)] = "published",
    screening: ScreeningName = "",
    json: Json = False,
) -> None:
    """Show the clusters of one clustering: exemplar, size, known conductors; and how stable the partition is."""
    from mtl_flows.report.clusters import find_clustering

    with open_screening(screening) as store:
        found = find_clustering(store, clustering)
    if json:
        print_json(found.model_dump(by_alias=True))
        return
    rows = [
        [c.name, c.exemplar, c.size, c.selected, " ".join(c.known_conductors)]
        for c in sorted(found.clusters, key=lambda c: (-c.size, c.name))
    ]
    columns = ["cluster", "exemplar", "materials", "selected", "known conductors"]
    out.print(table(f"{found.id}: {found.n_materials} materials", columns, rows))
    stability = found.stability
    dampings = ", ".join(f"{ari:.2f} at {damping}" for damping, ari in stability.damping_ari.items())
    ari = "not assessed"
    if stability.mean_ari is not None:
        ari = f"{stability.mean_ari:.2f} (of {len(stability.subsample_ari)})"
    out.print(
        f"{found.method}, damping {found.damping:g}, {found.n_iterations} iterations, "
        f"silhouette {found.silhouette:.2f}; "
        f"ARI with 90 % subsamples {ari}{', with other dampings ' + dampings if dampings else ''}"
    )
    if found.drift is not None and found.drift.n_new:
        out.print(f"{found.drift.n_new} materials placed since: {found.drift.reason}")


def diff(
    old: Annotated[str, typer.Argument(help=_NAME_HELP)],
    new: Annotated[str, typer.Argument(help=_NAME_HELP)],
    screening: ScreeningName = "",
    json: Json = False,
) -> None:
    """Say what became of the clusters of one clustering in another.

    Example: `mtl cluster diff text~1 text`
    """
    from mtl_flows.report.clusters import compare_clusterings, find_clustering

    with open_screening(screening) as store:
        found = compare_clusterings(store, find_clustering(store, old), find_clustering(store, new))
    if json:
        print_json(found)
        return
    counts = found["materials"]
    ari = "" if found["ari"] is None else f", adjusted Rand index {found['ari']:.2f}"
    out.print(
        f"{found['old']} → {found['new']}: {counts['both']} materials in both{ari}, "
        f"{counts['only_old']} have left, {counts['only_new']} are new"
    )
    rows = [[e["kind"], " ".join(e["old"]), " ".join(e["new"])] for e in found["events"]]
    out.print(table("Clusters", ["what happened", "before", "after"], rows))
    for title, key in (("now selected", "selected"), ("no longer selected", "no_longer_selected")):
        if found[key]:
            out.print(f"{title}: {', '.join(found[key])}")
    if found["moved"]:
        moved = [[m["material"], m["old"], m["new"]] for m in found["moved"]]
        out.print(table("Materials in another cluster", ["material", "before", "after"], moved))
