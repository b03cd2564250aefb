"""Which errors mean that the database is away, and how one waits for it."""

import errno
import time
from collections.abc import Callable
from typing import Any

import gridfs
import pytest
from pymongo import InsertOne, MongoClient
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    CursorNotFound,
    DuplicateKeyError,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WriteConcernError,
)

from mtl_flows.errors import DatabaseUnavailableError, OwnershipLostError
from mtl_flows.store import patience
from mtl_flows.store.connection import Connection
from mtl_flows.store.patience import Patience, why_away, why_cut_off


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "RETRY_S", 0.01)


def _bulk(write_errors: list[int], concern_errors: list[int]) -> BulkWriteError:
    def told(codes: list[int]) -> list[dict[str, Any]]:
        return [{"code": code, "errmsg": ""} for code in codes]

    return BulkWriteError({"writeErrors": told(write_errors), "writeConcernErrors": told(concern_errors)})


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AutoReconnect("refused by mongodb://user:secret@host"), "no server answers"),
        (ServerSelectionTimeoutError(""), "no server answers"),
        (NotPrimaryError("stepping down"), "no server answers"),
        (WriteConcernError("", 189), "primary is changing"),
        (OperationFailure("", 11600), "primary is changing"),
        (_bulk([], [64]), "primary is changing"),
        (_bulk([10107, 189], []), "primary is changing"),
        (OperationFailure("", 18), "authentication"),
        (OperationFailure("", 13, {"errmsg": "command find requires authentication"}), "authentication"),
        (OperationFailure("", 14031), "disk is full"),
        (DatabaseUnavailableError("the server refuses"), "refuses"),
        (OperationFailure("", 13, {"errmsg": "not authorized on mtl to execute command"}), ""),
        (_bulk([11000, 189], []), ""),
        (DuplicateKeyError("", 11000), ""),
        (CursorNotFound("", 43), ""),
        (ValueError("away"), ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_means_that_the_database_is_away(error: Exception, said: str) -> None:
    assert said in why_away(error)
    assert bool(why_away(error)) is bool(said)
    assert "secret" not in why_away(error)


def test_what_else_cuts_work_off() -> None:
    assert why_cut_off(CursorNotFound("", 43))
    assert why_cut_off(OSError(errno.ENOSPC, "full"))
    assert not why_cut_off(OSError(errno.ENOENT, "missing"))


def failing(times: int, error: Exception) -> Callable[[], int]:
    left = iter(range(times))

    def operation() -> int:
        if next(left, None) is not None:
            raise error
        return 1

    return operation


def test_waiting_is_told_and_ends_with_the_outage() -> None:
    told: list[str] = []
    revived: list[int] = []
    waiting = Patience(60, told.append, revive=lambda: revived.append(1))
    assert waiting.through(failing(3, AutoReconnect(""))) == 1
    assert [line.split(" for ")[0].split(" after ")[0] for line in told] == [
        "the database is away",
        "the database is back",
    ]
    assert (len(revived), waiting.outages, waiting.exhausted) == (3, 1, "")
    with pytest.raises(ValueError, match="other"):
        waiting.through(failing(1, ValueError("other")))


def test_patience_ends() -> None:
    waiting = Patience(0.05)
    with pytest.raises(AutoReconnect):
        waiting.through(failing(10**6, AutoReconnect("")))
    assert waiting.exhausted
    begun = time.monotonic()
    with pytest.raises(AutoReconnect):
        Patience(60, interrupted=lambda: True).through(failing(10**6, AutoReconnect("")))
    assert time.monotonic() - begun < 10


def test_a_full_disk_is_said_and_outlasts_what_the_database_answers_meanwhile() -> None:
    told: list[str] = []
    waiting = Patience(60, told.append)
    write = failing(3, OSError(errno.ENOSPC, "full"))

    def read_and_write() -> int:
        waiting.through(lambda: 1)
        return write()

    assert waiting.through(read_and_write) == 1
    assert [line.split(" for ")[0].split(" after ")[0] for line in told] == [
        "a disk here has been full",
        "the disk has room again",
    ]


def test_only_a_right_that_was_there_is_waited_for() -> None:
    waiting, refused = Patience(60), OperationFailure("not authorized", 13)
    assert waiting.why_revoked("writing", refused) == ""
    waiting.allowed.add("reading")
    assert waiting.why_revoked("writing", refused) == ""
    assert "taken away" in waiting.why_revoked("reading", refused)
    assert waiting.why_revoked("reading", OperationFailure("other", 2)) == ""


def test_who_has_lost_its_work_meanwhile_does_not_go_on() -> None:
    def lost() -> None:
        raise OwnershipLostError("given to another")

    waiting = Patience(60)
    with waiting.guarded_by(lost), pytest.raises(OwnershipLostError):
        waiting.through(failing(1, AutoReconnect("")))


def test_every_operation_of_the_driver_waits(address: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The contract with pymongo: one place, through which all operations go, and which nothing changes without us."""
    seen: list[str] = []
    plain = MongoClient._retry_internal  # type: ignore[attr-defined]

    def counted(client: Any, func: Any, session: Any, bulk: Any, operation: str, **options: Any) -> Any:
        if patience.patience() is not None:
            seen.append(operation)
            if seen.count(operation) == 1:
                raise AutoReconnect("once each")
        return plain(client, func, session, bulk, operation, **options)

    monkeypatch.setattr(MongoClient, "_retry_internal", counted)
    waiting = Patience(60)
    with address.client() as client, waiting.in_force():
        things = client[address.database]["things"]
        things.insert_one({"_id": 1})
        things.insert_many([{"_id": 2}, {"_id": 3}])
        things.update_one({"_id": 1}, {"$set": {"a": 1}})
        things.find_one_and_update({"_id": 1}, {"$set": {"a": 2}})
        things.bulk_write([InsertOne({"_id": 4})], ordered=False)
        things.replace_one({"_id": 4}, {"b": 1})
        assert list(things.find({}, {"_id": 1}))
        assert list(things.aggregate([{"$count": "n"}]))
        assert things.distinct("_id") == [1, 2, 3, 4]
        assert things.index_information()
        files = gridfs.GridFS(client[address.database], "files")
        assert files.get(files.put(b"bytes")).read() == b"bytes"
        things.delete_many({})
        assert things.count_documents({}) == 0
    assert {"insert", "update", "findAndModify", "find", "aggregate", "distinct", "delete"} <= set(seen)
    assert waiting.outages == len(set(seen))
    assert MongoClient._retry_internal is counted  # type: ignore[attr-defined]


def test_an_insert_whose_answer_was_lost_is_no_duplicate(
    address: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = MongoClient._retry_internal  # type: ignore[attr-defined]
    lost = iter([True])

    def answers_lost(*args: Any, **options: Any) -> Any:
        done = plain(*args, **options)
        if next(lost, False):
            raise AutoReconnect("after the write")
        return done

    with address.client() as client:
        monkeypatch.setattr(MongoClient, "_retry_internal", answers_lost)
        things = client[address.database]["things"]
        with Patience(60).in_force():
            things.insert_one({"_id": 1})
            with pytest.raises(DuplicateKeyError):
                things.insert_one({"_id": 1})
