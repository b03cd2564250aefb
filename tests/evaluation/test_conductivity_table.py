"""Reading tables of conductivities, and the numbers of composition and density."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from mtl_flows.errors import InputError, NoMobileIonError
from mtl_flows.evaluation.conductivity import (
    TRIVIAL_NAMES,
    MeasuredConductivity,
    read_conductivity_table,
    trivial_descriptors,
)


@pytest.fixture
def table(tmp_path):
    def write(text, name="table.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_text(text, encoding=encoding)
        return path

    return write


def test_obelix_columns(table):
    rows = read_conductivity_table(
        table(
            "ID,Reduced Composition,Ionic conductivity (S cm-1),Family,DOI,close match,ICSD ID\n"
            "jqc,Li7BiO6,1.58489e-06,hexaoxometalates,10.1002/x,,155950.0\n"
            "mdp,Li7P3S11,0.0032,,10.1039/y,Yes,157654.0\n"
            "1xt,LiSbO2,<1E-10,oxides,10.1021/z,,\n"
        )
    )
    assert rows == (
        MeasuredConductivity("jqc", 1.58489e-06, "", "hexaoxometalates", "icsd-155950", of_a_relative=False),
        MeasuredConductivity("mdp", 0.0032, "", "", "icsd-157654", of_a_relative=True),
        MeasuredConductivity("1xt", 1e-10, "<", "oxides", "", of_a_relative=False),
    )


@pytest.mark.parametrize(
    ("header", "factor"),
    [
        ("conductivity", 1.0),
        ("conductivity_S_per_cm", 1.0),
        ("MeasuredConductivity [S/cm]", 1.0),
        ("conductivity (mS/cm)", 1e-3),
        ("ionic conductivity, mS cm-1", 1e-3),
        ("conductivity (S/m)", 1e-2),
    ],
)
def test_generic_columns_and_units(table, header, factor):
    (row,) = read_conductivity_table(table(f'material_id,"{header}",family\nicsd-1,2.5,garnet\n'))
    assert row.value_S_per_cm == pytest.approx(2.5 * factor)
    assert (row.id, row.family, row.bound) == ("icsd-1", "garnet", "")


def test_rows_without_a_measurement_are_left_out(table):
    rows = read_conductivity_table(table("id,conductivity\na,\nb, > 1e-3 \n", encoding="utf-8-sig"))
    assert [(row.id, row.value_S_per_cm, row.bound) for row in rows] == [("b", 1e-3, ">")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,sigma\na,1\n", "no column holds the conductivity"),
        ("code,conductivity\na,1\n", "no column holds the id"),
        ("", "no column holds the id"),
        ("id,log10 conductivity\na,-4\n", "the unit of column 'log10 conductivity' is not known"),
        ("id,conductivity (ohm cm)\na,4\n", "the unit of column"),
        ("id,conductivity\na,fast\n", "row 'a': 'fast' is not a conductivity"),
        ("id,conductivity\na,0\n", "row 'a': '0' is not a conductivity"),
        ("id,conductivity\na,-1e-4\n", "row 'a'"),
        ("id,conductivity\na,nan\n", "row 'a'"),
        ("id,conductivity\n,1e-4\n", "row ''"),
        ("id,conductivity\na,1e-4\nA,1e-5\n", "ids come more than once: a"),
        ("id,conductivity\n", "the table holds no conductivity"),
    ],
)
def test_unusable_tables_are_refused(table, text, message):
    with pytest.raises(InputError, match=message):
        read_conductivity_table(table(text))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_other_delimiters_repeated_rows_and_rows_that_cannot_be_read(table, delimiter):
    lines = ["id,conductivity,family", "a,1e-4,x", "b,fast,x", "a,1e-4,x", "c,<1E-10,y"]
    path = table("\n".join(lines).replace(",", delimiter))
    refused = []
    rows = read_conductivity_table(path, refused.append)
    assert [(row.id, row.bound, row.family) for row in rows] == [("a", "", "x"), ("c", "<", "y")]
    assert [str(error).count("'fast' is not a conductivity") for error in refused] == [1]
    with pytest.raises(InputError, match="fast"):
        read_conductivity_table(path)


def test_a_missing_or_undecodable_table_is_refused(table, tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_conductivity_table(tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_conductivity_table(table("id,conductivity\né,1\n", encoding="latin-1"))


@pytest.mark.parametrize(
    ("value", "bound", "verdict"),
    [
        (1e-3, "", True),
        (1e-4, "", True),
        (9e-5, "", False),
        (1e-10, "<", False),
        (1e-4, "<", False),
        (1e-3, "<", None),
        (1e-3, ">", True),
        (1e-5, ">", None),
    ],
)
def test_superionic_or_left_open(value, bound, verdict):
    assert MeasuredConductivity("a", value, bound).is_superionic(1e-4) is verdict


def test_trivial_numbers_of_rock_salt():
    structure = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.14), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    numbers = trivial_descriptors(structure)
    assert tuple(numbers) == (*TRIVIAL_NAMES, "mobile_occupancy")
    assert numbers == pytest.approx(
        {
            "n_elements": 2,
            "mobile_fraction": 0.5,
            "density_g_per_cm3": 4 * (6.941 + 35.453) / 0.602214 / 5.14**3,
            "volume_per_atom_A3": 5.14**3 / 8,
            "mobile_density_per_A3": 4 / 5.14**3,
            "framework_electronegativity": 3.16,
            "framework_mass_amu": 35.453,
            "mobile_occupancy": 1.0,
        },
        rel=1e-3,
    )


def test_trivial_numbers_count_occupancies():
    structure = Structure(
        Lattice.cubic(4),
        [{"Li": 0.25}, {"Li": 0.5, "Na": 0.5}, "O"],
        [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0.5, 0.5]],
    )
    numbers = trivial_descriptors(structure)
    assert numbers["mobile_occupancy"] == pytest.approx(0.375)
    assert numbers["mobile_fraction"] == pytest.approx(0.75 / 2.25)
    assert numbers["volume_per_atom_A3"] == pytest.approx(64 / 2.25)
    assert numbers["framework_electronegativity"] == pytest.approx((0.5 * 0.93 + 3.44) / 1.5)
    assert trivial_descriptors(structure, "Na")["mobile_occupancy"] == pytest.approx(0.5)


def test_elements_without_electronegativity_are_passed_over():
    noble = Structure(Lattice.cubic(4), ["Li", "Ar"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert trivial_descriptors(noble)["framework_electronegativity"] == 0.0
    metal = Structure(Lattice.cubic(3.5), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert trivial_descriptors(metal)["framework_mass_amu"] == 0.0
    assert np.isfinite(list(trivial_descriptors(metal).values())).all()


def test_trivial_numbers_need_the_mobile_ion():
    salt = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    with pytest.raises(NoMobileIonError):
        trivial_descriptors(salt)
