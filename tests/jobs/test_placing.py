"""Placing newcomers among groups that stand: what is read of them, and who is placed anew when they change."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from test_ingest import cif

from mtl_flows.jobs.ingest import guard_with, ingest
from mtl_flows.jobs.releases import remove_release
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

# Volumes of crystals alike but for their size: neighbours match, those further apart are not compared.
A = (4.0, 4.13, 4.26, 4.4)

Take = Callable[..., None]


@pytest.fixture
def take(store: MTLStore, tmp_path: Path) -> Take:
    """Ingest crystals of given cell lengths, by name, as a release."""

    def take(release: str, complete: bool = False, **lengths_A: float) -> None:
        folder = tmp_path / release
        folder.mkdir()
        for name, length in lengths_A.items():
            (folder / f"{name}.cif").write_text(cif(code="", a=length))
        ingest(store, [folder], release=release, complete=complete, workers=0)

    return take


def heads(store: MTLStore) -> dict[str, str]:
    return {d["material_id"]: d["representative_id"] for d in store.structures.raw.find({"current": True})}


@contextmanager
def counting_documents(store: MTLStore) -> Iterator[Callable[[], int]]:
    """How many documents the server has read out of this test's own database so far, by its profiler."""
    database = store.database

    def returned() -> int:
        return sum(entry.get("nreturned", 0) for entry in database["system.profile"].find())

    database.command("profile", 2, filter={"ns": {"$ne": f"{database.name}.system.profile"}})
    try:
        yield returned
    finally:
        database.command("profile", 0)
        database.drop_collection("system.profile")


def test_what_is_read_does_not_grow_with_the_group(store: MTLStore, take: Take) -> None:
    read = []
    for number, size in enumerate((8, 60)):
        take(f"{number}", **{f"m{number}-{i}": 4.0 + 0.0002 * (i + number / 2) for i in range(size)})
        with counting_documents(store) as returned:
            take(f"{number} more", **{f"n{number}": 4.011 + number / 1000})
            read.append(returned())
    assert read[0] > 0
    assert set(heads(store).values()) == {"m0-0"}
    assert store.groups.count({"landmark": True}) == 1
    assert read[1] - read[0] < 20, "there are two more releases to read, and sixty more members"


def test_a_bridge_joins_all_members_to_whoever_stood_longer(store: MTLStore, take: Take) -> None:
    take("1", z=A[0], z2=A[0] + 0.002)
    take("2", a=A[2], a2=A[2] + 0.002)
    assert heads(store) == {"a": "a", "a2": "a", "z": "z", "z2": "z"}
    take("3", bridge=A[1])
    assert heads(store) == dict.fromkeys(("a", "a2", "bridge", "z", "z2"), "z")
    # Without the bridge they fall apart again, and each part has a head that stood.
    remove_release(store, "3", guard_with(0))
    assert heads(store) == {"a": "a", "a2": "a", "z": "z", "z2": "z"}


def test_when_a_landmark_goes_others_take_its_place(store: MTLStore, take: Take) -> None:
    take("1", first=A[0])
    take("2", second=A[0] + 0.003, third=A[0] + 0.004)
    assert [d.id for d in store.groups.find({"landmark": True})] == ["first"]
    remove_release(store, "1", guard_with(0))
    take("3", fourth=A[1])
    assert heads(store) == dict.fromkeys(("second", "third", "fourth"), "second")


def test_what_comes_back_is_compared_with_those_that_came_meanwhile(store: MTLStore, take: Take) -> None:
    take("1", kept=A[0])
    take("2", gone=A[1])
    remove_release(store, "2", guard_with(0))
    take("3", newcomer=A[2])
    assert heads(store) == {"kept": "kept", "newcomer": "newcomer"}
    take("4", gone=A[1])
    assert set(heads(store).values()) == {"kept"}


def test_a_head_that_moves_to_another_composition_leaves_its_group(
    store: MTLStore, take: Take, tmp_path: Path
) -> None:
    take("1", head=A[0], other=A[0] + 0.002)
    assert heads(store) == {"head": "head", "other": "head"}
    (tmp_path / "head.cif").write_text(cif(code="", anion="Cl"))
    ingest(store, [tmp_path / "head.cif"], release="2", workers=0)
    assert heads(store) == {"head": "head", "other": "other"}


def test_two_that_come_at_once_are_compared(address: Connection, store: MTLStore, tmp_path: Path) -> None:
    def bring(name: str) -> None:
        folder = tmp_path / name
        folder.mkdir()
        for number, length in enumerate(A):
            (folder / f"{name}-{number}.cif").write_text(cif(code="", a=length))
        with MTLStore.connect(address) as mine:
            ingest(mine, [folder], release=name, workers=0)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(bring, ("a", "b", "c")))
    assert len(heads(store)) == 12
    assert len(set(heads(store).values())) == 1
