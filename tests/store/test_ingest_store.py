"""Structures, files, rejections and releases in a real database."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from old_store import restore
from pymongo.errors import DuplicateKeyError

from mtl_flows.errors import (
    ConfigurationError,
    NoMobileIonError,
    NotFoundError,
    OccupancyError,
    OrderingError,
    UnreadableStructureError,
)
from mtl_flows.schemas.base import Provenance, StageParameters
from mtl_flows.schemas.ingest import (
    RejectionDocument,
    SourceFile,
    SourceMetadata,
    StructureDocument,
    StructureFlags,
)
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.migrations import migrate
from mtl_flows.store.structures import material_of

PARAMETERS = StageParameters(stage="ingest", algorithm_version=1, mobile_ion="Li", values={"x": [1.5, None]})
FLAGS = dict.fromkeys(StructureFlags.model_fields, False)


def document(material: str, content: str = "a", **changes: Any) -> StructureDocument:
    fields: dict[str, Any] = {
        "id": f"{material}.r1",
        "material_id": material,
        "revision": 1,
        "file": SourceFile(name=f"{material}.cif", sha256="0", size_bytes=1),
        "crystal_id": content,
        "fingerprint": content,
        "formula": "Li",
        "composition_key": "Li1.000",
        "reduced_formula": "Li",
        "chemical_system": "Li",
        "elements": ["Li"],
        "n_sites": 1,
        "n_atoms": 1.0,
        "space_group_number": 221,
        "space_group_symbol": "Pm-3m",
        "volume_A3": 27.0,
        "density_g_cm3": 0.4,
        "flags": StructureFlags(**FLAGS),
        "metadata": SourceMetadata(),
        "provenance": Provenance.record(PARAMETERS, {"file": "0"}),
    }
    return StructureDocument(**(fields | changes))


def deliver(store: MTLStore, release: str, *documents: StructureDocument) -> list[str]:
    store.releases.begin(release, "")
    recorded = store.structures.add_revisions(documents)
    store.structures.assign_release([r.id for r in recorded], release, store.releases.order())
    return [r.outcome for r in recorded]


def current(store: MTLStore) -> dict[str, str]:
    return {material_of(key): key for key in store.structures.current_ids()}


class TestStructures:
    def test_a_document_equals_its_copy_from_the_store(self, store: MTLStore) -> None:
        written = document("x", oxidation_states={"Li": 1.0})
        store.structures.add([written])
        read = store.structures.get("x.r1")
        assert read == written

    def test_revisions(self, store: MTLStore) -> None:
        assert deliver(store, "1", document("x", "a"), document("y", "a")) == ["new", "new"]
        assert deliver(store, "2", document("x", "b"), document("y", "a")) == ["changed", "unchanged"]
        assert current(store) == {"x": "x.r2", "y": "y.r1"}
        first, second = store.structures.by_material("x")
        assert (first.releases, first.current) == (["1"], False)
        assert (second.releases, second.current) == (["2"], True)

    def test_going_back_to_an_old_content(self, store: MTLStore) -> None:
        for release, content in (("1", "a"), ("2", "b"), ("3", "a")):
            deliver(store, release, document("x", content))
        assert current(store) == {"x": "x.r1"}
        assert store.structures.count() == 2

    def test_running_an_old_release_again_changes_nothing(self, store: MTLStore) -> None:
        deliver(store, "1", document("x", "a"))
        deliver(store, "2", document("x", "b"))
        before = list(store.structures.raw.find())
        assert deliver(store, "1", document("x", "a")) == ["unchanged"]
        assert list(store.structures.raw.find()) == before

    def test_one_release_holds_one_revision(self, store: MTLStore) -> None:
        for content in ("a", "b", "a"):
            deliver(store, "1", document("x", content))
        assert [d.releases for d in store.structures.by_material("x")] == [["1"], []]
        assert current(store) == {"x": "x.r1"}

    def test_the_same_content_twice_in_one_call(self, store: MTLStore) -> None:
        assert deliver(store, "1", document("x"), document("x"), document("x", "b")) == [
            "new",
            "unchanged",
            "changed",
        ]

    def test_the_server_refuses_two_current_revisions(self, store: MTLStore) -> None:
        store.structures.add([document("x", "a", current=True)])
        with pytest.raises(DuplicateKeyError):
            store.structures.raw.insert_one(
                document("x", "b", id="x.r2", revision=2, current=True).to_mongo()
            )

    def test_unknown_material(self, store: MTLStore) -> None:
        with pytest.raises(NotFoundError, match="nothing-like-it"):
            store.structures.by_material("nothing-like-it")

    def test_queries_leave_old_and_withdrawn_revisions_out(self, store: MTLStore) -> None:
        deliver(store, "1", document("x", "a"), document("y", elements=["Li", "O"]), document("z"))
        deliver(store, "2", document("x", "b"))
        store.structures.raw.update_one({"_id": "z.r1"}, {"$set": {"withdrawn": True}})
        assert store.structures.current_ids() == ["x.r2", "y.r1"]
        assert [d.id for d in store.structures.current({"elements": "O"})] == ["y.r1"]

    def test_many_writers_of_many_contents(self, store: MTLStore, address: Connection) -> None:
        """Eight writers add the same and different contents of the same materials at once."""
        store.releases.begin("1", "")

        def write(writer: int) -> None:
            with MTLStore.connect(address) as mine:
                documents = [document(f"m{i}", f"{writer % 3}") for i in range(20)]
                recorded = mine.structures.add_revisions(documents)
                mine.structures.assign_release([r.id for r in recorded], "1", ["1"])

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(8)))
        for i in range(20):
            revisions = store.structures.by_material(f"m{i}")
            assert sorted(d.fingerprint for d in revisions) == ["0", "1", "2"]
            assert [d.revision for d in revisions] == [1, 2, 3]
            assert sum(d.current for d in revisions) == 1


class TestWithdrawals:
    def test_what_a_complete_release_lacks_is_withdrawn(self, store: MTLStore) -> None:
        deliver(store, "1", document("x"), document("y"))
        deliver(store, "2", document("x"))
        store.structures.refresh_withdrawn(store.releases.standing())
        assert set(current(store)) == {"x", "y"}
        store.releases.declare_complete("2")
        store.structures.refresh_withdrawn(store.releases.standing())
        assert set(current(store)) == {"x"}
        assert store.structures.get("y.r1").withdrawn

    def test_a_later_partial_release_brings_back_and_takes_nothing(self, store: MTLStore) -> None:
        deliver(store, "1", document("x"), document("y"), document("z"))
        deliver(store, "2", document("x"), document("z"))
        store.releases.declare_complete("2")
        deliver(store, "3", document("y"))
        store.structures.refresh_withdrawn(store.releases.standing())
        assert set(current(store)) == {"x", "y", "z"}

    def test_sources_do_not_withdraw_each_others_materials(self, store: MTLStore) -> None:
        store.releases.begin("icsd-1", "ICSD")
        store.releases.begin("cod-1", "COD")
        deliver(store, "icsd-1", document("x"), document("y"))
        deliver(store, "cod-1", document("y"), document("z"))
        store.releases.begin("icsd-2", "ICSD")
        store.releases.declare_complete("icsd-2")
        store.structures.refresh_withdrawn(store.releases.standing())
        assert set(current(store)) == {"y", "z"}

    def test_structures_without_a_release_stand(self, store: MTLStore) -> None:
        store.structures.add([document("x", current=True)])
        store.structures.refresh_withdrawn(["1"])
        assert set(current(store)) == {"x"}


class TestGroups:
    def test_what_came_changed_or_went_is_placed_again(self, store: MTLStore) -> None:
        deliver(store, "1", document("x"), document("y"), document("w", composition_key="other"))
        assert store.groups.ungrouped() == ["Li1.000", "other"]
        store.groups.place({"x": "x", "y": "x", "w": "w"})
        assert store.groups.ungrouped() == []
        assert store.structures.representative_ids() == ["w.r1", "x.r1"]
        assert store.structures.duplicate_ids() == ["y.r1"]
        deliver(store, "2", document("z"))
        assert store.groups.ungrouped() == ["Li1.000"]
        assert [h.material_id for h in store.groups.unplaced(["Li1.000"])] == ["z"]
        assert store.groups.sizes(["Li1.000", "other"]) == {"Li1.000": 3, "other": 1}
        assert store.groups.with_others(["Li1.000", "other"], ["a"]) == set(), "all hold the same crystal"
        store.groups.place({})
        assert store.groups.ungrouped() == ["Li1.000"]

    def test_the_withdrawn_are_placed_too(self, store: MTLStore) -> None:
        deliver(store, "1", document("x"), document("y"), document("z"))
        store.groups.place({"x": "x", "y": "x", "z": "x"})
        deliver(store, "2", document("y"), document("z"))
        store.releases.declare_complete("2")
        store.structures.refresh_withdrawn(store.releases.standing())
        assert store.groups.ungrouped() == ["Li1.000"]
        held = [*store.groups.unplaced(["Li1.000"]), *store.groups.members(["x"])]
        assert [(h.material_id, h.withdrawn) for h in held] == [("x", True), ("y", False), ("z", False)]
        assert [sorted(h.releases) for h in held] == [["1"], ["1", "2"], ["1", "2"]]
        assert store.groups.sharing(["a"]) == ["y"], "x has no place"
        store.groups.place({"x": "y", "y": "y", "z": "y"})
        assert store.groups.ungrouped() == []
        assert store.structures.representative_ids() == ["y.r1"]
        assert sorted(store.groups.answering_to(["x", "z"])) == [(["x"], "y"), (["z"], "y")]


class TestRejections:
    def refuse(self, store: MTLStore, release: str, message: str = "no Li") -> str:
        """Note the refusal of a file in a release; gives its id."""
        error = NoMobileIonError(message, subject="x.cif", remedy="look again")
        document = RejectionDocument.of_file(error, subject="x.cif", file_stem="x", file_sha256="0")
        store.rejections.record_many([document], release)
        return document.id

    def test_the_same_refusal_is_one_document_that_shows_its_releases(self, store: MTLStore) -> None:
        for release in ("1", "2", "2"):
            self.refuse(store, release)
        (found,) = store.rejections.find()
        assert (found.reason, found.message, found.remedy) == ("no_mobile_ion", "no Li", "look again")
        assert found.releases == ["1", "2"]
        assert not found.resolved
        assert [(e.release, e.accepted, e.message) for e in found.events] == [
            ("1", False, "no Li"),
            ("2", False, "no Li"),
        ]

    def test_another_message_is_told_and_the_first_one_kept(self, store: MTLStore) -> None:
        self.refuse(store, "1")
        first = next(store.rejections.find())
        self.refuse(store, "1", "$no sodium either")
        (found,) = store.rejections.find()
        assert (found.message, found.created_at) == ("$no sodium either", first.created_at)
        assert [e.message for e in found.events] == ["no Li", "$no sodium either"]

    def test_files_are_told_apart_by_material_or_by_source_and_stem(self) -> None:
        def key(source: str, **fields: str) -> str:
            told = {"subject": "a/x.cif", "file_stem": "x", **fields}
            return RejectionDocument.of_file(NoMobileIonError("a"), source=source, **told).id

        assert key("ICSD") == key("icsd") == key("ICSD", subject="b/x.cif", file_sha256="1")
        assert key("ICSD") != key("COD")
        assert key("ICSD") != key("ICSD", file_stem="y")
        assert key("ICSD", material_id="m") == key("COD", material_id="m", file_stem="y")

    def test_other_stages_reasons_and_ions_are_other_documents(self, store: MTLStore) -> None:
        store.rejections.record(NoMobileIonError("a"), "topology", "x", mobile_ion="Li")
        store.rejections.record(NoMobileIonError("a"), "topology", "x", mobile_ion="Na")
        store.rejections.record(OccupancyError("a"), "topology", "x", mobile_ion="Li")
        store.rejections.record(NoMobileIonError("a"), "ordering", "x", mobile_ion="Li")
        store.rejections.record(NoMobileIonError("a"), "ordering", "x", mobile_ion="Li")
        assert store.rejections.count() == 4

    def test_resolved_and_back_again(self, store: MTLStore) -> None:
        key = self.refuse(store, "1")
        assert store.rejections.resolve("ingest", {"_id": key}, "1") == 1
        assert store.rejections.resolve("ingest", {"_id": key}, "1") == 0
        resolved = store.rejections.get(key)
        assert resolved.resolved_at is not None
        assert list(store.rejections.outstanding()) == []
        store.rejections.assign_release([key], "1")
        assert list(store.rejections.outstanding()) == [], "the same delivery says nothing new"
        store.rejections.assign_release([key], "2")
        (found,) = store.rejections.outstanding({"stage": "ingest"})
        assert (found.id, found.resolved_at) == (key, None)
        assert [(e.release, e.accepted) for e in found.events] == [("1", False), ("1", True), ("2", False)]

    def test_document_equals_its_copy(self, store: MTLStore) -> None:
        written = RejectionDocument.of(NoMobileIonError("a"), stage="topology", subject="x")
        store.rejections.record_many([written])
        stored = store.rejections.get(written.id)
        assert stored.model_copy(update={"events": []}) == written
        assert [(e.at, e.subject) for e in stored.events] == [(written.created_at, "x")]


class TestReleases:
    def test_order_of_arrival(self, store: MTLStore) -> None:
        for name in ("b", "a", "c", "a"):
            store.releases.begin(name, "")
        assert store.releases.order() == ["b", "a", "c"]
        assert store.releases.begin("a", "").sequence == 2

    @pytest.mark.parametrize("name", ["", "  "])
    def test_a_release_needs_a_name(self, store: MTLStore, name: str) -> None:
        with pytest.raises(ConfigurationError, match="needs a name"):
            store.releases.begin(name, "")

    def test_a_name_belongs_to_one_source(self, store: MTLStore) -> None:
        store.releases.begin("1", "ICSD")
        assert store.releases.begin("1", "").source == "ICSD"
        with pytest.raises(ConfigurationError, match="belongs to the source 'ICSD'"):
            store.releases.begin("1", "COD")

    def test_standing(self, store: MTLStore) -> None:
        for name, source in (("i1", "I"), ("c1", "C"), ("i2", "I"), ("i3", "I"), ("c2", "C")):
            store.releases.begin(name, source)
        assert store.releases.standing() == ["i1", "i2", "i3", "c1", "c2"]
        store.releases.declare_complete("i2")
        assert store.releases.standing() == ["i2", "i3", "c1", "c2"]

    def test_every_ingest_is_kept(self, store: MTLStore) -> None:
        store.releases.begin("1", "")
        first = store.releases.begin_ingest("1", "hash")
        store.releases.note_ingest("1", first, {"new": 3})
        second = store.releases.begin_ingest("1", "hash")
        store.releases.note_ingest("1", first, {"new": 5, "unchanged": 1}, ended=True)
        release = store.releases.get("1")
        assert [i.counts for i in release.ingests] == [{"new": 5, "unchanged": 1}, {}]
        assert [i.ended_at is None for i in release.ingests] == [False, True]
        assert (release.total("new"), release.latest("unchanged")) == (5, 1)
        store.releases.note_ingest("1", second, {"new": 0, "unchanged": 6}, ended=True)
        release = store.releases.get("1")
        assert (release.total("new"), release.latest("new"), release.latest("nothing")) == (5, 0, None)

    def test_many_writers_enter_releases(self, store: MTLStore, address: Connection) -> None:
        def enter(i: int) -> None:
            with MTLStore.connect(address) as mine:
                mine.releases.begin(f"r{i % 4}", "")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(enter, range(8)))
        assert sorted(store.releases.order()) == ["r0", "r1", "r2", "r3"]
        assert [r.sequence for r in store.releases.find(sort=[("sequence", 1)])] == [1, 2, 3, 4]


class TestEarlierVersions:
    """What `mtl migrate` makes of refusals that were told apart by folder and content."""

    @pytest.fixture
    def migrated(self, store: MTLStore) -> MTLStore:
        restore(store.database, only=("releases", "rejections", "files"))
        assert migrate(store) == {"releases": 2, "files": 28, "rejections": 7}
        assert migrate(store) == {}
        return store

    def test_one_refusal_for_two_folders(self, migrated: MTLStore) -> None:
        assert migrated.rejections.count() == 6
        (conflict,) = migrated.rejections.find({"reason": "conflicting_id"})
        assert (conflict.material_id, conflict.file_stem) == ("icsd-60003", "two-faced-2")
        assert (conflict.releases, conflict.subject) == (["2024.1", "2025.1"], "2025.1/two-faced-2.cif")
        assert [(e.release, e.subject) for e in conflict.events] == [
            ("2024.1", "2024.1/two-faced-2.cif"),
            ("2025.1", "2025.1/two-faced-2.cif"),
        ]
        (broken,) = migrated.rejections.find({"file_stem": "broken"})
        assert (broken.source, [e.release for e in broken.events]) == ("icsd", ["2024.1", "2025.1"])
        # Refused again today, it is the same one.
        again = RejectionDocument.of_file(
            UnreadableStructureError("x"), subject="new/broken.cif", file_stem="broken", source="ICSD"
        )
        assert again.id == broken.id

    def test_the_ledger_names_them_still(self, migrated: MTLStore) -> None:
        named = {key for file in migrated.files.find() for key in file.rejections}
        assert migrated.rejections.existing(named) == named
        assert len(named) == 3  # conflicts are looked at again each time
        assert {file.stem for file in migrated.files.find()} >= {"broken", "mended", "lif", "licl-c"}

    def test_later_stages_keep_their_ids(self, migrated: MTLStore) -> None:
        (ordering,) = migrated.rejections.find({"stage": "ordering"})
        error = OrderingError("again")
        again = RejectionDocument.of(error, stage="ordering", subject=ordering.subject, mobile_ion="Li")
        assert again.id == ordering.id

    def test_counts_of_the_latest_ingest_begin_the_history(self, migrated: MTLStore) -> None:
        first, second = migrated.releases.find(sort=[("sequence", 1)])
        assert [len(r.ingests) for r in (first, second)] == [1, 1]
        assert (second.total("new"), second.total("changed"), second.latest("withdrawn")) == (4, 3, 1)
