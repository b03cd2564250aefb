"""Materials of several sources, and of several files of one release."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from samples import label
from test_ingest import cif

from mtl_flows.errors import ConfigurationError
from mtl_flows.jobs.ingest import ingest
from mtl_flows.jobs.ingest_summary import IngestSummary
from mtl_flows.jobs.labels import known_groups
from mtl_flows.schemas.labels import label_of
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

FLUORIDE, CHLORIDE = cif(), cif(anion="Cl")

Deliver = Callable[..., IngestSummary]


@pytest.fixture
def deliver(store: MTLStore, tmp_path: Path) -> Deliver:
    """Ingest files by name and content as a release of a source."""

    def deliver(source: str, release: str, files: dict[str, str], **options: Any) -> IngestSummary:
        home = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        home.mkdir()
        for name, content in files.items():
            (home / name).parent.mkdir(exist_ok=True)
            (home / name).write_text(content)
        return ingest(store, [home], release=release, workers=0, source=source, **options)

    return deliver


def formulas(store: MTLStore) -> dict[str, str]:
    """What the current revisions hold, by id."""
    return {d.id: d.reduced_formula for d in store.structures.current()}


def test_a_second_source_with_the_same_file_names(store: MTLStore, deliver: Deliver) -> None:
    deliver("ICSD", "i1", {"LiX.cif": FLUORIDE})
    deliver("Our lab", "o1", {"LiX.cif": CHLORIDE})
    deliver("OUR LAB", "o2", {"LiX.cif": cif(anion="Br")})
    assert formulas(store) == {"LiX@icsd.r1": "LiF", "LiX@our-lab.r2": "LiBr"}
    assert store.structures.materials_named("lix") == ["LiX@icsd", "LiX@our-lab"]
    assert store.structures.materials_named("LiX@icsd") == ["LiX@icsd"]
    everything = {c.name: list(c.raw.find({}, {"ingests": 0})) for c in store.collections}
    assert deliver("Our lab", "o2", {"LiX.cif": cif(anion="Br")}).unchanged == 1
    assert {c.name: list(c.raw.find({}, {"ingests": 0})) for c in store.collections} == everything


def test_a_second_source_with_the_same_codes(store: MTLStore, deliver: Deliver) -> None:
    deliver("icsd", "i1", {"a.cif": cif(code="7")}, complete=True)
    both = cif(code="7", anion="Cl") + "_cod_database_code 9\n"
    deliver("COD", "c1", {"b.cif": both}, complete=True)
    deliver("Our lab", "o1", {"c.cif": cif(code="7", anion="Br")}, complete=True)
    assert formulas(store) == {"icsd-7.r1": "LiF", "cod-9.r1": "LiCl", "icsd-7@our-lab.r1": "LiBr"}
    # The bare code holds for every file that carries it.
    assert store.structures.materials_named("ICSD-7") == ["icsd-7", "cod-9", "icsd-7@our-lab"]
    # A material that is called by a code is found by its file as well, with its ending or without.
    assert store.structures.materials_named("b") == store.structures.materials_named("b.cif") == ["cod-9"]
    label(store, "icsd-7", known_conductor=True)
    assert known_groups(store, "Li") == {"icsd-7", "cod-9", "icsd-7@our-lab"}
    # What is said of one of them alone goes before that.
    label(store, "icsd-7@our-lab", known_conductor=False)
    label(store, "cod-9", conductivity_S_per_cm=1e-3)
    assert known_groups(store, "Li") == {"icsd-7", "cod-9"}
    labels = store.labels.by_material("Li")
    found = {m: label_of(store.structures.by_material(m)[0].names, labels) for m in ("icsd-7", "cod-9")}
    assert [(f.known_conductor, f.conductivity_S_per_cm) for f in found.values()] == [
        (True, None),
        (True, 1e-3),
    ]


def test_the_same_bytes_from_a_second_source(store: MTLStore, deliver: Deliver) -> None:
    """They are read for themselves: what one source's file was refused for is not the other's refusal."""
    for source in ("ICSD", "COD"):
        assert deliver(source, source, {"x.cif": "nothing", "y.cif": FLUORIDE}).rejected == 1
    assert sorted((r.source, r.releases) for r in store.rejections.find()) == [
        ("COD", ["COD"]),
        ("ICSD", ["ICSD"]),
    ]
    assert sorted(store.structures.current_ids()) == ["y@cod.r1", "y@icsd.r1"]


def test_materials_of_earlier_versions_keep_their_names(store: MTLStore, deliver: Deliver) -> None:
    """They were named after their file alone, whoever delivered it."""
    deliver("", "1", {"LiX.cif": FLUORIDE})
    store.structures.raw.update_many({}, {"$set": {"source": "icsd"}})
    deliver("ICSD", "2", {"LiX.cif": CHLORIDE})
    deliver("ICSD", "3", {"LiX.cif": cif(cation="Na")})
    deliver("COD", "c1", {"LiX.cif": FLUORIDE})
    assert formulas(store) == {"LiX.r2": "LiCl", "LiX@cod.r1": "LiF"}
    (refusal,) = store.rejections.outstanding()
    assert refusal.material_id == "LiX"


@pytest.mark.parametrize("source", ["?", " -"])
def test_a_source_needs_a_name(deliver: Deliver, source: str) -> None:
    with pytest.raises(ConfigurationError, match="letters or digits"):
        deliver(source, "1", {"x.cif": FLUORIDE})


class TestFilesOfOneRelease:
    def test_another_content_in_another_command_is_refused(self, store: MTLStore, deliver: Deliver) -> None:
        deliver("ICSD", "1", {"a.cif": cif(code="7")})
        for _ in range(2):
            assert deliver("ICSD", "1", {"b.cif": cif(code="7", anion="Cl")}).rejected == 1
            (refusal,) = store.rejections.outstanding()
            assert (refusal.reason, refusal.material_id) == ("conflicting_id", "icsd-7")
            assert "a.cif" in refusal.message
            assert formulas(store) == {"icsd-7.r1": "LiF"}
        # In the next release it may have changed, and in this one it may be said twice.
        assert deliver("ICSD", "1", {"c.cif": cif(code="7")}).unchanged == 1
        assert deliver("ICSD", "2", {"b.cif": cif(code="7", anion="Cl")}).changed == 1

    def test_a_file_of_that_name_is_mended(self, store: MTLStore, deliver: Deliver) -> None:
        deliver("ICSD", "1", {"a.cif": cif(code="7")})
        assert deliver("ICSD", "1", {"sub/a.cif": cif(code="7", anion="Cl")}).changed == 1
        assert formulas(store) == {"icsd-7.r2": "LiCl"}
        assert store.structures.get("icsd-7.r1").releases == []
        assert deliver("ICSD", "1", {"b.cif": cif(code="7")}).rejected == 1

    def test_at_once(self, store: MTLStore, address: Connection, deliver: Deliver, tmp_path: Path) -> None:
        """Of two halves that contradict each other in every material one holds, material by material."""
        for half, anion in (("a", "F"), ("b", "Cl")):
            (tmp_path / half).mkdir()
            for i in range(12):
                (tmp_path / half / f"{half}{i}.cif").write_text(cif(code=str(i), anion=anion, a=4 + i / 10))

        def bring(half: str) -> IngestSummary:
            with MTLStore.connect(address) as mine:
                return ingest(mine, [tmp_path / half], release="1", source="ICSD", workers=0)

        with ThreadPoolExecutor(2) as pool:
            one, two = pool.map(bring, "ab")
        assert one.read == two.read == 12
        assert one.rejected + two.rejected == 12
        held = store.structures.in_release("1")
        assert len(held) == 12
        assert sorted(held.values()) == store.structures.current_ids()
        assert {d.material_id: d.structure_id for d in store.deliveries.find()} == held
        assert {r.material_id for r in store.rejections.outstanding()} == held.keys()
