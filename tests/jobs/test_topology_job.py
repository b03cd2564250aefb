"""Topology of a batch: complete documents, once, also after a worker was killed on the way."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterable
from typing import Any

import pytest
from samples import HERE, TINY, contents, crystal, fill

from mtl_flows.jobs import stage_results
from mtl_flows.jobs.batch import run_stage
from mtl_flows.science.topology import TopologyParameters, compute_topology
from mtl_flows.stages import BARCODES, TOPOLOGY, CrystalStage, ScreeningParameters
from mtl_flows.stages.work import Limits
from mtl_flows.store.collection import WriteSummary
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.stages import BarcodeCollection, CrystalStageCollection, TopologyCollection

PARAMETERS = TopologyParameters()
SPAWN = multiprocessing.get_context("spawn")


def run(store: MTLStore, ids: list[str], parameters: TopologyParameters = PARAMETERS) -> tuple[int, int, int]:
    screening = ScreeningParameters(topology=parameters)
    run_stage(store, BARCODES, ids, screening, limits=HERE)
    summary = run_stage(store, TOPOLOGY, ids, screening, limits=HERE)
    return summary.computed, summary.already_there, summary.rejected


def keys(store: MTLStore, ids: list[str], stage: CrystalStage[Any] = TOPOLOGY) -> dict[str, str]:
    return stage.keys(store.structures.subjects(ids), ScreeningParameters().of(stage))


def test_documents_hold_what_science_computes(store: MTLStore) -> None:
    ids = fill(store, "li3n", "li7sbo6")
    assert run(store, ids) == (2, 0, 0)
    found = store.topology.found(keys(store, ids))
    for structure_id, slug in zip(ids, ("li3n", "li7sbo6"), strict=True):
        expected = compute_topology(crystal(slug), "Li", PARAMETERS)
        document = found[structure_id]
        assert document.rho_cycles == expected.rho_cycles
        assert document.r_connected_A == pytest.approx(expected.r_connected_A, abs=1e-4)
        assert (document.d3_A, document.v3_A) == pytest.approx((expected.d_A[2], expected.v_A[2]), abs=1e-3)
        assert document.provenance.inputs["crystal"] == store.structures.get(structure_id).crystal_id


def test_metrics_follow_from_the_stored_barcodes_alone(store: MTLStore) -> None:
    ids = fill(store, "li2o", "li3sbs4")
    run(store, ids)
    for structure_id in ids:
        topology = store.topology.get(keys(store, [structure_id])[structure_id])
        stored = store.barcodes.get(keys(store, [structure_id], BARCODES)[structure_id])
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
    summary = run_stage(store, BARCODES, ids, ScreeningParameters("Na"), limits=HERE)
    assert summary.rejected == 1
    assert run_stage(store, TOPOLOGY, ids, ScreeningParameters("Na"), limits=HERE).rejected == 0
    (rejection,) = store.rejections.outstanding()
    (key,) = BARCODES.keys(store.structures.subjects(ids), ScreeningParameters("Na").of(BARCODES)).values()
    assert (rejection.stage, rejection.subject, rejection.reason) == ("barcodes", key, "no_mobile_ion")
    assert rejection.mobile_ion == "Na"


def compute_and_die(
    address: Connection, ids: list[str], at: type[CrystalStageCollection[Any]], write: int
) -> None:
    """Compute in small portions and be killed at the n-th write into a collection."""
    stage_results.WRITE_EVERY = 3
    add, written = at.add, 0

    def add_or_die(self: CrystalStageCollection[Any], documents: Iterable[Any]) -> WriteSummary:
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
        (TopologyCollection, 2, (3, len(TINY))),
        (BarcodeCollection, 4, (0, 9)),
    ],
)
def test_a_killed_batch_run_again_gives_the_same_documents(
    store: MTLStore,
    address: Connection,
    at: type[CrystalStageCollection[Any]],
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
    stage_results.WRITE_EVERY = 1
    with MTLStore.connect(address) as store:
        for stage in (BARCODES, TOPOLOGY):
            run_stage(store, stage, ids, ScreeningParameters(), limits=Limits(workers=1))


@pytest.mark.faults
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


def test_a_new_descriptor_reads_stored_barcodes(store: MTLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Topology under other parameters runs no homology where those of the barcodes are the same."""
    ids = fill(store, *TINY[:4])
    run(store, ids)

    def refuse(*_: object) -> None:
        raise AssertionError("homology runs")

    for homology in ("rips_barcodes", "rips_components"):
        monkeypatch.setattr(f"mtl_flows.science.topology.compute.{homology}", refuse)
    assert run(store, ids, TopologyParameters(tie_tolerance=0.0)) == (4, 0, 0)
    assert (store.topology.count(), store.barcodes.count()) == (8, 4)
