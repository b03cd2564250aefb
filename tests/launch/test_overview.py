"""What `mtl status` shows."""

import subprocess
import sys

from launch_jobs import add, fail, light_and_heavy, two_steps

from mtl_flows.launch.failures import failures
from mtl_flows.launch.launchpad import launchpad
from mtl_flows.launch.names import HEAVY, LIGHT
from mtl_flows.launch.overview import overview
from mtl_flows.launch.submit import submit


def test_empty_database(address, database):
    assert overview(database).workflows == []
    assert failures(database) == []


def test_rows_describe_workflows_the_latest_first(address, run, database):
    submit(light_and_heavy(), address, name="half", metadata={"material": "icsd-7"})
    run(categories=[LIGHT])
    submit(fail("no luck"), address, name="bad")
    run()
    submit(two_steps(), address, name="new")
    new, bad, half = overview(database).workflows
    assert (new.name, new.state, new.states, new.errors) == ("new", "READY", {"READY": 1, "WAITING": 1}, ())
    assert (bad.state, bad.errors, bad.material) == ("FIZZLED", ("ValueError: no luck",), "")
    assert (half.material, half.states, half.categories) == ("icsd-7", {"COMPLETED": 2}, (HEAVY, LIGHT))
    assert half.fw_ids == (1, 2)
    assert half.updated is not None


def test_rows_can_be_chosen(address, run, database):
    for x in range(3):
        submit(add(x, x), address, name=f"number {x}")
    run(max_rockets=1)
    assert [row.state for row in overview(database, states=["COMPLETED"]).workflows] == ["COMPLETED"]
    assert [row.name for row in overview(database, limit=2).workflows] == ["number 2", "number 1"]


def test_archived_workflows_are_left_out(address, database):
    submitted = submit(two_steps(), address, name="old")
    pad = launchpad(address)
    pad.archive_wf(submitted.fw_ids[0])
    pad.connection.close()
    assert overview(database).workflows == []
    assert len(overview(database, states=["ARCHIVED"]).workflows) == 1


def test_job_that_cannot_be_read_tells_why(address, database, run):
    submit(add(1, 2), address, name="from elsewhere")
    function = "spec._tasks.0.job.function.@module"
    database.fireworks.update_one({}, {"$set": {function: "a_package_nobody_has"}})
    summary = run()
    (group,) = failures(database)
    assert [failure.error for failure in summary.failures] == [group.error]
    assert "a_package_nobody_has" in group.error


def test_overview_starts_no_engine():
    code = "import sys, mtl_flows.launch.overview, mtl_flows.launch.templates\nprint(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {"fireworks", "jobflow", "pymatgen", "torch"}.isdisjoint(modules.split())
