"""Materials by what people call them."""

import pytest
from samples import fill

from mtl_flows.errors import ConfigurationError, NotFoundError
from mtl_flows.jobs.labels import waiting_labels
from mtl_flows.store.candidate_filter import field_named
from mtl_flows.store.database import MTLStore


@pytest.fixture
def filled(store: MTLStore) -> MTLStore:
    fill(store, "li3n", "licl", "li10gep2s12")
    return store


@pytest.mark.parametrize(
    ("name", "material"),
    [
        ("icsd-34280", "icsd-34280"),
        ("ICSD-34280", "icsd-34280"),
        ("icsd-34280.r1", "icsd-34280"),
        ("li3n.cif", "icsd-34280"),
        ("Li6N2", "icsd-34280"),
        ("LiCl", "licl"),
    ],
)
def test_a_material_is_found_by_id_file_and_formula(filled: MTLStore, name: str, material: str) -> None:
    assert filled.structures.material_named(name) == material
    assert filled.structure(name) == filled.structure(material)


def test_who_may_have_been_meant_is_told(filled: MTLStore) -> None:
    with pytest.raises(NotFoundError, match="did you mean li10gep2s12"):
        filled.structures.material_named("li10gep2s1")
    with pytest.raises(NotFoundError, match="see mtl query"):
        filled.structures.material_named("zzz")
    for no_formula in ("Li(", "Zz2", "H0", f"Li{'9' * 90}", "Li\0"):
        assert filled.structures.materials_of(no_formula) == []


def test_a_formula_of_several_is_not_guessed_at(filled: MTLStore) -> None:
    filled.structures.raw.update_one({"material_id": "licl"}, {"$set": {"reduced_formula": "Li3N"}})
    with pytest.raises(NotFoundError, match=r"formula of 2 materials.*icsd-34280, licl"):
        filled.structures.material_named("Li3N")


def test_labels_wait_for_the_materials_they_name(filled: MTLStore) -> None:
    from samples import label_known

    label_known(filled, "LiCl", "nobody")
    assert waiting_labels(filled) == {"nobody"}


def test_units_of_columns_may_be_left_out() -> None:
    assert field_named("v3", ("v3_A", "v3_over_d3")) == "v3_A"
    with pytest.raises(ConfigurationError, match="did you mean v3_A"):
        field_named("v3_Å", ("v3_A",))
