"""Refusals over deliveries: what is one refusal, when it ends, and what is kept of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from old_store import restore
from test_ingest import cif

from mtl_flows.jobs.ingest import ingest
from mtl_flows.jobs.ingest_summary import IngestSummary
from mtl_flows.jobs.settling import settle_all
from mtl_flows.schemas.ingest import RejectionDocument
from mtl_flows.store.database import MTLStore
from mtl_flows.store.migrations import migrate

BROKEN = "no crystal at all"
SODIUM = cif(code="7", cation="Na")
GOOD = cif(code="7")

Deliver = Callable[..., IngestSummary]


@pytest.fixture
def deliver(store: MTLStore, tmp_path: Path) -> Deliver:
    """Ingest a folder named like the release, or another, of files by name and content."""

    def deliver(release: str, files: dict[str, str], *, folder: str = "", **options: Any) -> IngestSummary:
        home = tmp_path / (folder or release)
        for name, content in files.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(content)
        return ingest(store, [home], release=release, workers=0, source="ICSD", **options)

    return deliver


def told(rejection: RejectionDocument) -> list[tuple[str, bool]]:
    """History of a refusal: release, and whether it was resolved there."""
    return [(event.release, event.accepted) for event in rejection.events]


def only(store: MTLStore) -> RejectionDocument:
    (found,) = store.rejections.find()
    return found


@pytest.mark.parametrize("mended", [cif(code="7"), cif()], ids=["names a code", "names none"])
def test_a_file_mended_in_the_next_release(store: MTLStore, deliver: Deliver, mended: str) -> None:
    """Nothing could be read of it, so it goes by its stem; its folder and what it turns out to be do not matter."""
    deliver("1", {"x.cif": BROKEN})
    assert (only(store).material_id, only(store).file_stem, only(store).source) == ("", "x", "ICSD")
    deliver("2", {"sub/x.cif": mended})
    found = only(store)
    assert (found.resolved, found.releases) == (True, ["1"])
    assert told(found) == [("1", False), ("2", True)]
    assert found.resolved_at == found.events[-1].at
    # The first release once more: known, and over.
    assert deliver("1", {}).rejected == 1
    assert only(store) == found


def test_a_file_mended_in_the_same_folder(store: MTLStore, deliver: Deliver) -> None:
    deliver("1", {"x.cif": BROKEN, "y.cif": SODIUM})
    assert {r.reason for r in store.rejections.outstanding()} == {"unreadable", "no_mobile_ion"}
    deliver("1", {"x.cif": cif(code="8", anion="Cl"), "y.cif": GOOD})
    assert list(store.rejections.outstanding()) == []
    assert [told(r) for r in store.rejections.find()] == [[("1", False), ("1", True)]] * 2


def test_the_same_bad_file_in_another_release(store: MTLStore, deliver: Deliver) -> None:
    deliver("1", {"x.cif": BROKEN})
    deliver("2", {"x.cif": BROKEN})
    deliver("3", {"x.cif": "still none"})  # other bytes, the same refusal
    found = only(store)
    assert (found.resolved, found.releases, found.subject) == (False, ["1", "2", "3"], "3/x.cif")
    assert told(found) == [("1", False), ("2", False), ("3", False)]
    assert found.events[-1].file_sha256 == found.file_sha256 != found.events[0].file_sha256


def test_a_material_read_from_anywhere_ends_its_refusal(store: MTLStore, deliver: Deliver) -> None:
    deliver("1", {"x.cif": SODIUM})
    assert (only(store).material_id, only(store).reason) == ("icsd-7", "no_mobile_ion")
    deliver("1", {"another-name.cif": GOOD}, folder="elsewhere")
    assert told(only(store)) == [("1", False), ("1", True)]


def test_a_material_that_is_refused_again_stands_again(store: MTLStore, deliver: Deliver) -> None:
    deliver("1", {"x.cif": SODIUM})
    deliver("2", {"x.cif": GOOD})
    deliver("3", {"x.cif": SODIUM})
    found = only(store)
    assert (found.resolved, found.resolved_at, found.releases) == (False, None, ["1", "3"])
    assert told(found) == [("1", False), ("2", True), ("3", False)]
    # The good one of before does not end what came after it, however often it is delivered.
    deliver("2", {})
    assert only(store) == found


def test_a_file_that_was_good_and_is_not_any_more(store: MTLStore, deliver: Deliver) -> None:
    deliver("1", {"x.cif": GOOD})
    deliver("1", {"x.cif": SODIUM})
    assert not only(store).resolved
    deliver("2", {"x.cif": GOOD})
    assert only(store).resolved


@pytest.mark.parametrize("halves", [[["a", "b"]], [["a"], ["b"]], [["b"], ["a"]]])
def test_one_material_in_two_files_of_which_one_is_bad(
    store: MTLStore, deliver: Deliver, halves: list[list[str]]
) -> None:
    """Read from the other, in whatever order they come: the refusal is on record and has ended."""
    files = {"a": ("good.cif", GOOD), "b": ("bad.cif", SODIUM)}
    for half in halves:
        deliver("1", dict(files[part] for part in half), folder="-".join(half))
    before = only(store)
    assert (before.resolved, before.releases) == (True, ["1"])
    for half in halves:
        deliver("1", {}, folder="-".join(half))
    assert only(store) == before


def test_an_older_release_that_comes_late(store: MTLStore, deliver: Deliver) -> None:
    store.releases.begin("1", "ICSD")
    deliver("2", {"x.cif": GOOD, "y.cif": cif(code="8", anion="Cl")})
    deliver("1", {"x.cif": SODIUM, "y.cif": BROKEN})
    assert [told(r) for r in store.rejections.find()] == [[("1", False), ("1", True)]] * 2
    assert list(store.rejections.outstanding()) == []


def test_a_stem_is_of_one_source(store: MTLStore, deliver: Deliver, tmp_path: Path) -> None:
    deliver("1", {"x.cif": BROKEN})
    (tmp_path / "cod").mkdir()
    (tmp_path / "cod" / "x.cif").write_text(cif(anion="Cl"))
    ingest(store, [tmp_path / "cod"], release="cod", workers=0, source="COD")
    assert not only(store).resolved
    (tmp_path / "cod" / "x.cif").write_text(BROKEN.upper())
    ingest(store, [tmp_path / "cod"], release="cod", workers=0, source="COD")
    assert sorted(r.source for r in store.rejections.find()) == ["COD", "ICSD"]


def test_a_block_of_a_file(store: MTLStore, deliver: Deliver) -> None:
    two = cif("one") + cif("two", cation="Na")
    deliver("1", {"pair.cif": two})
    assert (only(store).material_id, only(store).file_stem) == ("pair-two@icsd", "pair-two")
    deliver("2", {"pair.cif": cif("one") + cif("two", anion="Cl")})
    assert told(only(store)) == [("1", False), ("2", True)]


class TestConflicts:
    """Two files that give one material two contents."""

    FIRST, SECOND = cif(code="7"), cif(code="7", anion="Cl")

    def test_it_stands_however_often_it_is_delivered(self, store: MTLStore, deliver: Deliver) -> None:
        deliver("1", {"a.cif": self.FIRST, "b.cif": self.SECOND})
        found = only(store)
        assert (found.reason, found.resolved) == ("conflicting_id", False)
        deliver("1", {})
        assert only(store) == found
        deliver("2", {"a.cif": self.FIRST, "b.cif": self.SECOND})
        assert (only(store).resolved, only(store).releases) == (False, ["1", "2"])

    def test_a_release_without_it_ends_it(self, store: MTLStore, deliver: Deliver) -> None:
        deliver("1", {"a.cif": self.FIRST, "b.cif": self.SECOND})
        deliver("2", {"a.cif": self.FIRST})
        assert told(only(store)) == [("1", False), ("2", True)]

    def test_so_does_the_file_under_a_code_of_its_own(self, store: MTLStore, deliver: Deliver) -> None:
        deliver("1", {"a.cif": self.FIRST, "b.cif": self.SECOND})
        deliver("1", {"b.cif": cif(code="8", anion="Cl")})
        assert told(only(store)) == [("1", False), ("1", True)]


def test_what_a_run_refused_is_what_it_tells(store: MTLStore, deliver: Deliver) -> None:
    met: list[RejectionDocument] = []
    deliver("1", {"x.cif": BROKEN})
    deliver("1", {"y.cif": SODIUM}, folder="second half", on_refusals=met.extend)
    assert [r.subject for r in met] == ["second half/y.cif"]
    met.clear()
    deliver("1", {}, on_refusals=met.extend)  # known from before, and refused again
    assert [r.subject for r in met] == ["1/x.cif"]


def test_the_history_of_ingests(store: MTLStore, deliver: Deliver) -> None:
    deliver("1", {"x.cif": GOOD, "y.cif": BROKEN})
    deliver("1", {})
    release = store.releases.get("1")
    assert [(i.counts["new"], i.counts["unchanged"], i.counts["rejected"]) for i in release.ingests] == [
        (1, 0, 1),
        (0, 1, 1),
    ]
    assert all(i.ended_at for i in release.ingests)
    assert (release.total("new"), release.latest("unchanged")) == (1, 1)


def test_all_can_be_settled_at_once(store: MTLStore, deliver: Deliver) -> None:
    deliver("1", {"x.cif": BROKEN, "y.cif": SODIUM, "z.cif": BROKEN})
    deliver("2", {"x.cif": cif(code="8", anion="Cl"), "y.cif": GOOD})
    store.rejections.raw.update_many({}, {"$set": {"resolved": False}})
    assert settle_all(store) == 2
    assert [r.file_stem for r in store.rejections.outstanding()] == ["z"]
    assert settle_all(store) == 0


def test_what_the_version_before_left_open(store: MTLStore) -> None:
    """It told files apart by folder, so that one mended in the next release's folder stayed refused."""
    restore(store.database, only=("releases", "files", "rejections"))
    migrate(store)
    restore(store.database, only=("structures",))
    (mended,) = store.rejections.outstanding({"file_stem": "mended"})
    assert mended.releases == ["2024.1"]
    assert settle_all(store) == 1
    assert store.rejections.get(mended.id).resolved_at
    assert {r.file_stem for r in store.rejections.outstanding({"stage": "ingest"})} == {
        *("broken", "sodium", "two-faced-2"),
    }
