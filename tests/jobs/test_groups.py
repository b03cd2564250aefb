"""Materials of one crystal: who stands for them, what they share, whose labels count."""

import re
from pathlib import Path

import pytest
from samples import HERE, label_known, screen, write_cifs

from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.clustering import update_clustering
from mtl_flows.jobs.groups import find_groups
from mtl_flows.jobs.ingest import ingest
from mtl_flows.parallel import guarded_map
from mtl_flows.science.duplicates import DuplicateParameters
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.database import MTLStore

SLUGS = ("li10gep2s12", "li10snp2s12", "li3ocl", "li3obr", "licl", "li2o", "li3sbs4", "li7sbo6")
P = ScreeningParameters()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_cifs(tmp_path / "crystals", *SLUGS)


def take(store: MTLStore, folder: Path, release: str, *, complete: bool = False) -> None:
    ingest(store, [folder], release=release, workers=0, complete=complete)


def copied(folder: Path, slug: str, name: str, *, code: int = 0, larger_by: float = 0.0) -> Path:
    """Write a crystal under another name, perhaps with a code or another cell."""
    text = (folder / f"{slug}.cif").read_text()
    if code:
        text += f"_database_code_ICSD {code}\n"
    if larger_by:
        text = re.sub(
            r"(_cell_length_[abc]\s+)(\S+)", lambda m: f"{m[1]}{float(m[2]) * (1 + larger_by):.6f}", text
        )
    path = folder / f"{name}.cif"
    path.write_text(text)
    return path


def heads(store: MTLStore) -> dict[str, str]:
    return {s.material_id: s.representative_id for s in store.structures.current()}


def settle(store: MTLStore) -> None:
    """Screen what is missing, as an increment does."""
    run_stages(store, store.structures.current_ids(), P, limits=HERE)
    for protocol in ("published", "text"):
        update_clustering(store, protocol, P)
    rebuild_candidates(store, P)


def test_a_newcomer_with_a_smaller_id_changes_no_row_but_its_own(store: MTLStore, folder: Path) -> None:
    label_known(store, "li10gep2s12")
    take(store, folder, "1")
    screen(store, store.structures.current_ids())
    before = {c.material_id: c for c in store.candidates.find()}
    copied(folder, "li10gep2s12", "a-copy")
    take(store, folder, "2")
    assert heads(store)["a-copy"] == heads(store)["li10gep2s12"] == "li10gep2s12"
    settle(store)
    after = {c.material_id: c for c in store.candidates.find()}
    copy = after.pop("a-copy")
    unchanged = {"releases", "inputs_hash"}
    assert {m: c.model_dump(exclude=unchanged) for m, c in after.items()} == {
        m: c.model_dump(exclude=unchanged) for m, c in before.items()
    }
    # The copy shares the crystal's documents and counts as known, as its group does.
    assert copy.crystal_id == after["li10gep2s12"].crystal_id
    assert (copy.is_known_conductor, copy.is_representative) == (True, False)
    assert store.topology.count() == len(SLUGS)


def test_an_unlabelled_head_counts_as_known_for_a_labelled_member(store: MTLStore, folder: Path) -> None:
    copied(folder, "li10gep2s12", "a-copy")
    label_known(store, "li10gep2s12")
    take(store, folder, "1")
    assert heads(store)["li10gep2s12"] == "a-copy"
    screen(store, store.structures.current_ids())
    assert store.candidates.get("a-copy").is_known_conductor
    for protocol in ("published", "text"):
        if store.clusterings.has_current(protocol):
            known = {k for c in store.clusterings.current(protocol).clusters for k in c.known_conductors}
            assert known <= {"a-copy"}


def test_a_withdrawn_head_leaves_its_place_and_gets_it_back(store: MTLStore, folder: Path) -> None:
    label_known(store, "li10gep2s12")
    take(store, folder, "1")
    copied(folder, "li10gep2s12", "a-copy", larger_by=0.004)
    take(store, folder, "2")
    settle(store)
    clusters = {p: store.candidates.get("li10gep2s12").cluster_text for p in ("text",)}
    original = (folder / "li10gep2s12.cif").rename(folder.parent / "kept.cif")
    take(store, folder, "3", complete=True)
    assert heads(store)["a-copy"] == "a-copy"
    settle(store)
    copy = store.candidates.get("a-copy")
    # The withdrawn member has no row; its label counts, and its cluster is kept, provisionally.
    assert not store.candidates.existing(["li10gep2s12"])
    assert (copy.is_known_conductor, copy.is_representative) == (True, True)
    assert (copy.cluster_text, copy.provisional_text) in ((clusters["text"], True), (clusters["text"], False))
    original.rename(folder / "li10gep2s12.cif")
    take(store, folder, "4", complete=True)
    assert heads(store)["a-copy"] == heads(store)["li10gep2s12"] == "li10gep2s12"


def test_a_reading_within_rounding_is_the_same_crystal(store: MTLStore, folder: Path) -> None:
    take(store, folder, "1")
    first = store.structures.get("licl.r1")
    copied(folder, "licl", "licl", larger_by=0.0001 / 5.1)
    take(store, folder, "2")
    second = store.structures.get("licl.r2")
    assert second.current
    assert second.crystal_id == first.crystal_id
    copied(folder, "licl", "licl", larger_by=0.02 / 5.1)
    take(store, folder, "3")
    third = store.structures.get("licl.r3")
    assert third.crystal_id != first.crystal_id
    assert store.crystals.count() == len(SLUGS) + 1


def test_another_matcher_regroups_once_and_says_what_changed(store: MTLStore, folder: Path) -> None:
    copied(folder, "licl", "z-larger", larger_by=0.03)
    take(store, folder, "1")
    assert heads(store)["z-larger"] == "licl"

    def guard(*arguments: object, timeout_s: float) -> object:
        return guarded_map(*arguments, workers=0)  # type: ignore[arg-type]

    strict = DuplicateParameters(max_volume_ratio=1.02)
    told: list[tuple[int, int]] = []
    moved = find_groups(store, guard, strict, lambda done, of: told.append((done, of)))  # type: ignore[arg-type]
    assert moved == {"z-larger": ("licl", "z-larger")}
    assert told == [(0, len(SLUGS)), (len(SLUGS), len(SLUGS))]
    assert find_groups(store, guard, strict) == {}  # type: ignore[arg-type]
    assert find_groups(store, guard) == {"z-larger": ("z-larger", "licl")}  # type: ignore[arg-type]


def test_an_ingest_counts_who_is_stood_for_by_another_and_whose_label_changed(
    store: MTLStore, folder: Path
) -> None:
    label_known(store, "li3ocl", "a-copy")

    def counts(release: str, *, complete: bool = False) -> tuple[int, int]:
        summary = ingest(store, [folder], release=release, workers=0, complete=complete)
        return summary.regrouped, summary.relabelled

    assert counts("1") == (0, 0)  # nobody stood before
    copied(folder, "licl", "a-copy", larger_by=0.002)
    assert counts("2") == (0, 1)  # lithium chloride counts as known from now on
    assert counts("2") == (0, 0)
    (folder / "licl.cif").unlink()
    assert counts("3", complete=True) == (2, 0)  # the copy stands for both: the group is known as before
