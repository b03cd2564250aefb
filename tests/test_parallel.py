"""One bad item ends alone, whatever is wrong with it."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from mtl_flows.errors import LimitExceededError, NoMobileIonError
from mtl_flows.parallel import GuardedOutcome, GuardedPool, available_threads, guarded_map


class TwoArgumentsError(Exception):
    """Cannot be unpickled: its constructor wants more than its ``args`` hold."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def act(command: str) -> str:
    match command:
        case "refuse":
            raise NoMobileIonError("no site holds Li", subject="NaCl", remedy="choose Na")
        case "bug":
            raise ZeroDivisionError("by zero")
        case "unpicklable error":
            raise TwoArgumentsError("this", "that")
        case "unpicklable result":
            return lambda: ""  # type: ignore[return-value]
        case "hang":
            time.sleep(600)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            raise SystemExit(3)
        case "hog":
            return bytes(4 * 2**30).hex()
    return command.upper()


def shift(number: int, by: int) -> int:
    return number + by


COMMANDS = [
    *("a", "refuse", "b", "bug", "c", "unpicklable error", "d", "unpicklable result", "e"),
    *("hang", "f", "die", "g", "exit", "h", "hog", "i"),
]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, GuardedOutcome[str]]:
    results = guarded_map(act, COMMANDS, workers=2, timeout_s=3, memory_MB=1500)
    return dict(zip(COMMANDS, results, strict=True))


def test_good_items_survive_bad_neighbours(outcomes):
    good = [command for command in COMMANDS if len(command) == 1]
    assert [outcomes[command].value for command in good] == [command.upper() for command in good]


def test_a_refusal_keeps_its_type_and_context(outcomes):
    outcome = outcomes["refuse"]
    assert isinstance(outcome.error, NoMobileIonError)
    assert (outcome.error.subject, outcome.error.remedy) == ("NaCl", "choose Na")
    with pytest.raises(NoMobileIonError, match="no site holds Li"):
        _ = outcome.value


def test_an_unexpected_error_keeps_its_traceback(outcomes):
    assert isinstance(outcomes["bug"].error, ZeroDivisionError)
    assert "in act" in outcomes["bug"].traceback


def test_an_error_that_cannot_travel_is_told_in_words(outcomes):
    assert "TwoArgumentsError: this and that" in str(outcomes["unpicklable error"].error)


def test_a_result_that_cannot_travel_is_an_error_of_its_item(outcomes):
    assert "pickle" in str(outcomes["unpicklable result"].error)


def test_an_exit_is_an_error_of_its_item(outcomes):
    assert "exit with 3" in str(outcomes["exit"].error)


@pytest.mark.parametrize(
    ("command", "message"),
    [("hang", "more than 3 s"), ("die", "died"), ("hog", "memory")],
)
def test_limits(outcomes, command, message):
    outcome = outcomes[command]
    assert isinstance(outcome.error, LimitExceededError)
    with pytest.raises(LimitExceededError, match=message):
        _ = outcome.value


def test_order_and_laziness():
    taken = []

    def numbers():
        for number in range(60):
            taken.append(number)
            yield number

    results = guarded_map(partial(shift, by=1), numbers(), workers=2)
    first = next(results)
    assert first.value == 1
    assert len(taken) < 20
    assert [outcome.value for outcome in results] == list(range(2, 61))


def test_stopping_early_leaves_no_process():
    results = guarded_map(partial(shift, by=1), range(1000), workers=2)
    assert next(results).value == 1
    results.close()
    with pytest.raises(StopIteration):
        next(results)


def test_in_process_without_workers():
    results = list(guarded_map(act, ["a", "bug", "refuse"], workers=0))
    assert results[0].value == "A"
    assert isinstance(results[1].error, ZeroDivisionError)
    assert isinstance(results[2].error, NoMobileIonError)


def test_nothing_to_do():
    assert list(guarded_map(act, [], workers=2)) == []


def test_interrupt_ends_at_once_and_leaves_no_worker(tmp_path):
    script = tmp_path / "interrupted.py"
    script.write_text(
        textwrap.dedent(
            """
            import signal
            import time
            from mtl_flows.parallel import available_threads, guarded_map

            if __name__ == "__main__":
                # A shell's background job is started with the signal ignored.
                signal.signal(signal.SIGINT, signal.default_int_handler)
                print("ready", flush=True)
                list(guarded_map(time.sleep, [60] * 8, workers=2))
            """
        )
    )
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(2)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert errors.decode().count("KeyboardInterrupt") == 1
    deadline = time.monotonic() + 10
    while running(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not running(process.pid)


def running(group: int) -> list[str]:
    """Processes of a group that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, pgrp, *_ = stat.read_text().rpartition(")")[2].split()
            if int(pgrp) == group and state != "Z":
                found.append(stat.parent.name)
    return found


def test_workers_use_one_thread_each_unless_told_otherwise_and_have_loaded_what_they_are_given(tmp_path):
    script = tmp_path / "threads.py"
    script.write_text(
        "import os\n"
        "import sys\n"
        "from mtl_flows.parallel import GuardedPool\n"
        "def is_loaded(name): return name in sys.modules\n"
        "if __name__ == '__main__':\n"
        "    with GuardedPool(1, preload=['colorsys', 'not.there']) as pool:\n"
        "        told = [o.value for o in pool.map(os.getenv, ['OMP_NUM_THREADS'])]\n"
        "        loaded = [o.value for o in pool.map(is_loaded, ['colorsys'])]\n"
        "    print(told, os.getenv('OMP_NUM_THREADS'), *loaded)\n"
    )
    for chosen, expected in (("", "['1'] None True"), ("3", "['3'] 3 True")):
        environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
        if chosen:
            environment["OMP_NUM_THREADS"] = chosen
        answer = subprocess.run(
            [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True
        )
        assert answer.stdout.strip() == expected


@pytest.mark.parametrize(("chosen", "expected"), [("3", 3), ("", None), ("all", None), ("0", None)])
def test_threads_are_those_of_the_process(chosen, expected, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", chosen)
    assert available_threads() == (expected or len(os.sched_getaffinity(0)))


def process_of(_: object) -> int:
    return os.getpid()


def test_processes_are_kept_from_map_to_map() -> None:
    with GuardedPool(1, timeout_s=60.0) as pool:
        ids = {outcome.value for _ in range(3) for outcome in pool.map(process_of, range(4))}
        (first,) = ids
        # What is left when somebody stops listening is not waited for.
        listened = pool.map(act, ["well", *(["hang"] * 3)])
        assert next(listened).value == "WELL"
        listened.close()
        assert [outcome.value for outcome in pool.map(act, ["again"])] == ["AGAIN"]
    assert first != os.getpid()


def test_no_process_is_started_for_nothing() -> None:
    with GuardedPool(1) as pool:
        assert list(pool.map(act, [])) == []
        assert pool._pool is None


def test_what_is_in_hand_outlives_the_sigterm_of_a_queue_and_no_limit(tmp_path: Path) -> None:
    script = tmp_path / "wanted_back.py"
    script.write_text(
        "import os\n"
        "import signal\n"
        "import time\n"
        "from mtl_flows.parallel import GuardedPool\n"
        "def end_all(then_s): os.killpg(0, signal.SIGTERM); time.sleep(then_s); return 'done'\n"
        "if __name__ == '__main__':\n"
        "    heard = []\n"
        "    signal.signal(signal.SIGTERM, lambda *told: heard.append(1))\n"
        "    with GuardedPool(1, timeout_s=2, outlives_sigterm=True) as pool:\n"
        "        first, second, third = pool.map(end_all, [0, 600, 0])\n"
        "    print(len(heard), first.value, second.error, third.value)\n"
    )
    answer = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, start_new_session=True
    )
    assert answer.stdout.strip() == "3 done took more than 2 s (allow more time) done"


def test_what_cannot_be_loaded_once_is_left_to_the_calls_that_need_it(tmp_path: Path) -> None:
    (tmp_path / "gph.py").write_text("raise RuntimeError('cannot cache function: no locator available')\n")
    script = tmp_path / "chemistry.py"
    script.write_text(
        "import os\n"
        "from mtl_flows.stages.work import Limits\n"
        "if __name__ == '__main__':\n"
        "    with Limits().pool() as pool:\n"
        "        print(*[outcome.value for outcome in pool.map(os.path.basename, ['a/b'])])\n"
    )
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    answer = subprocess.run(
        [sys.executable, str(script)], env=variables, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "b"
