"""Structures, files, rejections and releases in a real database."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pymongo.errors import DuplicateKeyError

from mtl_flows.errors import ConfigurationError, NoMobileIonError, NotFoundError, OccupancyError
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


class TestRepresentatives:
    def test_lonely_materials_stand_for_themselves(self, store: MTLStore) -> None:
        deliver(store, "1", document("x"), document("y", composition_key="other"))
        assert store.structures.uncompared() == []
        assert store.structures.representative_ids() == ["x.r1", "y.r1"]

    def test_groups_are_compared_once_and_again_when_they_change(self, store: MTLStore) -> None:
        deliver(store, "1", document("x"), document("y"))
        assert store.structures.uncompared() == ["Li1.000"]
        assert store.structures.set_representatives({"Li1.000": {"x": "x", "y": "x"}}) == []
        assert store.structures.uncompared() == []
        assert store.structures.representative_ids() == ["x.r1"]
        assert store.structures.duplicate_ids() == ["y.r1"]
        deliver(store, "2", document("z"))
        assert store.structures.uncompared() == ["Li1.000"]
        moved = store.structures.set_representatives({"Li1.000": {"x": "x", "y": "x"}, "nothing": {}})
        assert moved == ["Li1.000"], "z has joined"
        assert store.structures.set_representatives({"Li1.000": {"x": "x", "y": "x", "z": "z"}}) == []

    def test_withdrawal_of_a_representative(self, store: MTLStore) -> None:
        deliver(store, "1", document("x"), document("y"), document("z"))
        store.structures.set_representatives({"Li1.000": {"x": "x", "y": "x", "z": "x"}})
        deliver(store, "2", document("y"), document("z"))
        store.releases.declare_complete("2")
        store.structures.refresh_withdrawn(store.releases.standing())
        assert store.structures.uncompared() == ["Li1.000"]
        assert store.structures.set_representatives({"Li1.000": {"y": "y", "z": "y"}}) == []
        assert store.structures.uncompared() == []
        assert store.structures.representative_ids() == ["y.r1"]

    def test_group_that_vanished(self, store: MTLStore) -> None:
        assert (
            store.structures.set_representatives({"nothing": {}})
            == store.structures.set_representatives({})
            == []
        )


class TestRejections:
    def test_the_same_refusal_is_one_document(self, store: MTLStore) -> None:
        error = NoMobileIonError("no Li", subject="x.cif", remedy="look again")
        for release in ("1", "2", "2"):
            store.rejections.record(
                error, "ingest", "x.cif", file_sha256="0", mobile_ion="Li", release=release
            )
        (found,) = store.rejections.find()
        assert (found.reason, found.message, found.remedy) == ("no_mobile_ion", "no Li", "look again")
        assert found.releases == ["1", "2"]
        assert not found.resolved

    def test_other_stages_reasons_and_ions_are_other_documents(self, store: MTLStore) -> None:
        store.rejections.record(NoMobileIonError("a"), "ingest", "x", mobile_ion="Li")
        store.rejections.record(NoMobileIonError("a"), "ingest", "x", mobile_ion="Na")
        store.rejections.record(OccupancyError("a"), "ingest", "x", mobile_ion="Li")
        store.rejections.record(NoMobileIonError("a"), "topology", "x", mobile_ion="Li")
        assert store.rejections.count() == 4

    def test_resolved_and_back_again(self, store: MTLStore) -> None:
        rejection = store.rejections.record(
            NoMobileIonError("a"), "ingest", "x.cif", material_id="x", release="1"
        )
        store.rejections.settle_files(["other.cif"], ["x"])
        assert list(store.rejections.outstanding()) == []
        store.rejections.assign_release([rejection.id], "1")
        assert list(store.rejections.outstanding()) == [], "the same delivery says nothing new"
        store.rejections.assign_release([rejection.id], "2")
        assert [r.id for r in store.rejections.outstanding({"stage": "ingest"})] == [rejection.id]
        store.rejections.settle_files(["x.cif"], [])
        assert list(store.rejections.outstanding()) == []

    def test_document_equals_its_copy(self, store: MTLStore) -> None:
        written = RejectionDocument.of(NoMobileIonError("a"), stage="ingest", subject="x")
        store.rejections.record_many([written])
        assert store.rejections.get(written.id) == written


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

    def test_many_writers_enter_releases(self, store: MTLStore, address: Connection) -> None:
        def enter(i: int) -> None:
            with MTLStore.connect(address) as mine:
                mine.releases.begin(f"r{i % 4}", "")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(enter, range(8)))
        assert sorted(store.releases.order()) == ["r0", "r1", "r2", "r3"]
        assert [r.sequence for r in store.releases.find(sort=[("sequence", 1)])] == [1, 2, 3, 4]
