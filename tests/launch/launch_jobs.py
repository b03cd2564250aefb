"""Jobs for the tests of this folder; a module of their own, so that worker processes can import them."""

import os
import signal
import time
from pathlib import Path

from fireworks import FiretaskBase, explicit_serialize
from fireworks.features.dupefinder import DupeFinderBase
from jobflow import Flow, Response, job
from pymongo import MongoClient

from mtl_flows.errors import MTLError
from mtl_flows.jobs.context import worker_store
from mtl_flows.launch.categories import heavy
from mtl_flows.settings import Settings


@job
def add(a, b):
    print("adding", a, b)
    return a + b


@job
def fail(message):
    raise ValueError(message)


@job
def refuse(unless=""):
    """Fail with an error of ours until a file is there."""
    if not (unless and Path(unless).exists()):
        raise MTLError("is stubborn", subject="a job", remedy="give it (all of) what it wants")


@job
def note(journal, text, seconds=0.0):
    """Write one line before and one after a pause; an interrupted run leaves the first alone."""
    with Path(journal).open("a") as file:
        file.write(f"start {text} {os.getpid()}\n")
    time.sleep(seconds)
    with Path(journal).open("a") as file:
        file.write(f"end {text} {os.getpid()}\n")
    return text


@job
def die(journal, times):
    """Kill the own process without warning, the first so many times."""
    with Path(journal).open("a") as file:
        file.write(f"start {os.getpid()}\n")
    if len(Path(journal).read_text().splitlines()) <= times:
        os.kill(os.getpid(), signal.SIGKILL)


@job
def meet(folder, name, size=2):
    """Wait until so many of these jobs run at the same time."""
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    (folder / name).touch()
    deadline = time.monotonic() + 30
    while len(list(folder.iterdir())) < size:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name} is alone")
        time.sleep(0.02)


@job
def spread(folder):
    """Create jobs while running that have to run at the same time."""
    return Response(detour=Flow([meet(folder, "one"), meet(folder, "other")]))


@job(data="blob")
def big(size):
    return {"blob": "x" * size}


@job
def tell_owner():
    """Return the name in which the job writes."""
    with worker_store() as store:
        return store.owner.token


@job
def spread_owners(n):
    """Create jobs while running that tell in whose name they write."""
    return Response(output=None, detour=Flow([tell_owner() for _ in range(n)]))


@job
def count_settings_database():
    """Use the database the way a job does that knows nothing of workers."""
    settings = Settings.load()
    with MongoClient(settings.mongo_uri.get_secret_value()) as client:
        return client.get_default_database().name


def two_steps(x=1):
    first = add(x, 2)
    second = add(first.output, 3)
    return Flow([first, second], output=second.output, name="two steps")


def light_and_heavy():
    first = add(1, 2)
    second = heavy(add(first.output, 3))
    return Flow([first, second])


@explicit_serialize
class Nothing(FiretaskBase):  # type: ignore[misc]
    """A task that does nothing; those of FireWorks are found by importing all of it, its tests as well."""

    def run_task(self, fw_spec):
        pass


@explicit_serialize
class SameSpec(DupeFinderBase):
    """Fireworks with one specification share their launches."""

    def verify(self, spec1, spec2):
        return spec1 == spec2

    def query(self, spec):
        return {"launches": {"$ne": []}}
