"""The exception tree: one reason code each, messages with subject and remedy, also across processes."""

import pickle
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from mtl_flows import errors
from mtl_flows.errors import InputError, MTLError, OccupancyError


def family(kind: type[MTLError]) -> Iterator[type[MTLError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


TREE = [kind for kind in family(MTLError) if kind.__module__ == errors.__name__]


def raise_occupancy() -> None:
    raise OccupancyError("1.2 on Li1", subject="a.cif", remedy="mend the occupancy")


def test_reason_codes_are_distinct_and_lower_case() -> None:
    reasons = [kind.reason for kind in TREE]
    assert len(set(reasons)) == len(reasons)
    assert all(re.fullmatch(r"[a-z0-9_]+", reason) for reason in reasons)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    documented = re.findall(r"^[ │├└─]+(\w+Error)\b", errors.__doc__ or "", re.MULTILINE)
    assert sorted(documented) == sorted(kind.__name__ for kind in TREE)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_nothing_is_lost_on_the_way_to_another_process(kind: type[MTLError]) -> None:
    error = pickle.loads(pickle.dumps(kind("bad", subject="x.cif", remedy="mend it")))
    assert type(error) is kind
    assert (error.message, error.subject, error.remedy) == ("bad", "x.cif", "mend it")
    assert str(error) == "x.cif: bad (mend it)"


def test_an_error_raised_in_another_process_arrives_whole() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool, pytest.raises(InputError) as caught:
        pool.submit(raise_occupancy).result()
    assert caught.type is OccupancyError
    assert str(caught.value) == "a.cif: 1.2 on Li1 (mend the occupancy)"


def test_messages_without_subject_or_remedy_read_well() -> None:
    assert str(MTLError("bad")) == "bad"
    assert str(MTLError("bad", subject="x")) == "x: bad"
    assert str(MTLError("bad", remedy="mend it")) == "bad (mend it)"
