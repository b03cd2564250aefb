"""Files with many entries: each within its own limits, and none held longer than it takes to write a batch."""

import gc
from pathlib import Path

import pytest
from test_ingest import cif

from mtl_flows.jobs.ingest import ingest
from mtl_flows.jobs.ingest_summary import IngestSummary
from mtl_flows.jobs.reading import Reading
from mtl_flows.store.database import MTLStore


def slow(n: int = 14) -> str:
    """A crystal without symmetry whose reading takes long: rock salt of n³ sites, each a little off its place."""
    sites = [
        f"{('Li', 'F')[(i + j + k) % 2]} {(i + 0.001 * ((7 * i + 5 * j + 3 * k) % 11)) / n:.6f} {j / n} {k / n}"
        for i in range(n)
        for j in range(n)
        for k in range(n)
    ]
    lengths = "\n".join(f"_cell_length_{axis} {2.0 * n}" for axis in "abc")
    angles = "\n".join(f"_cell_angle_{angle} 90" for angle in ("alpha", "beta", "gamma"))
    loop = "loop_\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z"
    return "\n".join(["data_slow", lengths, angles, loop, *sites, ""])


@pytest.mark.parametrize("n_others", [3, 120], ids=["read at once", "read in parts"])
def test_an_entry_that_takes_too_long_leaves_the_others(
    store: MTLStore, tmp_path: Path, n_others: int
) -> None:
    entries = [cif(f"e{i}", a=4 + i / 100) for i in range(n_others)]
    entries.insert(n_others // 2, slow())
    (tmp_path / "many.cif").write_text("".join(entries))
    summary = ingest(store, [tmp_path], release="1", workers=1, timeout_s=4.0)
    assert (summary.files, summary.new, summary.rejected) == (1, n_others, 1)
    (refusal,) = store.rejections.find()
    assert (refusal.reason, refusal.block) == ("limit_exceeded", "slow")
    assert "took more than 4 s" in refusal.message


def test_what_was_read_is_not_held_until_the_file_is_done(store: MTLStore, tmp_path: Path) -> None:
    (tmp_path / "many.cif").write_text("".join(cif(f"e{i}", a=4 + i / 1000) for i in range(450)))
    held, written = [], []

    def progress(so_far: IngestSummary, share: float) -> None:
        # By type: objects of other packages may warn when they are asked what they are.
        held.append(sum(type(thing) is Reading for thing in gc.get_objects()))
        written.append((so_far.files, so_far.new))

    summary = ingest(store, [tmp_path], release="1", workers=0, progress=progress)
    assert (summary.files, summary.new) == (1, 450)
    assert max(held) <= 250, "a batch, and a part of 50 entries"
    assert len(written) > 2
    assert all(files == (new == 450) for files, new in written), "the file is done with its last entry"
    # Interrupted before that it would be read again; now it is known.
    again = ingest(store, [tmp_path], release="1", workers=0)
    assert (again.files, again.new, again.unchanged) == (1, 0, 450)


def test_frames_are_entries(store: MTLStore, tmp_path: Path) -> None:
    frames = [
        f'2\nLattice="{4 + i / 100} 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3\nLi 0 0 0\nF 2 2 2\n'
        for i in range(60)
    ]
    frames[30] = frames[30].replace("F 2 2 2", "Qq 2 2 2")
    (tmp_path / "walk.extxyz").write_text("".join(frames) * 4)
    summary = ingest(store, [tmp_path], release="1", workers=0)
    assert (summary.files, summary.new, summary.rejected) == (1, 236, 4)
    assert store.structures.get("walk-240.r1").file.block == "240"
    assert {r.block for r in store.rejections.find()} == {str(31 + 60 * i) for i in range(4)}
