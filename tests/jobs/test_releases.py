"""Releases in parts, out of order, closed and taken back."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from samples import contents
from test_ingest import cif

from mtl_flows.errors import NotFoundError
from mtl_flows.jobs.ingest import guard_with, ingest
from mtl_flows.jobs.ingest_summary import IngestSummary
from mtl_flows.jobs.releases import close_release, remove_release
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.rehearsal import rehearsed

HERE = guard_with(0)
OLDER = datetime(2024, 1, 1, tzinfo=UTC)

Deliver = Callable[..., IngestSummary]


def good(code: int, **options: Any) -> str:
    """A material of its own for each code."""
    return cif(code=str(code), a=4 + code / 10, **options)


FOUR = {f"{code}.cif": good(code) for code in range(4)}


@pytest.fixture
def deliver(store: MTLStore, tmp_path: Path) -> Deliver:
    """Ingest files by name and content as a release, from a folder of their own."""

    def deliver(release: str, files: dict[str, str], source: str = "ICSD", **options: Any) -> IngestSummary:
        home = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        home.mkdir()
        for name, content in files.items():
            (home / name).write_text(content)
        return ingest(store, [home], release=release, workers=0, source=source, **options)

    return deliver


def present(store: MTLStore) -> list[str]:
    return store.structures.current_ids()


def withdrawn(store: MTLStore) -> list[str]:
    return sorted(d.material_id for d in store.structures.find({"current": True, "withdrawn": True}))


class TestParts:
    def test_two_halves_then_closed(self, store: MTLStore, deliver: Deliver) -> None:
        deliver("1", FOUR)
        deliver("2", {"0.cif": FOUR["0.cif"]})
        deliver("2", {"1.cif": FOUR["1.cif"]})
        assert (withdrawn(store), len(present(store))) == ([], 4)
        change = close_release(store, "2", HERE)
        assert change.withdrawn == withdrawn(store) == ["icsd-2", "icsd-3"]
        assert close_release(store, "2", HERE).withdrawn == []
        # What comes late belongs to it all the same.
        deliver("2", {"2.cif": FOUR["2.cif"]})
        assert withdrawn(store) == ["icsd-3"]

    def test_a_first_release_has_nothing_to_withdraw(self, store: MTLStore, deliver: Deliver) -> None:
        assert deliver("1", FOUR, complete=True).withdrawn == 0
        deliver("c1", {"a.cif": cif(anion="Br")}, source="COD", complete=True)
        assert (withdrawn(store), len(present(store))) == ([], 5)

    def test_two_halves_at_once_then_closed(
        self, store: MTLStore, address: Connection, deliver: Deliver, tmp_path: Path
    ) -> None:
        deliver("1", FOUR)
        halves = [tmp_path / "left", tmp_path / "right"]
        for half, names in zip(halves, (("0", "1"), ("1", "2")), strict=True):
            half.mkdir()
            for name in names:
                (half / f"{name}.cif").write_text(good(int(name), anion="Cl"))

        def bring(half: Path) -> IngestSummary:
            with MTLStore.connect(address) as mine:
                return ingest(mine, [half], release="2", source="icsd", workers=0)

        with ThreadPoolExecutor(2) as pool:
            summaries = list(pool.map(bring, halves))
        assert sum(s.changed for s in summaries) == 3
        assert sum(s.unchanged for s in summaries) == 1
        assert close_release(store, "2", HERE).withdrawn == ["icsd-3"]
        assert present(store) == ["icsd-0.r2", "icsd-1.r2", "icsd-2.r2"]
        before = contents(store)
        for half in halves:
            bring(half)
        assert contents(store) == before


class TestOrder:
    def test_an_older_release_ingested_late(self, store: MTLStore, deliver: Deliver) -> None:
        deliver("2025", {"0.cif": good(0, anion="Cl"), "1.cif": FOUR["1.cif"]}, complete=True)
        summary = deliver("2024", {"0.cif": FOUR["0.cif"], "2.cif": FOUR["2.cif"]}, date=OLDER, complete=True)
        assert store.releases.order() == ["2024", "2025"]
        assert present(store) == ["icsd-0.r1", "icsd-1.r1"], "what 2025 holds is what counts"
        assert (summary.withdrawn, withdrawn(store)) == (1, ["icsd-2"])
        assert store.structures.get("icsd-0.r2").releases == ["2024"]

    def test_a_date_given_later_places_it_anew(self, store: MTLStore, deliver: Deliver) -> None:
        deliver("new", {"0.cif": good(0, anion="Cl")})
        deliver("old", {"0.cif": FOUR["0.cif"], "1.cif": FOUR["1.cif"]})
        assert present(store) == ["icsd-0.r2", "icsd-1.r1"]
        deliver("old", {"1.cif": FOUR["1.cif"]}, date=OLDER)
        assert store.releases.order() == ["old", "new"]
        assert present(store) == ["icsd-0.r1", "icsd-1.r1"]


class TestRefusedFiles:
    @pytest.mark.parametrize("bad", ["nothing", cif(code="1", cation="Na")], ids=["unreadable", "no ion"])
    def test_they_withdraw_nothing(self, store: MTLStore, deliver: Deliver, bad: str) -> None:
        deliver("1", FOUR, complete=True)
        deliver("2", {"0.cif": FOUR["0.cif"], "1.cif": bad}, complete=True)
        assert withdrawn(store) == ["icsd-2", "icsd-3"]
        assert present(store) == ["icsd-0.r1", "icsd-1.r1"]
        # Of another source, a file of that name says nothing of it.
        deliver("c1", {"2.cif": "nothing"}, source="COD", complete=True)
        assert withdrawn(store) == ["icsd-2", "icsd-3"]
        # Mended into something else it says no more.
        deliver("2", {"1.cif": good(9)})
        assert [r.source for r in store.rejections.outstanding()] == ["COD"]
        assert withdrawn(store) == ["icsd-1", "icsd-2", "icsd-3"]
        deliver("3", {"0.cif": FOUR["0.cif"], "9.cif": good(9)}, complete=True)
        assert withdrawn(store) == ["icsd-1", "icsd-2", "icsd-3"]


class TestRemoved:
    def test_everything_it_brought_goes(self, store: MTLStore, deliver: Deliver) -> None:
        deliver("1", {**FOUR, "bad.cif": "nothing"}, complete=True)
        before = contents(store)
        second = {"0.cif": good(0, anion="Cl"), "7.cif": good(7), "bad.cif": good(8), "worse.cif": "nothing"}
        deliver("2", second, complete=True)
        change = remove_release(store, "2", HERE)
        assert (change.gone, change.revised) == (["icsd-7", "icsd-8"], ["icsd-0"])
        assert (change.withdrawn, change.back) == ([], ["icsd-1", "icsd-2", "icsd-3"])
        assert change.refusals == 1
        after = contents(store)
        for name in ("releases", "rejections", "deliveries"):
            assert after[name] == before[name]
        assert present(store) == [f"icsd-{code}.r1" for code in range(4)]
        assert withdrawn(store) == []
        # The readings stay for the time when it comes again, and so do their numbers.
        assert store.structures.get("icsd-0.r2").releases == []
        assert deliver("2", second, complete=True).rejected == 1
        assert present(store) == ["icsd-0.r2", "icsd-7.r1", "icsd-8.r1"]
        assert [r.releases for r in store.rejections.outstanding()] == [["2"]]

    def test_of_an_unknown_one(self, store: MTLStore) -> None:
        for change in (remove_release, close_release):
            with pytest.raises(NotFoundError, match="no release"):
                change(store, "2", HERE)

    def test_tried_on_a_copy(self, store: MTLStore, deliver: Deliver) -> None:
        deliver("1", FOUR)
        deliver("2", {"0.cif": good(0, anion="Cl")}, complete=True)
        before = {c.name: list(c.raw.find(sort=[("_id", 1)])) for c in store.collections}
        databases = store.client.list_database_names()
        with rehearsed(store) as copy:
            tried = remove_release(copy, "2", HERE)
            assert copy.releases.order() == ["1"]
        assert store.client.list_database_names() == databases
        assert {c.name: list(c.raw.find(sort=[("_id", 1)])) for c in store.collections} == before
        assert remove_release(store, "2", HERE) == tried


class TestDropped:
    DISORDERED = good(1, occupancy=0.5)

    def test_what_is_there_already_leaves_the_release(self, store: MTLStore, deliver: Deliver) -> None:
        files = {"0.cif": FOUR["0.cif"], "1.cif": self.DISORDERED}
        deliver("1", files, complete=True)
        kept: dict[str, str] = {}
        for _ in range(2):
            deliver("1", files, drop=["disordered"], on_kept=kept.update)
            assert (present(store), kept) == (["icsd-0.r1"], {})
            assert [r.reason for r in store.rejections.outstanding()] == ["set_aside"]
            before = contents(store)
            deliver("1", files, drop=["disordered"])
            assert contents(store) == before
            # And comes back without the filter.
            deliver("1", files)
            assert present(store) == ["icsd-0.r1", "icsd-1.r1"]
            assert list(store.rejections.outstanding()) == []

    def test_what_else_holds_it_is_said(self, store: MTLStore, deliver: Deliver) -> None:
        kept: dict[str, str] = {}
        run = partial(deliver, drop=["disordered"], on_kept=kept.update)
        deliver("1", {"1.cif": self.DISORDERED})
        deliver("2", {"1.cif": self.DISORDERED})
        run("2", {"1.cif": self.DISORDERED})
        assert kept == {"icsd-1": "1 holds it"}
        assert store.structures.get("icsd-1.r1").releases == ["1"]
        kept.clear()
        run("1", {"other name.cif": self.DISORDERED})
        assert kept["icsd-1"].endswith("1.cif of this release holds it too")
        assert present(store) == ["icsd-1.r1"]
