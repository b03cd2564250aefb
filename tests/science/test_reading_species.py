"""What symbols of atom sites stand for: never another element."""

import pytest

from mtl_flows.errors import InputError
from mtl_flows.science.reading.species import read_label, read_type_symbol


@pytest.mark.parametrize(
    ("symbol", "element", "hydrogens"),
    [
        ("NH3", "N", 3),
        ("NH41+", "N", 4),
        ("NH4+", "N", 4),
        ("NH2", "N", 2),
        ("BH4", "B", 4),
        ("AlH4", "Al", 4),
        ("H2O", "O", 2),
        ("H3O+", "O", 3),
        ("OH2", "O", 2),
        ("OH1-", "O", 1),
        ("ND4", "N", 4),
        ("Wat", "O", 2),
        ("O-H", "O", 1),
    ],
)
def test_groups_of_one_atom_and_hydrogens(symbol: str, element: str, hydrogens: int) -> None:
    found = read_type_symbol(symbol, "X1", ())
    assert [name for name, _ in found.shares] == [element]
    assert found.hydrogens == hydrogens


@pytest.mark.parametrize(
    "symbol",
    [
        "PO4",
        "SO42-",
        "NO3",
        "CN",
        "CN-",
        "BF4",
        "ClO4",
        "N3",
        "O22-",
        "I3-",
        "P2S6",
        "Nh",
        "Bh",
        "No",
        "T",
        "M",
        "Qq",
    ],
)
def test_what_one_site_cannot_hold(symbol: str) -> None:
    with pytest.raises(InputError):
        read_type_symbol(symbol, "X1", ())


@pytest.mark.parametrize("symbol", ["Li/Na", "Fe+Mn", "Fe + Mn", "(Li,Na)", "Li;Na", "Fe2+Mn3+"])
def test_elements_without_amounts(symbol: str) -> None:
    with pytest.raises(InputError, match="how much of each"):
        read_type_symbol(symbol, "M1", ())


@pytest.mark.parametrize(
    ("symbol", "shares"),
    [
        ("Li0.5Na0.5", {("Li", None): 0.5, ("Na", None): 0.5}),
        ("0.5Fe2+ + 0.5Fe3+", {("Fe", 2.0): 0.5, ("Fe", 3.0): 0.5}),
        ("0.5Fe2+0.5Fe3+", {("Fe", 2.0): 0.5, ("Fe", 3.0): 0.5}),
        ("0.615(5)Li1+ + 0.385(5)Na1+", {("Li", 1.0): 0.615, ("Na", 1.0): 0.385}),
        ("0.9Li + 0.1Va", {("Li", None): 0.9}),
        ("Li0.5", {("Li", None): 0.5}),
    ],
)
def test_shared_sites(symbol: str, shares: dict[tuple[str, float | None], float]) -> None:
    found = read_type_symbol(symbol, "M1", ())
    assert found.shared
    assert found.shares == shares


def test_shares_beyond_one() -> None:
    with pytest.raises(InputError, match="add up to 1"):
        read_type_symbol("1.0Li + 0.5Na", "M1", ())


@pytest.mark.parametrize(
    ("symbol", "charge"),
    [
        ("Fe2.67+", 2.67),
        ("Fe8/3+", 8 / 3),
        ("Fe+3", 3.0),
        ("Fe+++", 3.0),
        ("Fe3+", 3.0),
        ("Fe+", 1.0),
        ("Fe", None),
    ],
)
def test_charges(symbol: str, charge: float | None) -> None:
    ((element, found),) = read_type_symbol(symbol, "Fe1", ()).shares
    assert element == "Fe"
    assert found == (charge if charge is None else pytest.approx(charge))


@pytest.mark.parametrize("symbol", ["7Li", "6Li", "Li-7", "LI", "Li1+", "li"])
def test_isotopes_and_capitals(symbol: str) -> None:
    assert [element for element, _ in read_type_symbol(symbol, "Li1", ()).shares] == ["Li"]


@pytest.mark.parametrize("symbol", ["Va", "Vac", "Xx", "X", "Q", "□"])
def test_vacancies(symbol: str) -> None:
    assert read_type_symbol(symbol, "V1", ()).shares == {}


@pytest.mark.parametrize(
    ("label", "declared", "element"),
    [
        ("CO1", {"C", "O"}, "C"),
        ("CO1", {"Co"}, "Co"),
        ("Fe2+A", set(), "Fe"),
        ("HO1", {"H", "O"}, "H"),
        ("HC2A", set(), "H"),
        ("NaK", set(), "Na"),
        ("CN1", {"C", "N"}, "C"),
        ("7Li1", set(), "Li"),
        ("NH3", set(), "N"),
    ],
)
def test_labels(label: str, declared: set[str], element: str) -> None:
    assert [name for name, _ in read_label(label, declared).shares] == [element]


@pytest.mark.parametrize("label", ["T1", "M1", "CN1", "PO4", "SO4", "Li/Na1"])
def test_labels_that_name_no_element(label: str) -> None:
    with pytest.raises(InputError):
        read_label(label, ())
