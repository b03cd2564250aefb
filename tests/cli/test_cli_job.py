"""`mtl job`: from a failure to its cure, and the course of jobs."""

import json
from typing import Any

import pytest
from cli_answers import Mtl

from mtl_flows.jobs.barrier import BarrierMaker
from mtl_flows.launch.submit import submit
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore


def hand_in(address: Connection, structure: str, material: str) -> None:
    flow = BarrierMaker(parameters=ScreeningParameters()).make([structure])
    submit(flow, address, name=f"barrier {material}", metadata={"material": material})


@pytest.fixture
def failed(address: Connection, store: MTLStore, server: str, mtl_here: Mtl) -> Connection:
    """A job that fails, of a structure that is not there, and one that waits for a worker."""
    hand_in(address, "nobody.r1", "nobody")
    assert mtl_here("worker").code != 0
    hand_in(address, "icsd-1.r1", "icsd-1")
    return address


def listed(mtl_here: Mtl, *arguments: Any) -> list[dict[str, Any]]:
    answer = mtl_here("job", "list", *arguments, "--json")
    assert answer.code == 0, answer
    return list(json.loads(answer.out))


def test_failures_are_told_with_their_cause_and_what_to_do(mtl_here: Mtl, failed: Connection) -> None:
    told = mtl_here("job", "list").out
    assert "Failures" in told
    assert "nobody.r1" in told
    assert "what to do" in told
    (job,) = listed(mtl_here, "--state", "fizzled")
    assert (job["fw_id"], job["material"], job["stage"]) == (1, "nobody", "barrier")
    assert "NotFoundError" in job["error"]
    shown = mtl_here("job", "show", 1).out
    assert "Traceback" in shown
    assert "what to do: " in shown
    assert "FW_job.out" in shown
    assert json.loads(mtl_here("job", "show", 1, "--json").out)["launches"][0]["state"] == "fizzled"
    assert "mtl job list --state fizzled" in mtl_here("status").err
    assert "Failures" in mtl_here("status", "--errors").out


def test_jobs_are_steered(mtl_here: Mtl, failed: Connection) -> None:
    assert "1 jobs ready to run again: 1" in mtl_here("job", "rerun", "--error", "notfound").out
    paused = mtl_here("job", "pause", "--stage", "barrier", "--material", "icsd-1")
    assert "1 jobs paused: 2" in paused.out
    assert listed(mtl_here, "--state", "paused")[0]["fw_id"] == 2
    again = mtl_here("job", "pause", 2)
    assert ("0 jobs paused" in again.out, "1 left as they are, paused: 2" in again.err) == (True, True)
    assert "1 jobs going on: 2" in mtl_here("job", "resume", 2).out
    assert "1 jobs of priority 7 now: 2" in mtl_here("job", "priority", 7, 2).out
    assert listed(mtl_here, 2)[0]["priority"] == 7
    assert "2 jobs cancelled: " in mtl_here("job", "cancel", 1, 2).out
    assert mtl_here("worker").code == 0


def test_which_jobs_are_meant_has_to_be_said(mtl_here: Mtl, failed: Connection) -> None:
    assert (mtl_here("job", "cancel", "--material", "").code, mtl_here("job", "show", 99).code) == (4, 5)
    unknown = mtl_here("job", "pause", "--material", "icsd-2")
    assert (unknown.code, "icsd-1" in unknown.err) == (5, True)
    assert mtl_here("job", "list", "--state", "dead").code == 2
