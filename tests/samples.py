"""Crystals of published structure, and stores filled with them."""

from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args

from once_for_all import once_for_all
from pymatgen.core import Structure

from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.clustering_run import run_clustering
from mtl_flows.jobs.labels import state_labels
from mtl_flows.jobs.reading import IngestParameters, Reading, read_file
from mtl_flows.report.examples import shipped_table
from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.crystals import CrystalDocument
from mtl_flows.schemas.dynamics import OrderingDocument, Sample, TrajectoryDocument
from mtl_flows.schemas.ingest import StructureDocument
from mtl_flows.schemas.labels import LabelFacts
from mtl_flows.science.compounds import Compound, build_structure, cif_text, load_compounds
from mtl_flows.science.reading import FoundFile
from mtl_flows.science.topology import PROTOCOLS
from mtl_flows.stages import ScreeningParameters, Statement, Subject
from mtl_flows.stages.approximants import order
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.ordering import parent_id
from mtl_flows.stages.work import Limits
from mtl_flows.store.database import MTLStore
from mtl_flows.store.labels import LabelKey

TINY = ("li3n", "li3ocl", "li3obr", "licl", "li2o", "lioh", "licoo2", "li3sbs4", "li7sbo6", "lipn2")
"""Few sites each, and something for every rule and reader."""

SCREENED = (
    *(
        "li3n",
        "li3ocl",
        "licl",
        "li2o",
        "licoo2",
        "li7sbo6",
        "li3sbs4",
        "li4p2s6",
        "li10n3br",
        "li3bn2-alpha",
    ),
    *("li2sio3", "li10gep2s12", "li10snp2s12", "li7p3s11"),
)
"""Something for every gate of both protocols: lost at each, and surviving all, known conductors among them."""


KNOWN = ("li10gep2s12", "li7p3s11")
"""Ids of known conductors among `SCREENED`, to be labelled so."""

HERE = Limits(workers=0)
"""Compute in the test's own process."""


@cache
def compounds() -> dict[str, Compound]:
    return {compound.id: compound for compound in load_compounds(shipped_table())}


def crystal(slug: str) -> Structure:
    return build_structure(compounds()[slug])


def write_cifs(folder: Path, *slugs: str) -> Path:
    """Write crystals as CIF files; one is known to the store by its number in the ICSD or its file name."""
    folder.mkdir(parents=True, exist_ok=True)
    for slug in slugs:
        (folder / f"{slug}.cif").write_text(cif_text(compounds()[slug]))
    return folder


@cache
def reading(slug: str) -> Reading:
    """A crystal as the ingest stage reads it."""
    content = cif_text(compounds()[slug]).encode()
    (found,) = read_file(FoundFile(f"{slug}.cif", content), IngestParameters())
    assert isinstance(found, Reading)
    return found


def structure_document(slug: str) -> StructureDocument:
    """Document of a crystal's first revision."""
    return reading(slug).revision


def subject(slug: str) -> Subject:
    """What stages may read of a crystal's first revision."""
    revision = structure_document(slug)
    said = {name: getattr(revision, name) for name in (*get_args(Statement), "site_charges")}
    material = revision.material_id
    return Subject(revision.id, material, revision.names, material, revision.crystal_id, **said)


def parent(slug: str) -> str:
    """Key of what is ordered of a crystal."""
    return parent_id(subject(slug))


def sample(slug: str, parameters: DynamicsParameters, ordering: int = 0) -> Sample:
    """Cell and replica that an ordering of a crystal gives."""
    return order(subject(slug), crystal_document(slug).to_structure(), ordering, parameters).sample


def crystal_document(slug: str) -> CrystalDocument:
    """Document of a crystal."""
    return reading(slug).crystal


def subjects(store: MTLStore, *slugs: str) -> list[Subject]:
    """What stages may read of these crystals, once they are in the store."""
    return store.structures.subjects([structure_document(slug).id for slug in slugs])


def fill(store: MTLStore, *slugs: str) -> list[str]:
    """Bring crystals into a store, each standing for itself; gives their ids in the order of `slugs`."""
    documents = [
        document.model_copy(
            update={"current": True, "representative_id": document.material_id, "releases": ["1"]}
        )
        for document in map(structure_document, slugs)
    ]
    store.crystals.add(map(crystal_document, slugs))
    store.structures.add(documents)
    return [document.id for document in documents]


# Of a document's provenance and cost: what differs between two runs that did the same.
_INCIDENTAL = {
    *("created_at", "read_at", "resolved_at", "stated_at", "at", "job", "timings_s", "wall_s"),
    *("chosen_at", "history", "stood_since", "noted_at"),
    "ingests",  # how often it was tried
    "inputs_hash",  # of when the inputs were written
}


def contents(store: MTLStore) -> dict[str, list[dict[str, Any]]]:
    """All documents of the domain but for when and by which job they were written."""
    return {c.name: [_stripped(d) for d in c.raw.find(sort=[("_id", 1)])] for c in store.collections}


def _stripped(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _stripped(value) for key, value in node.items() if key not in _INCIDENTAL}
    return [_stripped(item) for item in node] if isinstance(node, list) else node


def label_known(store: MTLStore, *materials: str) -> None:
    label(store, *materials, known_conductor=True)


def label(store: MTLStore, *materials: str, **facts: Any) -> None:
    """State something about materials, as `mtl label` does."""
    state_labels(store, {LabelKey(material, "Li"): LabelFacts(**facts) for material in materials})


def screen(store: MTLStore, ids: Sequence[str], parameters: ScreeningParameters | None = None) -> None:
    """Every stage of the screening, one after the other and without a workflow."""
    p = parameters or ScreeningParameters()
    run_stages(store, ids, p, limits=HERE)
    for protocol in PROTOCOLS:
        run_clustering(store, protocol, p)
    rebuild_candidates(store, p)


_screened: dict[str, list[dict[str, Any]]] = {}


def _contents_screened(store: MTLStore) -> dict[str, list[dict[str, Any]]]:
    label_known(store, *KNOWN)
    screen(store, fill(store, *SCREENED))
    return {collection.name: list(collection.raw.find()) for collection in store.collections}


def fill_screened(store: MTLStore) -> MTLStore:
    """Bring `SCREENED` with `KNOWN` through every stage of the screening; computed once, then copied."""
    if not _screened:
        _screened.update(once_for_all("screened", lambda: _contents_screened(store)))
        if store.candidates.count():  # it was made here
            return store
    for collection in store.collections:
        if documents := _screened[collection.name]:
            collection.raw.insert_many(documents)
    return store


def trajectory(
    made: OrderingDocument, parameters: DynamicsParameters, temperature_K: float, **changes: Any
) -> TrajectoryDocument:
    """A production run of an ordered cell, without chunks unless they are given."""
    stage = parameters.dynamics_stage()
    fields: dict[str, Any] = {
        "id": parameters.trajectory_id(made.sample, temperature_K),
        "material_id": made.material_id,
        "crystal_id": made.crystal_id,
        "parent_id": made.parent_id,
        "series": parameters.ordering_stage().hash,
        "approximant_id": made.approximant_id,
        "replica": made.replica,
        "relaxation_id": parameters.relaxation_id(made.approximant_id),
        "potential_id": parameters.potential_id,
        "parameters_hash": stage.hash,
        "provenance": Provenance.record(stage, {}),
        "ordering_id": made.id,
        "ordering": made.ordering,
        "engine": {},
        "engine_name": parameters.engine,
        "trajectory_stage": "production",
        "temperature_K": temperature_K,
        "timestep_fs": 2.0,
        "frame_interval": 20,
        "steps_done": 1,
        "steps_wanted": 1,
        "status": "running",
    }
    return TrajectoryDocument(**{**fields, **changes})


def without(node: Any, names: Collection[str]) -> Any:
    """The same documents without some fields, at any depth: what says who computed something, for one."""
    if isinstance(node, dict):
        return {key: without(value, names) for key, value in node.items() if key not in names}
    return [without(item, names) for item in node] if isinstance(node, list) else node
