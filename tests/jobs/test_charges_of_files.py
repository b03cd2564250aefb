"""Charges of a CIF, from the file to the verdict of the rules and to the ordered cell."""

from dataclasses import replace
from pathlib import Path

import pytest
from samples import HERE
from toy_engines import dynamics

from mtl_flows.jobs.batch import run_stage
from mtl_flows.jobs.ingest import ingest
from mtl_flows.jobs.ordering import find_ordering
from mtl_flows.schemas.chemistry import ChemistryDocument
from mtl_flows.schemas.dynamics import OrderingDocument
from mtl_flows.schemas.ingest import StructureDocument
from mtl_flows.science.charges import with_charges
from mtl_flows.science.ordering import OrderingParameters
from mtl_flows.stages import CHEMISTRY, ScreeningParameters
from mtl_flows.store.database import MTLStore

SPINEL = """data_spinel
_cell_length_a 8.245
_cell_length_b 8.245
_cell_length_c 8.245
_symmetry_space_group_name_H-M 'F d -3 m Z'
_chemical_formula_sum 'Li1 Mn2 O4'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Li1 Li1+ 0.125 0.125 0.125 1
{manganese}
O1 O2- 0.2633 0.2633 0.2633 1
"""
MIXED = "Mn1 Mn3+ 0.5 0.5 0.5 0.5\nMn2 Mn4+ 0.5 0.5 0.5 0.5"

TITANATE = """data_titanate
_cell_length_a 4.4
_cell_length_b 4.4
_cell_length_c 4.4
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Li1 Li1+ 0 0 0
Ti1 {titanium} 0.5 0.5 0
Mn1 {manganese} 0.5 0 0.5
O1 O2- 0 0.5 0.4
O2 O2- 0.5 0.5 0.5
O3 O2- 0 0 0.5
O4 O2- 0.1 0.5 0
"""


@pytest.fixture
def delivered(store: MTLStore, tmp_path: Path) -> dict[str, StructureDocument]:
    """Revisions of some files with charges, by the name of the file."""
    for name, text in {
        "mixed": SPINEL.format(manganese=MIXED),
        "mean": SPINEL.format(manganese="Mn1 Mn3.5+ 0.5 0.5 0.5 1"),
        "bare": SPINEL.format(manganese="Mn1 Mn 0.5 0.5 0.5 1"),
        "guessed": TITANATE.format(titanium="Ti", manganese="Mn"),
        "contradicting": TITANATE.format(titanium="Ti3+", manganese="Mn4+"),
        "unbalanced": TITANATE.format(titanium="Ti3+", manganese="Mn3+"),
    }.items():
        (tmp_path / f"{name}.cif").write_text(text)
    assert ingest(store, [tmp_path], release="1", workers=0).new == 6
    return {document.material_id: document for document in store.structures.find()}


def chemistry(store: MTLStore, document: StructureDocument) -> ChemistryDocument:
    parameters = ScreeningParameters()
    run_stage(store, CHEMISTRY, [document.id], parameters, limits=HERE)
    keys = CHEMISTRY.keys(store.structures.subjects([document.id]), parameters.of(CHEMISTRY))
    return store.chemistry.get(keys[document.id])


def ordering(store: MTLStore, document: StructureDocument) -> OrderingDocument:
    parameters = replace(dynamics(), ordering=OrderingParameters(min_mobile_ions=1, min_plane_spacing_A=4.0))
    (subject,) = store.structures.subjects([document.id])
    return find_ordering(store, subject, 0, parameters)


def states(found: ChemistryDocument) -> dict[str, list[float]]:
    """What the fourth rule found."""
    return dict(found.rules[3].evidence["states"])


def test_charges_stand_beside_the_crystal_and_do_not_change_it(
    store: MTLStore, delivered: dict[str, StructureDocument]
) -> None:
    mixed, mean, bare = (delivered[name] for name in ("mixed", "mean", "bare"))
    assert mixed.crystal_id == mean.crystal_id == bare.crystal_id
    assert mixed.ordered
    assert mixed.oxidation_states == mean.oxidation_states == {"Li": 1.0, "Mn": 3.5, "O": -2.0}
    assert (mean.site_charges, bare.oxidation_states) == ([], {"Li": 1.0, "O": -2.0})
    assert len({mixed.fingerprint, mean.fingerprint, bare.fingerprint}) == 3
    crystal = store.crystals.get(mixed.crystal_id).to_structure()
    for site, ions in zip(crystal, mixed.site_charges, strict=True):
        expected = {"Li": {"Li+": 1.0}, "Mn": {"Mn3+": 0.5, "Mn4+": 0.5}, "O": {"O2-": 1.0}}
        assert ions == expected[site.specie.symbol]
    assert with_charges(crystal, mixed.site_charges, {}).charge == pytest.approx(0.0)


def test_mixed_valence_reaches_the_rules_and_the_ordering(
    store: MTLStore, delivered: dict[str, StructureDocument]
) -> None:
    assert states(chemistry(store, delivered["mixed"]))["Mn"] == [3.0, 4.0]
    assert states(chemistry(store, delivered["mean"]))["Mn"] == [3.5]
    cells = {name: ordering(store, delivered[name]) for name in ("mixed", "mean", "bare")}
    assert {cell.oxidation_states["Mn"] for cell in cells.values()} == {3.5}
    assert cells["mixed"].structure == cells["bare"].structure
    assert cells["mixed"].was_ordered


def test_charges_enter_the_keys_of_the_stages_that_read_them(
    store: MTLStore, delivered: dict[str, StructureDocument]
) -> None:
    ids = [delivered[name].id for name in ("mixed", "mean", "bare")]
    mixed, mean, bare = store.structures.subjects(ids)
    assert mixed.key() == mean.key() == bare.key() == delivered["mixed"].crystal_id
    assert len({subject.key(("oxidation_states",)) for subject in (mixed, mean, bare)}) == 3
    assert mixed.key(("formula",)) == mean.key(("formula",))


def test_charges_that_contradict_the_guess_reach_both(
    store: MTLStore, delivered: dict[str, StructureDocument]
) -> None:
    found = {name: chemistry(store, delivered[name]) for name in ("guessed", "contradicting", "unbalanced")}
    assert (states(found["guessed"])["Ti"], states(found["guessed"])["Mn"]) == ([4.0], [3.0])
    assert (states(found["contradicting"])["Ti"], states(found["contradicting"])["Mn"]) == ([3.0], [4.0])
    assert found["unbalanced"].rules[3].evidence["ignores_given"] is True
    cells = {name: ordering(store, delivered[name]).oxidation_states for name in found}
    assert cells["guessed"] == cells["unbalanced"] == {"Li": 1.0, "Ti": 4.0, "Mn": 3.0, "O": -2.0}
    assert cells["contradicting"] == {"Li": 1.0, "Ti": 3.0, "Mn": 4.0, "O": -2.0}
