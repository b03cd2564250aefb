"""A flow handed in becomes one workflow, however often and from wherever it is handed in."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fireworks import FWorker
from jobflow import Flow
from launch_jobs import add, fail, light_and_heavy, note, two_steps

from mtl_flows.errors import ConfigurationError, DocumentTooLargeError
from mtl_flows.launch.categories import heavy
from mtl_flows.launch.launchpad import job_store, launchpad
from mtl_flows.launch.names import CATEGORIES, DYNAMICS, HEAVY, LIGHT
from mtl_flows.launch.submit import Submission, submit, submit_all, work_key


def test_flow_becomes_a_workflow(address, database):
    submitted = submit(two_steps(), address, name="sum", metadata={"material": "icsd-1"})
    assert submitted.outcome == "added"
    workflow = database.workflows.find_one({})
    assert (workflow["name"], workflow["metadata"]["material"]) == ("sum", "icsd-1")
    assert submitted.fw_ids == (1, 2) == tuple(workflow["nodes"])
    states = {fw["fw_id"]: fw["state"] for fw in database.fireworks.find()}
    assert states == {1: "READY", 2: "WAITING"}


def test_no_spec_holds_a_store(address, database):
    submit(two_steps(), address, name="sum")
    assert [fw["spec"]["_tasks"][0]["store"] for fw in database.fireworks.find()] == [None, None]


def test_jobs_are_light_unless_they_say_otherwise(address, database):
    submit(light_and_heavy(), address, name="both")
    assert [fw["spec"]["_category"] for fw in database.fireworks.find(sort=[("fw_id", 1)])] == [LIGHT, HEAVY]


def test_single_job_can_be_submitted(address, database):
    submit(add(1, 2), address, name="one job")
    assert database.fireworks.count_documents({}) == 1


def test_submitting_twice_gives_the_same_workflow(address, database):
    first = submit(two_steps(), address, name="sum")
    second = submit(two_steps(), address, name="sum")
    assert second.fw_ids == first.fw_ids
    assert second.outcome == "existing"
    assert database.workflows.count_documents({}) == 1
    assert database.fireworks.count_documents({}) == 2


def test_submitting_at_the_same_moment_gives_one_workflow(address, database):
    launchpad(address).connection.close()
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: submit(two_steps(), address, name="sum"), range(8)))
    assert {result.fw_ids for result in results} == {results[0].fw_ids}
    assert sorted(result.outcome for result in results) == ["added"] + 7 * ["existing"]
    assert database.workflows.count_documents({}) == 1
    assert database.fireworks.count_documents({}) == 2


def many(made: list[int]) -> list[Submission]:
    def make(x):
        made.append(x)
        return two_steps(x)

    return [
        Submission(f"sum {x}", lambda x=x: make(x), {"material": f"icsd-{x}"}, f"of {x}") for x in range(5)
    ]


def test_many_are_handed_in_at_once_and_made_once(address, database):
    made: list[int] = []
    first = submit_all(many(made), address)
    assert [w.outcome for w in first] == ["added"] * 5
    assert [w.fw_ids for w in first] == [(1, 2), (3, 4), (5, 6), (7, 8), (9, 10)]
    again = submit_all(many(made), address)
    assert [w.outcome for w in again] == ["existing"] * 5
    assert made == [0, 1, 2, 3, 4]
    assert submit(two_steps(3), address, name="sum 3").fw_ids == (7, 8)
    assert database.workflows.count_documents({}) == 5


def test_equal_pieces_of_one_batch_are_one_workflow(address, database):
    twice = [Submission("sum", lambda: two_steps(1), inputs=inputs) for inputs in ("one", "other")]
    first, second = submit_all(twice, address)
    assert (first.fw_ids, first.outcome, second.outcome) == (second.fw_ids, "added", "existing")
    assert database.fireworks.count_documents({}) == 2


def test_what_was_made_of_the_same_and_failed_is_restarted(address, database, run):
    failing = [Submission("bad", lambda: fail("no luck"), inputs="bad")]
    submit_all(failing, address)
    run()
    assert submit_all(failing, address)[0].outcome == "restarted"
    assert database.fireworks.find_one()["state"] == "READY"


def test_what_was_made_of_the_same_and_is_over_is_added_anew(address, run):
    work = [Submission("sum", two_steps, inputs="of one")]
    first = submit_all(work, address)[0]
    run()
    second = submit_all(work, address)[0]
    assert (second.outcome, submit_all(work, address)[0].outcome) == ("added", "existing")
    assert set(first.fw_ids).isdisjoint(second.fw_ids)


def test_a_job_that_waits_for_another_flow_is_refused(address, database):
    elsewhere = add(1, 1)
    with pytest.raises(ConfigurationError, match="not handed in with it"):
        submit(add(elsewhere.output, 1), address, name="half")
    assert database.fireworks.count_documents({}) == 0


@pytest.mark.parametrize(
    ("other", "name"),
    [(two_steps(2), "sum"), (two_steps(), "another name"), (Flow([add(1, 2), add(1, 3)]), "sum")],
)
def test_other_work_is_another_workflow(address, database, other, name):
    submit(two_steps(), address, name="sum")
    assert submit(other, address, name=name).outcome == "added"
    assert database.workflows.count_documents({}) == 2


def test_key_ignores_identifiers_but_not_the_way_jobs_hang_together():
    assert work_key(two_steps(), "sum") == work_key(two_steps(), "sum")
    a, b = add(1, 1), add(1, 1)
    on_first = Flow([a, b, add(a.output, 1)])
    c, d = add(1, 1), add(1, 1)
    on_second = Flow([c, d, add(d.output, 1)])
    assert work_key(on_first, "x") != work_key(on_second, "x")


def test_key_keeps_references_into_other_workflows_apart():
    elsewhere, elsewhere_too = add(1, 1), add(1, 1)
    assert work_key(add(elsewhere.output, 1), "x") != work_key(add(elsewhere_too.output, 1), "x")


def test_failed_work_is_restarted_and_completed_parts_stay(address, database, run, journal):
    def flow():
        return Flow([note(str(journal), "good"), fail("no luck")])

    first = submit(flow(), address, name="mixed")
    run()
    again = submit(flow(), address, name="mixed")
    assert (again.outcome, again.fw_ids) == ("restarted", first.fw_ids)
    assert run().fizzled == 1
    assert journal.read_text().count("start") == 1
    assert database.workflows.count_documents({}) == 1


@pytest.mark.parametrize("ending", ["complete", "archive", "defuse"])
def test_work_that_is_over_can_be_submitted_anew(address, database, run, ending):
    first = submit(two_steps(), address, name="sum")
    if ending == "complete":
        run()
    else:
        pad = launchpad(address)
        (pad.archive_wf if ending == "archive" else pad.defuse_wf)(first.fw_ids[0])
        pad.connection.close()
    second = submit(two_steps(), address, name="sum")
    assert second.outcome == "added"
    assert set(second.fw_ids).isdisjoint(first.fw_ids)
    assert submit(two_steps(), address, name="sum") == type(second)(second.fw_ids, "sum", "existing")


def test_oversized_work_leaves_nothing_behind(address, database):
    with pytest.raises(DocumentTooLargeError, match="too much"):
        submit(add("x" * 17_000_000, "y"), address, name="too much")
    assert database.workflows.count_documents({}) == 0
    assert database.fireworks.count_documents({}) == 0


@pytest.mark.parametrize("kinds", [[LIGHT], list(DYNAMICS), list(CATEGORIES)], ids=["light", "heavy", "any"])
def test_the_next_job_of_a_kind_is_found_behind_many_of_another(address, database, kinds):
    jobs = [heavy(add(n, 1)) for n in range(40)] + [add(n, 1) for n in range(40, 80)]
    submit(Flow(jobs), address, name="heavy ones first")
    asked = {**FWorker("mtl", category=kinds).query, "state": "READY"}
    found = database.fireworks.find(asked).sort([("spec._priority", -1), ("created_on", 1)]).limit(1)
    assert found.explain()["executionStats"]["totalDocsExamined"] == 1
    assert next(found)["spec"]["_category"] == (LIGHT if kinds == [LIGHT] else HEAVY)


def test_opening_the_launchpad_deletes_nothing(address, database):
    submit(two_steps(), address, name="sum")
    counters = database.fw_id_assigner.find_one()
    launchpad(address).connection.close()
    assert database.fireworks.count_documents({}) == 2
    assert database.fw_id_assigner.find_one() == counters


def test_lost_counter_goes_on_behind_the_highest_id(address, database):
    submit(two_steps(), address, name="sum")
    database.fw_id_assigner.delete_many({})
    assert submit(two_steps(5), address, name="sum").fw_ids == (3, 4)


def test_launchpad_and_job_store_share_the_database(address, database):
    pad = launchpad(address)
    store = job_store(address)
    try:
        assert pad.name == address.database
        assert store.docs_store.database == address.database
        assert store.additional_stores["data"].database == address.database
    finally:
        store.close()
        pad.connection.close()
