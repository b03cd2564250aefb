"""Files of entries: what they say of their energies, and which are refused."""

import json
from pathlib import Path

import pytest
from monty.serialization import dumpfn
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.entries.compatibility import MaterialsProject2020Compatibility
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry

from mtl_flows.errors import StabilityError
from mtl_flows.science.stability import MP2020_GGA, RAW_PBE, read_entries, window_among_entries

LITHIA = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.62), ["O", "Li"], [[0, 0, 0], [0.25, 0.25, 0.25]])
LITHIUM = Structure(Lattice.cubic(3.43), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def gga(structure: Structure, energy_eV: float, name: str, run_type: str = "GGA") -> ComputedStructureEntry:
    parameters = {"run_type": run_type, "hubbards": {}, "potcar_symbols": ["PBE Li_sv", "PBE O"]}
    return ComputedStructureEntry(structure, energy_eV, parameters=parameters, entry_id=name)


RAW = [
    gga(LITHIA, -57.2, "mp-1960-GGA"),
    gga(LITHIUM, -3.8, "mp-135-GGA"),
    ComputedEntry("O2", -9.86, parameters={"run_type": "GGA"}, entry_id="mp-12957-GGA"),
]


def written(folder: Path, entries: list[ComputedEntry]) -> Path:
    path = folder / "entries.json"
    dumpfn(entries, path)
    return path


def test_raw_energies_are_called_raw_and_corrected_on_demand_once(tmp_path: Path) -> None:
    raw = read_entries(written(tmp_path, RAW[:2]))
    assert (raw.origin.energy_scale, raw.origin.corrections) == (RAW_PBE, "none")
    corrected = read_entries(tmp_path / "entries.json", corrections="mp2020")
    assert corrected.origin.energy_scale == MP2020_GGA
    assert corrected.origin.file_sha256 == raw.origin.file_sha256
    assert corrected.entries[0].energy == pytest.approx(-57.2 - 4 * 0.687)
    with pytest.raises(StabilityError, match="nothing is corrected twice"):
        read_entries(written(tmp_path, list(corrected.entries)), corrections="mp2020")


def test_corrections_that_entries_carry_are_named_and_count(tmp_path: Path) -> None:
    processed = MaterialsProject2020Compatibility(check_potcar=False).process_entries(
        [entry.copy() for entry in RAW[:2]]
    )
    found = read_entries(written(tmp_path, processed))
    assert (found.origin.energy_scale, found.origin.corrections) == (
        MP2020_GGA,
        "1 of 2 entries: MP2020 in 1",
    )
    assert found.entries[0].energy == pytest.approx(-57.2 - 4 * 0.687)


def test_functionals_are_not_mixed(tmp_path: Path) -> None:
    other = gga(LITHIUM, -4.6, "mp-135-r2SCAN", "R2SCAN")
    with pytest.raises(StabilityError, match="PBE and of r2SCAN; energies of different origin"):
        read_entries(written(tmp_path, [*RAW, other]))
    by_id = ComputedEntry("Li", -2.3, entry_id="mp-135-r2SCAN")
    with pytest.raises(StabilityError, match="energies of different origin"):
        read_entries(written(tmp_path, [ComputedEntry("Li", -1.9, entry_id="mp-135-GGA"), by_id]))


def test_corrected_and_raw_energies_are_not_mixed(tmp_path: Path) -> None:
    corrected = ComputedEntry("Li2O", -14.3, correction=-0.687)
    with pytest.raises(StabilityError, match=r"corrected energies \(Li2O\) with raw ones \(MgO\)"):
        read_entries(written(tmp_path, [corrected, ComputedEntry("MgO", -12.0)]))
    odd = ComputedEntry("Li2O", -13.0)
    assert len(read_entries(written(tmp_path, [corrected, odd])).entries) == 2
    # Elements, and oxygen in compounds that balance otherwise, go without a correction.
    assert read_entries(written(tmp_path, [corrected, ComputedEntry("Li", -1.9), ComputedEntry("LiO3", -16)]))


def test_ids_in_parts_and_entries_without_a_class_are_read(tmp_path: Path) -> None:
    parts = {"identifier": "mp-135", "separator": "-", "suffix": "GGA+U"}
    listed = [
        {**ComputedEntry("Li", -1.9).as_dict(), "entry_id": parts},
        {"composition": {"O": 2}, "energy": -9},
    ]
    (tmp_path / "entries.json").write_text(json.dumps({"entries": listed}))
    lithium, oxygen = read_entries(tmp_path / "entries.json").entries
    assert (lithium.entry_id, oxygen.energy_per_atom) == ("mp-135-GGA+U", -4.5)


def test_the_lowest_polymorph_stands_for_the_material(tmp_path: Path) -> None:
    high = ComputedEntry("Li4O2", -28.0, entry_id="high")
    found = read_entries(written(tmp_path, [high, ComputedEntry("Li", -1.9), ComputedEntry("O2", -9.86)]))
    # Alone it is on the hull; beside a lower polymorph the material is that one.
    assert window_among_entries(Composition("Li2O"), found).own_energy == "entry high"
    low = ComputedEntry("Li2O", -14.3, entry_id="low")
    both = read_entries(written(tmp_path, [high, low, ComputedEntry("Li", -1.9), ComputedEntry("O2", -9.86)]))
    result = window_among_entries(Composition("Li4O2"), both)
    assert (result.own_energy, result.stability, result.e_above_hull_eV_per_atom) == (
        "entry low",
        "stable",
        0.0,
    )
    assert result.high_V == pytest.approx((14.3 - 2 * 1.9 - 4.93) / 2)
    peroxide = window_among_entries(Composition("Li2O2"), both)
    assert (peroxide.own_energy, peroxide.stability) == ("", "not_assessed")
    assert sorted(peroxide.decomposition) == ["Li2O", "O2"]


def test_a_metastable_entry_has_the_window_of_its_decomposition(tmp_path: Path) -> None:
    entries = [
        ComputedEntry("Li", -1.9, entry_id="Li"),
        ComputedEntry("O2", -9.86, entry_id="O2"),
        ComputedEntry("Li2O", -14.3, entry_id="oxide"),
        ComputedEntry("Li2O2", -19.0, entry_id="peroxide"),
    ]
    found = read_entries(written(tmp_path, entries))
    result = window_among_entries(Composition("Li2O2"), found)
    height = (-19.0 - (-14.3 - 9.86 / 2)) / 4
    assert result.stability == "metastable"
    assert result.e_above_hull_eV_per_atom == pytest.approx(height)
    assert result.decomposition == pytest.approx({"Li2O": 0.75, "O2": 0.25})
    assert result.width_V == pytest.approx(0.0)


def test_compressed_files_are_read(tmp_path: Path) -> None:
    plain = written(tmp_path, RAW)
    packed = tmp_path / "entries.json.gz"
    dumpfn(RAW, packed)
    assert read_entries(packed).origin.content_hash == read_entries(plain).origin.content_hash
    packed.write_bytes(packed.read_bytes()[:40])
    with pytest.raises(StabilityError, match="is not JSON"):
        read_entries(packed)
