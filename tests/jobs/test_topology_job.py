"""Topology of a batch: complete documents, once, also after a worker was killed on the way."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterable
from typing import Any

import pytest
from samples import HERE, TINY, contents, crystal, fill

from mtl_flows.jobs import batch
from mtl_flows.jobs.batch import Limits
from mtl_flows.jobs.topology import run_topology
from mtl_flows.schemas.topology import TopologyDocument, topology_stage
from mtl_flows.science.topology import TopologyParameters, compute_topology
from mtl_flows.store.collection import WriteSummary
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.stages import BarcodeCollection, StageCollection, TopologyCollection

PARAMETERS = TopologyParameters()
SPAWN = multiprocessing.get_context("spawn")


def run(store: MTLStore, ids: list[str], parameters: TopologyParameters = PARAMETERS) -> tuple[int, int, int]:
    summary = run_topology(store, ids, mobile_ion="Li", parameters=parameters, limits=HERE)
    return summary.computed, summary.already_there, summary.rejected


def test_documents_hold_what_science_computes(store: MTLStore) -> None:
    ids = fill(store, "li3n", "li7sbo6")
    assert run(store, ids) == (2, 0, 0)
    found = store.topology.by_structure(ids, topology_stage(PARAMETERS, "Li").hash)
    for structure_id, slug in zip(ids, ("li3n", "li7sbo6"), strict=True):
        expected = compute_topology(crystal(slug), "Li", PARAMETERS)
        document = found[structure_id]
        assert document.rho_cycles == expected.rho_cycles
        assert document.r_connected_A == pytest.approx(expected.r_connected_A, abs=1e-4)
        assert (document.d3_A, document.v3_A) == pytest.approx((expected.d_A[2], expected.v_A[2]), abs=1e-3)
        assert document.provenance.inputs["structure"] == store.structures.get(structure_id).content_hash


def test_metrics_follow_from_the_stored_barcodes_alone(store: MTLStore) -> None:
    ids = fill(store, "li2o", "li3sbs4")
    run(store, ids)
    for structure_id in ids:
        key = TopologyDocument.key(structure_id, topology_stage(PARAMETERS, "Li"))
        topology, stored = store.topology.get(key), store.barcodes.get(key)
        weights = [orbit.multiplicity for orbit in stored.orbits]
        assert sum(weights) == topology.n_mobile
        r = sum(
            o.barcodes()[0].connection_length_A(10.0) * w for o, w in zip(stored.orbits, weights, strict=True)
        )
        assert r / sum(weights) == pytest.approx(topology.r_connected_A, rel=1e-6)


def test_running_again_changes_nothing_and_other_parameters_stand_beside(store: MTLStore) -> None:
    ids = fill(store, "li3n", "licl")
    run(store, ids)
    before = [list(c.raw.find(sort=[("_id", 1)])) for c in (store.topology, store.barcodes)]
    assert run(store, ids) == (0, 2, 0)
    assert [list(c.raw.find(sort=[("_id", 1)])) for c in (store.topology, store.barcodes)] == before
    assert run(store, ids, TopologyParameters(cutoff_A=8.0)) == (2, 0, 0)
    assert store.topology.count() == store.barcodes.count() == 4


def test_a_structure_without_the_mobile_ion_is_refused(store: MTLStore) -> None:
    ids = fill(store, "li3n")
    summary = run_topology(store, ids, mobile_ion="Na", parameters=PARAMETERS, limits=HERE)
    assert summary.rejected == 1
    (rejection,) = store.rejections.outstanding()
    assert (rejection.stage, rejection.subject, rejection.reason) == ("topology", ids[0], "no_mobile_ion")
    assert rejection.mobile_ion == "Na"


def compute_and_die(address: Connection, ids: list[str], at: type[StageCollection[Any]], write: int) -> None:
    """Compute in small portions and be killed at the n-th write into a collection."""
    batch._WRITE_EVERY = 3
    add, written = at.add, 0

    def add_or_die(self: StageCollection[Any], documents: Iterable[Any]) -> WriteSummary:
        nonlocal written
        written += 1
        if written == write:
            os.kill(os.getpid(), signal.SIGKILL)
        return add(self, documents)

    at.add = add_or_die  # type: ignore[method-assign]
    with MTLStore.connect(address) as store:
        run(store, ids)


@pytest.mark.parametrize(
    ("at", "write", "left"),
    [
        # With the second portion's barcodes written and its metrics not.
        (TopologyCollection, 2, (3, 6)),
        (BarcodeCollection, 4, (9, 9)),
    ],
)
def test_a_killed_batch_run_again_gives_the_same_documents(
    store: MTLStore,
    address: Connection,
    at: type[StageCollection[Any]],
    write: int,
    left: tuple[int, int],
) -> None:
    ids = fill(store, *TINY)
    process = SPAWN.Process(target=compute_and_die, args=(address, ids, at, write))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    assert (store.topology.count(), store.barcodes.count()) == left
    assert run(store, ids) == (len(ids) - left[0], left[0], 0)
    assert_as_if_never_interrupted(store, ids)


def compute_with_workers(address: Connection, ids: list[str]) -> None:
    batch._WRITE_EVERY = 1
    with MTLStore.connect(address) as store:
        run_topology(store, ids, mobile_ion="Li", parameters=PARAMETERS, limits=Limits(workers=1))


def test_a_batch_killed_from_outside_is_picked_up(store: MTLStore, address: Connection) -> None:
    ids = fill(store, *TINY)
    process = SPAWN.Process(target=compute_with_workers, args=(address, ids))
    process.start()
    deadline = time.monotonic() + 120
    while store.barcodes.count() == 0 and time.monotonic() < deadline:
        time.sleep(0.002)
    process.kill()
    process.join(60)
    assert process.exitcode in (-signal.SIGKILL, 0)
    done = store.topology.count()
    assert store.barcodes.count() > 0
    assert run(store, ids) == (len(ids) - done, done, 0)
    assert_as_if_never_interrupted(store, ids)


def assert_as_if_never_interrupted(store: MTLStore, ids: list[str]) -> None:
    resumed = contents(store)
    store.topology.raw.delete_many({})
    store.barcodes.raw.delete_many({})
    assert run(store, ids) == (len(ids), 0, 0)
    assert contents(store) == resumed
