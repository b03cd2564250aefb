"""Entry sets, their providers and corrections: origin is kept, scales never mix, files fail clearly."""

import hashlib
import json
import math
from collections.abc import Iterable

import pytest
from monty.serialization import dumpfn
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry

from mtl_flows.errors import DynamicsError, StabilityError
from mtl_flows.science.stability import (
    MP2020_GGA,
    RAW_PBE,
    CompetingPhase,
    EntrySet,
    FixedEntryProvider,
    MemoryEntryCache,
    PhaseSource,
    PotentialEntryProvider,
    correct_to_mp2020,
    electrochemical_window,
    read_entries,
    structure_hash,
)

ROCK_SALT = [[0, 0, 0], [0.5, 0.5, 0.5]]


def cell(group: str, a: float, species: list[str], positions: list[list[float]]) -> Structure:
    return Structure.from_spacegroup(group, Lattice.cubic(a), species, positions)


LI = cell("Im-3m", 3.51, ["Li"], [[0, 0, 0]])
LICL = cell("Fm-3m", 5.13, ["Li", "Cl"], ROCK_SALT)
CL2 = Structure(Lattice.cubic(8.0), ["Cl", "Cl"], [[0, 0, 0], [0.25, 0, 0]])
LI2O = cell("Fm-3m", 4.62, ["O", "Li"], [[0, 0, 0], [0.25, 0.25, 0.25]])

LITHIUM_CHLORIDE = [ComputedEntry("Li", -1.9), ComputedEntry("Cl2", -3.6), ComputedEntry("LiCl", -7.9)]


def entry_set(entries, label="table", scale="enthalpy", kind="file") -> EntrySet:
    return EntrySet.build(entries, kind=kind, label=label, energy_scale=scale)


class ToyPotential:
    """Energies from a table per atom; counts its calls."""

    def __init__(self, energies: dict[str, float]) -> None:
        self.energies = energies
        self.calls: list[str] = []

    def __call__(self, structure: Structure, *, keep_cell: bool) -> tuple[Structure, float]:
        formula = structure.composition.reduced_formula
        self.calls.append(formula)
        if formula not in self.energies:
            raise DynamicsError("relaxation diverged", subject=formula)
        return structure, self.energies[formula] * len(structure)


def phases(*structures: Structure, **named: Structure) -> PhaseSource:
    known = {s.composition.reduced_formula: s for s in structures} | named

    def within(chemical_system: Iterable[str]) -> list[CompetingPhase]:
        allowed = set(chemical_system)
        return [
            CompetingPhase(name, s, "test")
            for name, s in known.items()
            if allowed.issuperset(e.symbol for e in s.elements)
        ]

    return within


def potential(energies, *structures, cache=None) -> PotentialEntryProvider:
    relax = energies if callable(energies) else ToyPotential(energies)
    return PotentialEntryProvider(
        [phases(*structures)], relax, "toy 1.0", MP2020_GGA, MemoryEntryCache() if cache is None else cache
    )


# Sets


def test_sets_of_one_origin_join_without_repeats():
    joined = entry_set(LITHIUM_CHLORIDE[:2]).joined(entry_set(LITHIUM_CHLORIDE))
    assert sorted(e.reduced_formula for e in joined.entries) == ["Cl2", "Li", "LiCl"]
    assert joined.origin == entry_set(LITHIUM_CHLORIDE).origin


@pytest.mark.parametrize("other", [{"label": "another"}, {"scale": RAW_PBE}])
def test_sets_of_different_origin_never_mix(other):
    with pytest.raises(StabilityError, match="do not share a scale"):
        entry_set(LITHIUM_CHLORIDE).joined(entry_set(LITHIUM_CHLORIDE, **other))


def test_content_hash_follows_content_not_order_or_cell_size():
    forward = entry_set(LITHIUM_CHLORIDE).origin.content_hash
    doubled = [ComputedEntry("Li2Cl2", -15.8), *LITHIUM_CHLORIDE[:2]]
    assert entry_set(LITHIUM_CHLORIDE[::-1]).origin.content_hash == forward
    assert entry_set(doubled).origin.content_hash == forward
    assert entry_set([*LITHIUM_CHLORIDE[:2], ComputedEntry("LiCl", -7.8)]).origin.content_hash != forward


def test_set_survives_json():
    original = entry_set([*LITHIUM_CHLORIDE, ComputedStructureEntry(LI2O, -59.0, correction=-2.7)])
    restored = EntrySet.from_dict(json.loads(json.dumps(original.as_dict())))
    assert restored.origin == original.origin
    assert [e.energy for e in restored.entries] == pytest.approx([e.energy for e in original.entries])


def test_missing_end_members_are_named_in_order():
    found = entry_set(LITHIUM_CHLORIDE[1:]).missing_end_members(("S", "Li", "Cl"))
    assert found == ("Li", "S")


def test_energies_must_be_finite():
    with pytest.raises(StabilityError, match="not finite"):
        entry_set([ComputedEntry("Li", math.nan)])


def test_fixed_provider_answers_for_the_subsystem():
    provider = FixedEntryProvider(entry_set([*LITHIUM_CHLORIDE, ComputedEntry("NaCl", -8.0)]))
    assert {e.reduced_formula for e in provider.entries(["Cl", "Li"]).entries} == {"Li", "Cl2", "LiCl"}


# Files


def write(tmp_path, content) -> object:
    path = tmp_path / "entries.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_plain_file_with_documented_corrections(tmp_path):
    path = write(
        tmp_path,
        {
            "label": "our DFT",
            "energy_scale": "MP2020-corrected GGA",
            "entries": [
                {"formula": "Li2O", "energy_eV": -14.3, "correction_eV": -0.69, "entry_id": "a"},
                {"formula": "Li", "energy_eV": -1.9},
            ],
        },
    )
    found = read_entries(path)
    assert [e.energy for e in found.entries] == pytest.approx([-14.99, -1.9])
    assert (found.origin.kind, found.origin.label) == ("file", "our DFT")


def test_monty_list_says_its_scale_itself(tmp_path):
    path = tmp_path / "entries.json"
    dumpfn([*LITHIUM_CHLORIDE, ComputedStructureEntry(LI, -3.8)], path)
    unsaid = read_entries(path)
    assert (unsaid.origin.label, unsaid.origin.energy_scale) == ("entries.json", "as given, no corrections")
    assert unsaid.origin.file_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    found = read_entries(path, label="our DFT", energy_scale=MP2020_GGA)
    assert len(found.entries) == 4
    window = electrochemical_window(Composition("LiCl"), found, None)
    assert window.high_V == pytest.approx(7.9 - 1.9 - 1.8)


def test_saved_set_keeps_its_origin(tmp_path):
    original = entry_set(LITHIUM_CHLORIDE, label="CHGNet 0.3.0", scale=MP2020_GGA, kind="potential")
    read = read_entries(write(tmp_path, original.as_dict())).origin
    assert (read.kind, read.label, read.energy_scale, read.content_hash) == (
        *("potential", "CHGNet 0.3.0", MP2020_GGA),
        original.origin.content_hash,
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{not json", "is not JSON"),
        ({"label": "a", "energy_scale": "b"}, "no list of entries"),
        ("3", "no list of entries"),
        ({"label": "a", "energy_scale": "b", "entries": [{"formula": "Li"}]}, "entry 0 cannot be read"),
        ({"label": "a", "energy_scale": "b", "entries": [{"formula": "Xx", "energy_eV": 1}]}, "entry 0"),
        ({"label": "a", "energy_scale": "b", "entries": [{"@class": "PDEntry"}]}, "PDEntry is not an entry"),
        ({"label": "a", "energy_scale": "b", "entries": ["Li"]}, "entry 0"),
        ({"label": "a", "energy_scale": "b", "kind": "guess", "entries": []}, "kind must be one of"),
        (
            {"label": "a", "energy_scale": "b", "entries": [{"formula": "Li", "energy_eV": "nan"}]},
            "not finite",
        ),
    ],
)
def test_unusable_files_say_why(tmp_path, content, message):
    with pytest.raises(StabilityError, match=message):
        read_entries(write(tmp_path, content))


def test_absent_file_is_named_without_its_folder(tmp_path):
    with pytest.raises(StabilityError) as caught:
        read_entries(tmp_path / "none.json")
    assert str(caught.value) == "none.json: cannot be read: No such file or directory"


# Phases relaxed with a potential


ENERGIES = {"Li": -1.9, "Cl2": -1.8, "LiCl": -3.95, "Li2O": -4.9}


def test_potential_relaxes_only_the_chemical_system_and_only_once():
    relax = ToyPotential(ENERGIES)
    provider = potential(relax, LI, CL2, LICL, LI2O)
    first = provider.entries(("Li", "Cl"))
    second = provider.entries(("Li", "Cl"))
    assert sorted(relax.calls) == ["Cl2", "Li", "LiCl"]
    assert first.origin == second.origin
    assert (first.origin.kind, first.origin.label) == ("potential", "toy 1.0")
    window = electrochemical_window(Composition("LiCl"), first, -3.95)
    assert window.high_V == pytest.approx(7.9 - 1.9 - 1.8)
    assert window.stable


def test_cache_answers_are_plain_json_and_belong_to_one_potential():
    cache = MemoryEntryCache()
    potential(ENERGIES, LI, cache=cache).entries(("Li",))
    restored = MemoryEntryCache(json.loads(json.dumps(cache.answers)))
    relax = ToyPotential(ENERGIES)
    assert len(potential(relax, LI, cache=restored).entries(("Li",)).entries) == 1
    assert relax.calls == []
    other = PotentialEntryProvider([phases(LI)], relax, "toy 2.0", MP2020_GGA, restored)
    other.entries(("Li",))
    assert relax.calls == ["Li"]


def test_phases_that_do_not_relax_are_skipped_and_named():
    disordered = Structure(Lattice.cubic(5.13), [{"Li": 0.5, "Na": 0.5}, "Cl"], ROCK_SALT)
    relax = ToyPotential({**ENERGIES, "LiCl": math.inf})
    provider = PotentialEntryProvider(
        [phases(LI, CL2), phases(LICL, mixed=disordered)], relax, "toy", MP2020_GGA
    )
    found = provider.entries(("Cl", "Li", "Na"))
    assert set(found.skipped) == {"LiCl", "mixed"}
    assert "no finite energy" in found.skipped["LiCl"]
    quality = electrochemical_window(Composition("LiCl"), found, None).quality
    assert quality.skipped == found.skipped
    failing = potential({"Li": -1.9}, LI, CL2).entries(("Cl", "Li"))
    assert failing.skipped == {"Cl2": "Cl2: relaxation diverged"}
    assert electrochemical_window(Composition("LiCl"), failing, None).missing == ("Cl",)


def test_molecular_crystals_are_relaxed_in_their_cell():
    kept = {}

    def relax(structure: Structure, *, keep_cell: bool) -> tuple[Structure, float]:
        kept[structure.composition.reduced_formula] = keep_cell
        return structure, -1.0

    def chlorides(chemical_system: Iterable[str]) -> list[CompetingPhase]:
        return [CompetingPhase("a", CL2, "test", keep_cell=True), CompetingPhase("b", LICL, "test")]

    PotentialEntryProvider([chlorides], relax, "toy", MP2020_GGA).entries(("Cl", "Li"))
    assert kept == {"Cl2": True, "LiCl": False}


def test_relaxation_may_not_lose_atoms():
    def lossy(structure: Structure, *, keep_cell: bool) -> tuple[Structure, float]:
        return Structure(structure.lattice, ["Li"], [[0, 0, 0]]), -1.0

    assert "changed the composition" in potential(lossy, LICL).entries(("Cl", "Li")).skipped["LiCl"]


def test_structure_hash_ignores_site_order_and_lattice_translations():
    shuffled = Structure(LICL.lattice, LICL.species[::-1], LICL.frac_coords[::-1] + 1.0)
    assert structure_hash(shuffled) == structure_hash(LICL)
    assert structure_hash(LICL.copy().apply_strain(0.01, inplace=False)) != structure_hash(LICL)


# Corrections


def test_raw_energies_get_the_published_oxide_correction_once():
    raw = entry_set([ComputedStructureEntry(LI2O, -56.9), ComputedStructureEntry(LI, -3.8)], scale=RAW_PBE)
    corrected = correct_to_mp2020(raw)
    # Wang et al., doi:10.1038/s41598-021-94550-5: -0.687 eV per oxide ion, nothing for elements.
    assert [e.energy for e in corrected.entries] == pytest.approx([-56.9 - 4 * 0.687, -3.8])
    assert corrected.origin.energy_scale == MP2020_GGA
    with pytest.raises(StabilityError, match="not raw PBE"):
        correct_to_mp2020(corrected)


def test_transition_metal_oxides_are_corrected_as_gga_plus_u():
    feo = ComputedStructureEntry(cell("Fm-3m", 4.33, ["Fe", "O"], ROCK_SALT), -60.0)
    fes = ComputedStructureEntry(cell("Fm-3m", 5.1, ["Fe", "S"], ROCK_SALT), -60.0)
    oxide, sulphide = correct_to_mp2020(entry_set([feo, fes], scale=RAW_PBE)).entries
    assert oxide.energy - feo.energy == pytest.approx(4 * (-0.687 - 2.256))
    assert sulphide.energy - fes.energy == pytest.approx(4 * -0.503)


def test_corrections_need_structures():
    with pytest.raises(StabilityError, match="no structure"):
        correct_to_mp2020(entry_set([ComputedEntry("Li2O", -14.0)], scale=RAW_PBE))
