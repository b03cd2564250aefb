"""Whole deliveries into a real database: twice, changed, withdrawn, at once, and killed on the way."""

import multiprocessing
import os
import signal
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core import Lattice, Structure

from mtl_flows.errors import ConfigurationError, InputError
from mtl_flows.jobs.ingest import ingest
from mtl_flows.jobs.ingest_summary import IngestSummary
from mtl_flows.jobs.reading import IngestParameters, Reading, read_file
from mtl_flows.schemas.ingest import RejectionDocument
from mtl_flows.science.reading import FoundFile
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

TEMPLATE = """data_{name}
{code}
_chemical_formula_sum '{formula}'
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_symmetry_equiv_pos_as_xyz
'x,y,z'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
A1 {cation} 0 0 0 {occupancy}
B1 {anion} 0.5 0.5 {z} 1
"""


def cif(
    name: str = "x",
    *,
    code: str = "",
    a: float = 4.0,
    cation: str = "Li",
    anion: str = "F",
    occupancy: float = 1.0,
    z: float = 0.5,
) -> str:
    return TEMPLATE.format(
        name=name,
        code=f"_database_code_ICSD {code}" if code else "",
        formula=f"{cation} {anion}",
        a=a,
        cation=cation,
        anion=anion,
        occupancy=occupancy,
        z=z,
    )


ANIONS = ("F", "Cl", "Br", "I", "H")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five good materials, and one file for each way of being bad."""
    home = tmp_path / "delivery"
    home.mkdir()
    for i, anion in enumerate(ANIONS):
        (home / f"good-{i}.cif").write_text(cif(code=str(100 + i), anion=anion))
    (home / "no-lithium.cif").write_text(cif(cation="Na"))
    (home / "occupied.cif").write_text(cif(occupancy=1.3))
    (home / "overlapping.cif").write_text(cif().replace("0.5 0.5 0.5", "0.05 0 0"))
    (home / "broken.cif").write_text("no crystal at all")
    (home / "empty.cif").write_text("")
    return home


def run(store: MTLStore, path: Path, release: str = "1", **options: Any) -> IngestSummary:
    return ingest(store, [path], release=release, workers=0, **options)


def everything(store: MTLStore) -> dict[str, list[dict[str, Any]]]:
    """All documents but for the history of the runs."""
    found = {c.name: list(c.raw.find(sort=[("_id", 1)])) for c in store.collections}
    for release in found["releases"]:
        del release["ingests"]
    return found


class TestOneDelivery:
    def test_good_files_become_structures_and_bad_ones_rejections(
        self, store: MTLStore, folder: Path
    ) -> None:
        summary = run(store, folder)
        assert summary == IngestSummary(files=10, read=10, new=5, rejected=5)
        assert store.structures.current_ids() == [f"icsd-{100 + i}.r1" for i in range(5)]
        reasons = {r.subject: r.reason for r in store.rejections.outstanding()}
        assert reasons == {
            "delivery/no-lithium.cif": "no_mobile_ion",
            "delivery/occupied.cif": "occupancy_above_one",
            "delivery/overlapping.cif": "overlapping_sites",
            "delivery/broken.cif": "unreadable",
            "delivery/empty.cif": "unreadable",
        }
        assert all(r.message and r.remedy and r.file_sha256 for r in store.rejections.find())
        assert all(r.provenance and r.provenance.job == "ingest" for r in store.rejections.find())

    def test_what_a_structure_document_says(self, store: MTLStore, folder: Path) -> None:
        run(store, folder, source="ICSD")
        found = store.structures.get("icsd-101.r1")
        assert (found.formula, found.reduced_formula, found.chemical_system) == ("Li Cl", "LiCl", "Cl-Li")
        assert (found.space_group_number, found.n_sites, found.n_atoms, found.volume_A3) == (
            221,
            2,
            2.0,
            64.0,
        )
        assert (found.source, found.releases, found.current, found.ordered) == ("ICSD", ["1"], True, True)
        assert found.file.name == "delivery/good-1.cif"
        assert found.provenance.inputs == {"file": found.file.sha256}
        assert found.provenance.parameters == IngestParameters(("Li",)).stage()
        assert found.provenance.job == "ingest"
        expected = Structure(
            Lattice.cubic(4), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]], labels=["A1", "B1"]
        )
        assert store.structure("icsd-101") == expected
        assert store.crystals.get(found.crystal_id).to_structure() == expected
        assert found.representative_id == "icsd-101"

    def test_again_changes_nothing_and_reads_nothing(
        self, store: MTLStore, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run(store, folder)
        before = everything(store)
        monkeypatch.setattr("mtl_flows.jobs.delivery.read_file", pytest.fail)
        assert run(store, folder) == IngestSummary(files=10, read=10, unchanged=5, rejected=5)
        assert everything(store) == before

    def test_processes_give_the_same_as_none(self, store: MTLStore, folder: Path) -> None:
        summary = ingest(store, [folder], release="1", workers=2)
        assert summary == IngestSummary(files=10, read=10, new=5, rejected=5)

    def test_other_mobile_ion(self, store: MTLStore, folder: Path) -> None:
        run(store, folder)
        assert store.rejections.refused_for_lack_of_others("Na") == 1
        summary = run(store, folder, mobile_ions=["Na"])
        assert (summary.new, summary.unchanged, summary.rejected) == (1, 5, 4)
        assert store.structures.count({"elements": "Na"}) == 1
        assert store.rejections.refused_for_lack_of_others("Na") == 0
        # It is among the ions from now on, and nothing depends on which is named.
        before = everything(store)
        for ions in ([], ["Li"], ["Na"]):
            assert run(store, folder, mobile_ions=ions).unchanged == 6
        assert everything(store) == before

    def test_an_ion_that_is_none(self, store: MTLStore, folder: Path) -> None:
        with pytest.raises(ConfigurationError, match="no such element: Xx"):
            run(store, folder, mobile_ions=["Li", "Xx"])
        assert store.releases.count() == 0

    def test_filters_that_depend_on_ions_are_those_of_all(self, store: MTLStore, tmp_path: Path) -> None:
        (tmp_path / "x.cif").write_text(cif(cation="Na", occupancy=0.5))
        (tmp_path / "y.cif").write_text(cif(occupancy=0.5))
        dropped = {"drop": ["mobile_disordered"], "release": "1"}
        assert run(store, tmp_path, **dropped).rejected == 2
        assert {r.file_stem: r.reason for r in store.rejections.outstanding()} == {
            "x": "no_mobile_ion",
            "y": "set_aside",
        }
        run(store, tmp_path, mobile_ions=["Na"], **dropped)
        assert {r.reason for r in store.rejections.outstanding()} == {"set_aside"}
        assert store.rejections.refused_for_lack_of_others("Na") == 0

    def test_archive_and_many_blocks(self, store: MTLStore, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
            archive.writestr("pair.cif", cif("one") + cif("two", anion="Cl") + cif("three", cation="Na"))
        summary = run(store, tmp_path / "all.zip")
        assert summary == IngestSummary(files=1, read=3, new=2, rejected=1)
        assert store.structures.current_ids() == ["pair-one.r1", "pair-two.r1"]
        assert [r.subject for r in store.rejections.find()] == ["all.zip/pair.cif [three]"]
        assert run(store, tmp_path / "all.zip") == IngestSummary(files=1, read=3, unchanged=2, rejected=1)

    def test_progress(self, store: MTLStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mtl_flows.jobs.delivery.BATCH", 4)
        seen: list[tuple[IngestSummary, float]] = []
        summary = run(store, folder, progress=lambda *told: seen.append(told))
        assert [so_far.files for so_far, _ in seen] == [4, 8, 10]
        shares = [share for _, share in seen]
        assert shares == sorted(shares)
        assert seen[-1] == (summary, 1.0)

    @pytest.mark.parametrize("source", ["none", "empty"])
    def test_nothing_to_read_is_an_error_and_leaves_no_release(
        self, store: MTLStore, tmp_path: Path, source: str
    ) -> None:
        (tmp_path / "empty").mkdir()
        with pytest.raises(InputError, match=source):
            run(store, tmp_path / source)
        assert store.releases.count() == 0

    def test_release_of_another_source(self, store: MTLStore, folder: Path) -> None:
        run(store, folder, source="ICSD")
        with pytest.raises(ConfigurationError, match="belongs to the source"):
            run(store, folder, source="COD")


class TestReleases:
    def test_changed_new_and_withdrawn(self, store: MTLStore, folder: Path) -> None:
        run(store, folder, source="ICSD", complete=True)
        (folder / "good-0.cif").write_text(cif(code="100", a=4.1))
        (folder / "good-1.cif").unlink()
        (folder / "good-9.cif").write_text(cif(code="109", anion="O"))
        summary = run(store, folder, "2", complete=True, source="ICSD")
        assert (summary.new, summary.changed, summary.unchanged, summary.withdrawn) == (1, 1, 3, 1)
        ids = store.structures.current_ids()
        assert ids == ["icsd-100.r2", "icsd-102.r1", "icsd-103.r1", "icsd-104.r1", "icsd-109.r1"]
        assert store.structures.get("icsd-101.r1").withdrawn
        assert store.structures.get("icsd-102.r1").releases == ["1", "2"]
        assert store.releases.get("2").total("changed") == 1
        assert store.releases.get("2").complete

    def test_a_partial_release_withdraws_nothing(self, store: MTLStore, folder: Path) -> None:
        run(store, folder)
        assert run(store, folder / "good-0.cif", "2").withdrawn == 0
        assert len(store.structures.current_ids()) == 5

    def test_other_words_around_the_same_crystal(self, store: MTLStore, folder: Path) -> None:
        """A comment makes no revision; a corrected temperature does, with the same content hash."""
        run(store, folder)
        path = folder / "good-0.cif"
        path.write_text("# a comment\n" + path.read_text())
        assert run(store, folder, "2").changed == 0
        path.write_text(path.read_text() + "_cell_measurement_temperature 500\n")
        assert run(store, folder, "3").changed == 1
        first, second = store.structures.by_material("icsd-100")
        assert first.crystal_id == second.crystal_id
        assert store.crystals.count() == 5
        assert (first.flags.non_ambient, second.flags.non_ambient) == (False, True)

    def test_a_mended_file_resolves_its_rejection(self, store: MTLStore, folder: Path) -> None:
        run(store, folder)
        (folder / "broken.cif").write_text(cif(anion="O"))
        run(store, folder, "2")
        broken = next(store.rejections.find({"subject": "delivery/broken.cif"}))
        assert (broken.resolved, broken.releases) == (True, ["1"])
        assert len(list(store.rejections.outstanding())) == 4
        assert "broken.r1" in store.structures.current_ids()

    def test_moved_and_renamed_files_are_the_same_materials(self, store: MTLStore, folder: Path) -> None:
        run(store, folder)
        folder.rename(folder.parent / "elsewhere")
        assert run(store, folder.parent / "elsewhere", "2").unchanged == 5
        (folder.parent / "elsewhere" / "good-0.cif").rename(folder.parent / "elsewhere" / "renamed.cif")
        assert run(store, folder.parent / "elsewhere", "3").unchanged == 5


class TestIdentity:
    def test_two_files_that_claim_one_material(self, store: MTLStore, tmp_path: Path) -> None:
        for part in ("a", "b"):
            (tmp_path / part).mkdir()
        (tmp_path / "a" / "x.cif").write_text(cif())
        (tmp_path / "b" / "x.cif").write_text(cif(anion="Cl"))
        for _ in range(2):
            summary = run(store, tmp_path)
            assert (summary.read, summary.rejected) == (2, 1)
            (found,) = store.structures.current()
            assert found.reduced_formula == "LiF"
            (conflict,) = store.rejections.outstanding()
            assert (conflict.reason, conflict.subject) == ("conflicting_id", f"{tmp_path.name}/b/x.cif")
            assert f"{tmp_path.name}/a/x.cif" in conflict.message

    def test_the_same_file_twice(self, store: MTLStore, tmp_path: Path) -> None:
        for part in ("a", "b"):
            (tmp_path / part).mkdir()
            (tmp_path / part / "x.cif").write_text(cif())
        assert run(store, tmp_path) == IngestSummary(files=2, read=2, new=1, unchanged=1)

    def test_duplicates_have_a_representative(self, store: MTLStore, tmp_path: Path) -> None:
        for name, code, a in (("a", "1000", 4.0), ("b", "999", 4.02), ("c", "2000", 7.0)):
            (tmp_path / f"{name}.cif").write_text(cif(code=code, a=a))
        assert run(store, tmp_path).duplicates == 1
        found = {d.material_id: d.representative_id for d in store.structures.current()}
        assert found == {"icsd-999": "icsd-999", "icsd-1000": "icsd-999", "icsd-2000": "icsd-2000"}

    def test_a_later_duplicate_joins(self, store: MTLStore, tmp_path: Path) -> None:
        (tmp_path / "a.cif").write_text(cif(code="1000"))
        run(store, tmp_path)
        (tmp_path / "b.cif").write_text(cif(code="999"))
        run(store, tmp_path, "2")
        assert store.structures.representative_ids() == ["icsd-1000.r1"], "newcomers never take over"


def test_read_file_reports_a_file_that_could_not_be_opened() -> None:
    (document,) = read_file(FoundFile("x.zip", InputError("broken archive")), IngestParameters())
    assert isinstance(document, RejectionDocument)
    assert document.message == "broken archive"


def test_read_file_needs_no_database() -> None:
    (document,) = read_file(FoundFile("x.cif", cif().encode()), IngestParameters())
    assert isinstance(document, Reading)
    assert (document.revision.id, document.revision.current) == ("x.r1", False)
    assert document.revision.crystal_id == document.crystal.id


def _ingest_in_process(uri: str, database: str, folder: str, batch: int) -> None:
    import mtl_flows.jobs.delivery
    from mtl_flows.jobs.ingest import ingest

    mtl_flows.jobs.delivery.BATCH = batch
    with MTLStore.connect(Connection(uri, database)) as store:
        ingest(store, [folder], release="1", workers=0)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    home = tmp_path / "many"
    home.mkdir()
    for i in range(60):
        (home / f"{i}.cif").write_text(cif(code=str(i), a=4 + i / 100, z=0.4 + i / 1000))
    (home / "bad.cif").write_text("bad")
    return home


def start(address: Connection, folder: Path, batch: int) -> multiprocessing.process.BaseProcess:
    arguments = (address.uri, address.database, str(folder), batch)
    context = multiprocessing.get_context("forkserver")
    # The writers share what is imported, which takes longer than their work.
    context.set_forkserver_preload(["mtl_flows.jobs.ingest"])
    process = context.Process(target=_ingest_in_process, args=arguments)
    process.start()
    return process


def consistent(store: MTLStore) -> None:
    assert store.structures.count() == 60
    assert store.structures.current_ids() == sorted(f"icsd-{i}.r1" for i in range(60))
    assert store.structures.count({"releases": ["1"]}) == 60
    assert store.structures.count({"representative_id": ""}) == 0
    assert store.rejections.count() == 1
    assert store.files.count() == 61


def test_several_writers_of_one_delivery(store: MTLStore, address: Connection, many: Path) -> None:
    processes = [start(address, many, 3 + i) for i in range(8)]
    for process in processes:
        process.join(240)
        assert process.exitcode == 0
    consistent(store)
    release = store.releases.get("1")
    assert release.total("new") == 60
    assert [i.counts["new"] + i.counts["unchanged"] for i in release.ingests] == [60] * 8


@pytest.mark.parametrize("n_files", [5, 40])
def test_killed_on_the_way(store: MTLStore, address: Connection, many: Path, n_files: int) -> None:
    process = start(address, many, 5)
    while store.files.count() < n_files and process.is_alive():
        time.sleep(0.002)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    done = store.files.count()
    assert 0 < done < 61
    summary = run(store, many)
    assert summary.new + summary.unchanged == 60
    assert summary.unchanged >= done - 1, "what the ledger holds is not read again"
    consistent(store)
