"""A campaign on a cluster whose nodes see no database ends by itself."""

from dataclasses import replace
from pathlib import Path

import pytest
from carrying import Site
from fake_cluster import FakeCluster
from samples import fill
from toy_engines import dynamics

from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.launch.campaign import advance_campaign, start_campaign
from mtl_flows.launch.campaign_state import campaign_progress
from mtl_flows.science.dynamics import DynamicsBudget
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")

SCREENING = ScreeningParameters()
TOY = dynamics("HalideConductor")
P = replace(
    TOY,
    budget=DynamicsBudget(max_production_ps=4.0, min_extension_ps=1.0),
    diffusion=replace(TOY.diffusion, min_effective_hops=10.0, max_relative_error=0.25),
)


def test_a_campaign_is_carried_from_probe_to_end(
    store: MTLStore,
    address: Connection,
    tmp_path: Path,
    cluster: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster.use(monkeypatch)
    monkeypatch.chdir(tmp_path)
    fill(store, "licl")
    rebuild_candidates(store, SCREENING)
    rows = list(store.candidates.find())
    start_campaign(store, "halides", rows, P, core_hours=1.0, material_core_hours=0.5)
    advance_campaign(store, address, store.campaigns.get("halides"), SCREENING)

    site = Site(address, tmp_path, cluster)
    site.finish()
    progress = campaign_progress(store, store.campaigns.get("halides"))
    assert progress.ended
    assert len(progress.campaign.rounds) > 2
    simulated = list(store.dynamics.find({"trajectory_stage": "production"}))
    assert {simulation.temperature_K for simulation in simulated} == {800.0, 1200.0}
    assert "running" not in {simulation.status for simulation in simulated}
    # What it cost is what the nodes took.
    assert progress.core_hours * 3600 == pytest.approx(
        sum(chunk.wall_s for s in store.dynamics.find() for chunk in s.chunks), rel=0.01
    )
    assert not [event for event in site.events if event.outcome in ("fizzled", "returned", "lost")]
