"""Jobs are found by what people know of them, and steered: with real rockets."""

from pathlib import Path

import pytest
from jobflow import Flow
from launch_jobs import add, fail, light_and_heavy, note, refuse, spread_owners, two_steps

from mtl_flows.errors import NotFoundError
from mtl_flows.launch.events import RocketOutcome
from mtl_flows.launch.failures import failures, remedy
from mtl_flows.launch.jobs import JobFilter, find_jobs, job_story
from mtl_flows.launch.names import HEAVY, LIGHT
from mtl_flows.launch.steering import cancel, pause, prioritise, rerun, resume
from mtl_flows.launch.submit import submit


def states(address):
    return {job.fw_id: job.state for job in find_jobs(address)}


def when_started(act):
    """Do something to a job in the moment in which a worker has taken it."""
    return lambda event: act(event.fw_id) if event.outcome is RocketOutcome.STARTED else None


def test_jobs_are_found_by_material_state_error_and_id(address, run):
    assert find_jobs(address) == []
    submit(light_and_heavy(), address, name="half", metadata={"material": "icsd-7"})
    run(categories=[LIGHT])
    submit(fail("no luck with 7 of 9"), address, name="bad", metadata={"material": "licl"})
    run(categories=[LIGHT])
    bad, heavy, light = find_jobs(address)
    assert [job.fw_id for job in (bad, heavy, light)] == [3, 2, 1]
    assert (light.state, light.material, light.workflow, light.category) == (
        "completed",
        "icsd-7",
        "half",
        LIGHT,
    )
    assert Path(light.folder).is_dir()
    assert light.host
    assert (heavy.state, heavy.category, heavy.folder) == ("ready", HEAVY, "")
    assert (bad.state, bad.error) == ("fizzled", "ValueError: no luck with 7 of 9")
    assert "Traceback" in bad.traceback
    assert bad.since >= light.since

    assert find_jobs(address, JobFilter(material="icsd-7")) == [heavy, light]
    assert find_jobs(address, JobFilter(material="icsd-7", states=("ready",))) == [heavy]
    assert find_jobs(address, JobFilter(ids=(1, 3), material="licl")) == [bad]
    assert find_jobs(address, JobFilter(error="NO LUCK")) == [bad]
    assert find_jobs(address, JobFilter(error="something else")) == []
    assert find_jobs(address, limit=2) == [bad, heavy]


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        (JobFilter(material="icsd-8"), "there is icsd-7"),
        (JobFilter(engine="chgnet"), "there is none yet"),
        (JobFilter(ids=(1, 77)), "77"),
    ],
)
def test_what_no_job_has_is_refused(address, chosen, told):
    submit(two_steps(), address, name="two", metadata={"material": "icsd-7"})
    with pytest.raises(NotFoundError, match=told):
        find_jobs(address, chosen)
    with pytest.raises(NotFoundError, match=told):
        cancel(address, chosen)
    assert states(address) == {1: "ready", 2: "waiting"}


def test_failures_are_grouped_by_cause_with_what_to_do(address, run, database):
    for number in (1, 2):
        submit(fail(f"atom {number} is gone"), address, name=f"gone {number}")
    submit(refuse(), address, name="refused")
    run()
    gone, refused = failures(database)
    assert (gone.count, gone.fw_ids, gone.error) == (2, (1, 2), "ValueError: atom 1 is gone")
    assert gone.remedy == "look at its output: mtl job show"
    assert refused.remedy == "give it (all of) what it wants"
    assert remedy("ModuleNotFoundError: No module named 'chgnet'") == "install it where the workers run"
    assert remedy("WorkerLost: process 1 ended") == "it ended three workers: give it more memory or time"


def test_a_job_that_failed_runs_again_and_tells_of_every_attempt(address, run, tmp_path):
    flag = tmp_path / "there"
    submit(two_steps(), address, name="well")
    submit(refuse(str(flag)), address, name="refused at first")
    run()
    flag.touch()
    again = rerun(address, JobFilter(error="stubborn"))
    assert [job.fw_id for job in again.done] == [3]
    assert rerun(address, JobFilter(ids=(1, 2))).left == tuple(find_jobs(address, JobFilter(ids=(1, 2))))
    assert run().completed == 1
    story = job_story(address, 3)
    assert (story.job.state, story.job.error) == ("completed", "")
    assert [launch.state for launch in story.launches] == ["fizzled", "completed"]
    assert "stubborn" in story.launches[0].error
    assert job_story(address, 1).after == (2,)
    assert job_story(address, 2).before == (1,)


def test_what_has_not_begun_is_held_back_and_goes_on(address, run):
    submit(two_steps(), address, name="held", metadata={"material": "licl"})
    submit(add(1, 1), address, name="free")
    held = pause(address, JobFilter(material="licl"))
    assert {job.fw_id for job in held.done} == {1, 2}
    assert run().completed == 1
    assert states(address) == {1: "paused", 2: "paused", 3: "completed"}
    assert not pause(address, JobFilter(material="licl")).done
    assert len(resume(address, JobFilter(material="licl")).done) == 2
    assert run().completed == 2


def test_what_runs_is_paused_after_it_ends(address, run):
    submit(spread_owners(1), address, name="chunks")
    summary = run(on_event=when_started(lambda fw_id: pause(address, JobFilter(ids=(fw_id,)))))
    assert summary.completed == 1
    assert states(address) == {1: "completed", 2: "paused"}
    assert run().completed == 0
    resume(address, JobFilter(states=("paused",)))
    assert run().completed == 1


def test_a_pause_can_be_taken_back_while_the_job_runs(address, run):
    submit(spread_owners(1), address, name="chunks")

    def pause_and_resume(fw_id):
        assert pause(address, JobFilter(ids=(fw_id,))).done
        (running,) = find_jobs(address, JobFilter(ids=(fw_id,)))
        assert (running.state, running.pausing) == ("running", True)
        assert not pause(address, JobFilter(ids=(fw_id,))).done
        assert resume(address, JobFilter(ids=(fw_id,))).done

    assert run(max_rockets=1, on_event=when_started(pause_and_resume)).completed == 1
    assert run().completed == 1


def test_what_runs_is_cancelled_and_writes_no_more(address, run, database, journal):
    flow = note(str(journal), "work")
    submit(flow, address, name="cancelled")
    summary = run(on_event=when_started(lambda fw_id: cancel(address, JobFilter(ids=(fw_id,)))))
    assert (summary.completed, len(summary.lost)) == (0, 1)
    assert states(address) == {1: "defused"}
    assert database["outputs"].count_documents({}) == 0
    assert run().completed == 0
    assert not resume(address, JobFilter(ids=(1,))).done
    # The same work handed in again is new.
    assert submit(note(str(journal), "work"), address, name="cancelled").outcome == "added"
    assert run().completed == 1


def test_a_flow_is_given_up_with_what_failed_in_it(address, run, database):
    first = fail("no")
    submit(Flow([first, add(first.output, 1)]), address, name="hopeless", metadata={"material": "licl"})
    run()
    assert len(cancel(address, JobFilter(material="licl")).done) == 2
    assert set(states(address).values()) == {"defused"}
    assert failures(database) == []


def test_priority_is_obeyed_and_handed_on(address, run, database):
    for name in ("first", "second"):
        submit(add(1, 2), address, name=name)
    submit(spread_owners(1), address, name="chunks", metadata={"material": "licl"})
    prioritise(address, JobFilter(material="licl"), 5)
    run(max_rockets=2)
    assert states(address) == {1: "ready", 2: "ready", 3: "completed", 4: "completed"}
    assert database.fireworks.find_one({"fw_id": 4})["spec"]["_priority"] == 5
    assert find_jobs(address, JobFilter(ids=(4,)))[0].priority == 5


def test_what_comes_after_a_cancelled_job_goes_with_it(address):
    first = add(1, 2)
    second, beside = add(first.output, 3), add(7, 8)
    third = add(second.output, 4)
    jobs = [first, second, third, beside]
    for place, job in enumerate(jobs):
        job.name = str(place)
    submit(Flow(jobs), address, name="chain")
    ids = {job.name: job.fw_id for job in find_jobs(address)}
    steered = cancel(address, JobFilter(ids=(ids["1"],)))
    assert [job.name for job in steered.done] == ["1"]
    assert [job.name for job in steered.after] == ["2"]
    assert {name: states(address)[i] for name, i in ids.items()} == {
        "0": "ready",
        "1": "defused",
        "2": "defused",
        "3": "ready",
    }
