"""A store of version 1, half of a launch waiting in it, taken over on a real server."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from old_store import restore
from pymongo.database import Database
from samples import HERE, contents
from toy_engines import dynamics
from typer.testing import CliRunner

from mtl_flows.cli.app import app
from mtl_flows.errors import ConfigurationError
from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.clustering import clustering_is_current
from mtl_flows.jobs.dynamics import load_trajectory
from mtl_flows.jobs.screening import screening_parameters
from mtl_flows.launch import takeover
from mtl_flows.launch.campaign import advance_open_campaigns, start_campaign
from mtl_flows.launch.campaign_state import campaign_progress, dynamics_of
from mtl_flows.launch.dynamics import plan_dynamics
from mtl_flows.launch.launchpad import launchpad
from mtl_flows.launch.names import HEAVY
from mtl_flows.launch.worker import work
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.science.topology import PROTOCOLS
from mtl_flows.stages import BARCODES, CHEMISTRY, TOPOLOGY
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.version_1.takeover import Takeover

LICL, LICL_TWICE, LICL_LATER = "icsd-27981", "icsd-52235", "icsd-1044"
LIBR, LI2O = "icsd-53819", "icsd-22402"
STAGES_OF_VERSION_1 = (BARCODES, TOPOLOGY, CHEMISTRY)
TOY = dynamics("Conductor", production_ps=1.2, frame_interval_fs=16.0, chunk_ps=0.4)

pytestmark = [
    pytest.mark.filterwarnings("ignore:cd is deprecated"),
    pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING"),
]


@pytest.fixture
def old(mongo_uri: str) -> Iterator[Connection]:
    """The store that version 1 wrote, in a database of its own."""
    address = Connection.parse(mongo_uri, f"mtl_test_{uuid4().hex[:12]}")
    with address.client() as client:
        restore(client[address.database])
        yield address
        client.drop_database(address.database)


@pytest.fixture(scope="module")
def moved(mongo_uri: str) -> Iterator[Connection]:
    """The same, taken over; nothing is changed there."""
    address = Connection.parse(mongo_uri, f"mtl_test_{uuid4().hex[:12]}")
    with address.client() as client:
        restore(client[address.database])
        takeover.take_over(address)
        yield address
        client.drop_database(address.database)


def everything(database: Database[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """All documents but the note of which collections have their indexes."""
    kept = {"_id": {"$ne": "indexes"}}
    return {
        name: list(database[name].find(kept, sort=[("_id", 1)])) for name in database.list_collection_names()
    }


def rows(database: Database[dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
    return {d["material_id"]: d for d in database[name].find()}


def test_it_opens_with_the_same_survivors_and_representatives(moved: Connection) -> None:
    with MTLStore.connect(moved) as store:
        for collection in store.collections:
            assert all(collection.find())  # every document has the layout of today
        before = rows(store.database, "version_1.candidates")
        after = {row.material_id: row for row in store.candidates.find()}
        assert after.keys() == before.keys()
        shown = ("survives_published", "survives_text", "representative_id", "passes_chemistry")
        for material, row in after.items():
            assert {n: getattr(row, n) for n in shown} == {n: before[material][n] for n in shown}
        # What labels say holds for the whole group now.
        merged = {m for m in after if after[m].is_known_conductor != before[m]["is_known_conductor"]}
        assert merged == {"icsd-7001"}
        (withdrawn,) = store.structures.find({"withdrawn": True})
        assert withdrawn.material_id == "licoo2"
        assert store.releases.order() == ["2024.1", "2025.1"]
        assert store.screenings.named("Li").mobile_ion == "Li"


def test_every_calculation_is_attached_and_every_frame_is_there(moved: Connection) -> None:
    with MTLStore.connect(moved) as store:
        assert (store.dynamics.count(), store.transport.count()) == (31, 11)
        for simulation in store.dynamics.find():
            assert store.orderings.get(simulation.ordering_id).sample == (
                simulation.approximant_id,
                simulation.replica,
            )
            assert store.potentials.get(simulation.potential_id).engine_name == simulation.engine_name
            if simulation.chunks:
                load_trajectory(store, simulation)
                # What version 1 called it still names it.
                (former,) = store.database["former_ids"].find({"now": simulation.id})
                if simulation.trajectory_stage == "production":
                    assert store.simulation(former["_id"]) == simulation
        for name in (LICL, LICL_TWICE, LICL_LATER):
            row = store.candidates.get(name)
            # The most complete of two runs of one crystal, under each of its names.
            assert row.activation_energy_eV == pytest.approx(0.2583632687593629)


def test_screening_and_launching_compute_nothing(moved: Connection) -> None:
    with MTLStore.connect(moved) as store:
        before = everything(store.database)
        p = screening_parameters(store)
        ids = store.structures.current_ids()
        summaries = run_stages(store, ids, p, stages=STAGES_OF_VERSION_1, limits=HERE)
        assert [(s.computed, s.rejected) for s in summaries] == [(0, 0)] * 3
        assert all(clustering_is_current(store, protocol, p) for protocol in PROTOCOLS)
        assert rebuild_candidates(store, p) == 0
        for q in (TOY, replace(TOY, production_ps=0.8), replace(TOY, n_threads=2)):
            plan = plan_dynamics(
                store, DynamicsFlowMaker(parameters=q), materials=[LICL, LICL_TWICE, LICL_LATER]
            )
            assert (plan.todo, len(plan.done)) == ([], 1)
        assert everything(store.database) == before


def test_a_campaign_goes_on_where_it_was(moved: Connection) -> None:
    with MTLStore.connect(moved) as store:
        campaign = store.campaigns.get("halides")
        progress = campaign_progress(store, campaign)
        # Nothing is begun anew; by today's rules what is not decided might be deepened, if somebody asks for it.
        assert {str(d.step) for d in progress.decisions} <= {"stop", "deepen"}
        assert advance_open_campaigns(store, moved) == []
        assert {len(state.simulations) for state in progress.states} == {1}
        candidates: list[CandidateDocument] = [
            store.candidates.get(m.material_id) for m in campaign.materials
        ]
        limits = {
            "core_hours": campaign.core_hours,
            "material_core_hours": campaign.material_core_hours,
            "at_once": campaign.at_once,
        }
        same = start_campaign(store, "halides", candidates, dynamics_of(campaign), **limits)  # type: ignore[arg-type]
        assert same == campaign


def test_a_dry_run_says_it_all_and_does_nothing(old: Connection) -> None:
    with old.client() as client:
        before = everything(client[old.database])
        told = takeover.rehearse(old)
        assert everything(client[old.database]) == before
    done = takeover.take_over(old)
    assert told.documents == done.documents
    assert told.replicas == done.replicas
    assert told.documents["barcodes"] == (25, 20)
    assert set(told.replicas) == {f"{r}:e37965a4f8084978:0" for r in ("icsd-34280.r2", "icsd-52235.r1")}
    assert sorted(told.retired) == sorted(done.retired)
    assert told.handed_in == [LIBR, LI2O, LICL_LATER]
    # Of these the last was simulated under other names of its crystal.
    assert done.handed_in == [f"dynamics {LIBR}", f"dynamics {LI2O}"]


def test_it_is_refused_while_jobs_run(old: Connection) -> None:
    with old.client() as client:
        database = client[old.database]
        database["fireworks"].update_one({"state": "READY"}, {"$set": {"state": "RUNNING"}})
        before = everything(database)
        for attempt in (takeover.rehearse, takeover.take_over):
            with pytest.raises(ConfigurationError, match="1 jobs are at work"):
                attempt(old)
        assert {n: d for n, d in everything(database).items() if d} == before


class KilledError(Exception):
    """In the place of the death of a process."""


@pytest.mark.parametrize("where", ["set aside", "written", "settled"])
def test_interrupted_it_goes_on(
    old: Connection, moved: Connection, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    with monkeypatch.context() as patch:

        def dies(*given: Any, **named: Any) -> None:
            raise KilledError

        def dies_halfway(self: Takeover) -> Iterator[Any]:
            for number, found in enumerate(documents(self)):
                if number == 12:
                    raise KilledError
                yield found

        documents = Takeover.documents
        if where == "set aside":
            patch.setattr(Takeover, "write", dies)
        elif where == "written":
            patch.setattr(Takeover, "documents", dies_halfway)
        else:
            patch.setattr(takeover, "hand_in_again", dies)
        with pytest.raises(KilledError):
            takeover.take_over(old)
    with pytest.raises(ConfigurationError, match="interrupted"), MTLStore.connect(old):
        pass
    assert takeover.is_needed(old)
    takeover.take_over(old)
    assert not takeover.is_needed(old)
    with MTLStore.connect(old) as store, MTLStore.connect(moved) as undisturbed:
        assert contents(store) == contents(undisturbed)
        waiting = {"state": {"$in": ["READY", "RUNNING"]}}
        assert store.database["workflows"].count_documents(waiting) == 2


@pytest.mark.md
def test_what_waits_goes_on_from_its_checkpoints(
    old: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTL_MONGO_URI", old.uri)
    with old.client() as client:
        begun = {d["material_id"]: d for d in client[old.database]["dynamics"].find({"status": "running"})}
    takeover.take_over(old)
    pad = launchpad(old)
    states = Counter(w["state"] for w in pad.workflows.find({"state": {"$ne": "COMPLETED"}}))
    pad.connection.close()
    assert states == {"ARCHIVED": 4, "READY": 2}
    with MTLStore.connect(old) as store:
        before = {s.id: s for s in store.dynamics.find()}
        n_relaxed = store.relaxations.count()
        (chgnet,) = store.potentials.find({"engine_name": "chgnet"})
        assert chgnet.weights_sha256 is None
        summary = work(old, launch_dir=tmp_path, categories=[HEAVY])
        assert summary.failures == ()
        assert store.relaxations.count() == n_relaxed
        assert begun.keys() == {LIBR, LI2O}
        for material in begun:
            for now in store.dynamics.find({"material_id": material, "trajectory_stage": "production"}):
                was = before.get(now.id)
                assert now.status != "running"
                if was is not None:
                    assert now.chunks[: len(was.chunks)] == was.chunks
                    assert now.steps_done >= was.steps_wanted or was.status != "running"
        # Its first worker has loaded the model: the old hash agreed, and the new one stands beside.
        known = store.potentials.get(chgnet.id)
        assert len(known.weights_sha256 or "") == 64
        assert known.tensors_sha256 == chgnet.tensors_sha256
        assert store.potentials.count({"engine_name": "chgnet"}) == 1


def test_the_command(old: Connection, monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    monkeypatch.setenv("MTL_MONGO_URI", old.uri)
    run = CliRunner()
    refused = run.invoke(app, ["query"])
    assert isinstance(refused.exception, ConfigurationError)
    assert "mtl migrate" in refused.exception.remedy
    with pytest.raises(ConfigurationError, match="not taken over yet"):
        run.invoke(app, ["migrate", "--finish"], catch_exceptions=False)
    told = run.invoke(app, ["migrate", "--dry-run"], catch_exceptions=False)
    assert "To be taken over" in told.stdout
    assert f"{LICL_TWICE}.r1:e37965a4f8084978:0: its runs are further replicas" in told.stdout
    assert takeover.is_needed(old)
    done = run.invoke(app, ["migrate"], catch_exceptions=False)
    assert "Taken over" in done.stdout
    assert f"dynamics {LIBR} handed in again" in done.stdout
    with MTLStore.connect(old) as store:
        once = everything(store.database)
        again = run.invoke(app, ["migrate"], catch_exceptions=False)
        assert "every document has the layout" in again.stdout
        assert everything(store.database) == once
        finished = run.invoke(app, ["migrate", "--finish"], catch_exceptions=False)
        assert "20 collections dropped" in finished.stdout
        left = everything(store.database)
        assert not [name for name in left if name.startswith("version_1")]
        assert left == {name: d for name, d in once.items() if not name.startswith("version_1")}
