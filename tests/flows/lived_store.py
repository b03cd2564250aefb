"""A store that things happen to, how one works with it, and what of it is compared."""

import os
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.io.cif import CifWriter
from samples import HERE, crystal
from samples import compounds as published
from toy_engines import dynamics

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.clustering import update_clustering
from mtl_flows.jobs.clustering_task import plan_clustering
from mtl_flows.jobs.entry_providers import EntrySource
from mtl_flows.jobs.ingest import ingest
from mtl_flows.jobs.stability import windows_of_material
from mtl_flows.launch.dynamics import plan_dynamics
from mtl_flows.science.compounds import cif_text
from mtl_flows.science.topology import PROTOCOLS
from mtl_flows.stages import CRYSTAL_STAGES, ScreeningParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

WALK = replace(
    dynamics(temperatures_K=(1000.0,), production_ps=0.8, heat_ps=0.1, chunk_ps=0.8), engine="toy_walk:ENGINE"
)
P = ScreeningParameters()
# Of a row: when and under which revision, and what clusters are called.
NOT_COMPARED = {
    *("id", "structure_id", "releases", "inputs_hash", "result_of"),
    *(f"cluster_{protocol}" for protocol in PROTOCOLS),
}


@cache
def plain(slug: str) -> str:
    """A crystal of published structure as CIF, known by the name of its file."""
    return re.sub(r"_database_code_ICSD.*\n", "", cif_text(published()[slug]))


@cache
def doubled(slug: str) -> str:
    """The same in a cell of twice the size, of which rho_cycles differs."""
    return str(CifWriter(crystal(slug) * (1, 1, 2)))


def partly_occupied(text: str, occupancy: float) -> str:
    """The same with lithium sites occupied in part; the file does not state its formula any more."""
    without = re.sub(r"_chemical_formula_sum.*\n", "", text)
    return re.sub(r"^(Li\d+ Li .*) \S+$", rf"\1 {occupancy}", without, flags=re.MULTILINE)


def stretched(text: str, factor: float) -> str:
    return re.sub(r"(_cell_length_[abc]\s+)(\S+)", lambda m: f"{m[1]}{float(m[2]) * factor:.6f}", text)


class Store:
    """A database with a store in it, and how one works with it."""

    def __init__(self, uri: str) -> None:
        self.address = Connection.parse(uri, f"mtl_test_{uuid4().hex[:12]}")
        self._opened = MTLStore.connect(self.address)
        self.store = self._opened.__enter__()

    def close(self) -> None:
        self.store.client.drop_database(self.address.database)
        self._opened.__exit__(None, None, None)

    def deliver(self, source: str, release: str, files: dict[str, str], **options: Any) -> None:
        with TemporaryDirectory() as folder:
            for stem, text in files.items():
                (Path(folder) / f"{stem}.cif").write_text(text)
            ingest(self.store, [folder], release=release, source=source, workers=0, **options)

    def screen(self, parameters: ScreeningParameters = P, *, recluster: bool = False) -> None:
        query = {"elements": parameters.mobile_ion}
        ids = self.store.structures.current_ids(query)
        run_stages(self.store, ids, parameters, stages=CRYSTAL_STAGES, limits=HERE)
        for protocol in PROTOCOLS:
            if plan_clustering(self.store, protocol, parameters).members:
                update_clustering(self.store, protocol, parameters, recluster=recluster)
            else:
                self.store.under(parameters.screening).clusterings.retire(protocol)
        rebuild_candidates(self.store, parameters)

    def simulate(self, material: str, *, own: bool = False, threads: int = 1) -> None:
        """Launch one material and run what that hands in."""
        os.environ["MTL_MONGO_URI"] = self.address.uri
        maker = DynamicsFlowMaker(parameters=replace(WALK, n_threads=threads))
        plan = plan_dynamics(self.store, maker, materials=[material], own=own, again=True)
        for work in plan.todo:
            flow = plan.maker.make(work.parent, work.candidate.material_id, ordered=work.candidate.ordered)
            jobs = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
            run_locally(flow, store=jobs, log=False, ensure_success=work.candidate.ordered)

    def heads(self) -> list[str]:
        """Who stands for a group now, in the order in which they came to."""
        standing = {
            s.material_id for s in self.store.structures.current() if s.material_id == s.representative_id
        }
        places = [d for d in self.store.groups.find() if d.id in standing]
        return [d.id for d in sorted(places, key=lambda d: (d.stood_since, d.id))]

    def windows(self) -> None:
        for material in self.heads():
            if (
                any(self.store.groups.sources([material]))
                and self.store.candidates.get(material).dynamics_status
            ):
                windows_of_material(self.store, material, WALK, EntrySource())
        rebuild_candidates(self.store, P)


def rows(store: MTLStore) -> dict[str, dict[str, Any]]:
    """Rows without what is not compared; whose run they show, without its revision."""
    found = {}
    for row in store.under("Li").candidates.find():
        fields = row.model_dump(exclude=NOT_COMPARED)
        fields["result_of"] = (row.result_of or "").rpartition(".")[0]
        found[row.material_id] = fields
    return found


def groups(store: MTLStore) -> dict[str, str]:
    return {s.material_id: s.representative_id for s in store.structures.current()}


def refusals(store: MTLStore) -> set[tuple[str, ...]]:
    """What is refused and stands, for lithium: another ion may have been looked at in one of two stores alone."""
    return {
        (r.stage, r.source, r.file_stem, r.material_id, r.reason)
        for r in store.rejections.outstanding({"mobile_ion": {"$ne": "Cl"}})
    }


def computed(store: MTLStore, name: str) -> dict[str, Any]:
    incidental = {"provenance": 0, "timings_s": 0, "material_id": 0}
    return {d["_id"]: d for d in store.database[name].find({}, incidental)}
