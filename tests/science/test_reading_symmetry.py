"""Symmetry operations, against pymatgen's own parser and tables."""

import numpy as np
import pytest
import spglib
from pymatgen.core import Lattice, Structure
from pymatgen.core.operations import SymmOp
from pymatgen.symmetry.groups import SpaceGroup

from mtl_flows.errors import UnreadableStructureError
from mtl_flows.science.reading.cif import CifBlock
from mtl_flows.science.reading.symmetry import (
    operations_of_group,
    parse_operations,
    read_settings,
)
from mtl_flows.science.symmetry import Operations, space_group


def as_set(operations: Operations) -> set[tuple[float, ...]]:
    rotations, translations = operations
    return {
        (*np.round(r).astype(int).ravel().tolist(), *(np.round(t % 1.0, 4) % 1.0).tolist())
        for r, t in zip(rotations, translations, strict=True)
    }


@pytest.mark.parametrize(
    "text",
    [
        "x,y,z",
        "-x, y+1/2, -z",
        "x-y, x, z+5/6",
        "1/2+X,-Y,Z-0.25",
        "-x+y,-x,z",
        "+x,+y,+z",
        "y+.5,z+0.3333,x",
        "'x,y,z'",
    ],
)
def test_operation_as_pymatgen_reads_it(text: str) -> None:
    rotations, translations = parse_operations((text,))
    expected = SymmOp.from_xyz_str(text.strip("'"))
    np.testing.assert_allclose(rotations[0], expected.rotation_matrix)
    np.testing.assert_allclose(translations[0], expected.translation_vector)


@pytest.mark.parametrize("text", ["x,y", "x,y,w", "", "x,x,x", "x,,z", "x y z", "1/0,y,z", "x,y,z+"])
def test_what_is_no_operation(text: str) -> None:
    with pytest.raises((ValueError, ZeroDivisionError)):
        parse_operations((text,))


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")
@pytest.mark.parametrize("hall_number", range(1, 531, 7))
def test_settings_by_hall_symbol(hall_number: int) -> None:
    kind = spglib.get_spacegroup_type(hall_number)
    stored = spglib.get_symmetry_from_database(hall_number)
    (operations,) = operations_of_group(kind.hall_symbol, "", 0)
    assert as_set(operations) == as_set((stored["rotations"], stored["translations"]))


@pytest.mark.parametrize(
    "symbol", ["P1", "P-1", "Pnma", "P6_3/mmc", "Fm-3m", "Ia-3d", "P2_1/c", "I4_1/acd", "P4_2/nmc"]
)
def test_group_by_symbol_and_number_as_in_pymatgen(symbol: str) -> None:
    group = SpaceGroup(symbol)
    expected = as_set(
        (
            np.array([op.rotation_matrix for op in group.symmetry_ops]),
            np.array([op.translation_vector for op in group.symmetry_ops]),
        )
    )
    spaced = symbol.replace("P", "P ").replace("F", "F ").replace("I", "I ")
    for settings in (
        operations_of_group("", symbol, 0),
        operations_of_group("", spaced, 0),
        operations_of_group("", "", group.int_number),
    ):
        assert expected in [as_set(setting) for setting in settings]


def test_open_origin_gives_both_with_the_inversion_centre_first() -> None:
    both = operations_of_group("", "F d -3 m", 0)
    (second,) = operations_of_group("", "F d -3 m :2", 0)
    (first,) = operations_of_group("", "F d -3 m S", 0)
    assert [as_set(setting) for setting in both] == [as_set(second), as_set(first)]
    assert as_set(second) != as_set(first)


def test_rhombohedral_and_hexagonal_axes() -> None:
    (hexagonal,) = operations_of_group("", "R -3 m H", 0)
    (rhombohedral,) = operations_of_group("", "R -3 m :R", 0)
    assert (len(hexagonal[0]), len(rhombohedral[0])) == (36, 12)
    assert [len(s[0]) for s in operations_of_group("", "", 166)] == [36, 12]


def test_unknown_group() -> None:
    assert operations_of_group("", "Q 9 9", 0) == ()
    assert operations_of_group("", "", 999) == ()


def block(**values: str | list[str]) -> CifBlock:
    return CifBlock("x", {f"_{tag}": [v] if isinstance(v, str) else v for tag, v in values.items()})


def test_given_operations_win_over_names() -> None:
    notes: list[str] = []
    given = block(symmetry_equiv_pos_as_xyz=["x,y,z", "-x,-y,-z"], symmetry_int_tables_number="225")
    (operations,) = read_settings(given, notes)
    assert len(operations[0]) == 2
    assert notes == []


def test_names_stand_in_for_missing_operations() -> None:
    notes: list[str] = []
    (operations,) = read_settings(
        block(symmetry_equiv_pos_as_xyz="?", symmetry_int_tables_number="225"), notes
    )
    assert len(operations[0]) == 192
    assert notes == ["no symmetry operations given, those of 225 used"]


def test_no_symmetry_at_all_is_p1_and_said() -> None:
    notes: list[str] = []
    (operations,) = read_settings(block(), notes)
    assert as_set(operations) == as_set(parse_operations(("x,y,z",)))
    assert notes == ["no symmetry given, P 1 assumed"]


@pytest.mark.parametrize(
    "given",
    [
        block(symmetry_equiv_pos_as_xyz=["x,y,z", "nonsense"]),
        block(**{"space_group_name_h-m_alt": "Q 9"}),
        CifBlock("x", {}, ragged={"_space_group_symop_operation_xyz"}),
    ],
)
def test_symmetry_that_cannot_be_read_is_never_taken_for_none(given: CifBlock) -> None:
    with pytest.raises(UnreadableStructureError, match="symmetry operations"):
        read_settings(given, [])


def test_magnetic_operations_with_their_centrings() -> None:
    given = block(
        space_group_symop_magn_operation_xyz=["x,y,z,+1", "-x,-y,-z,-1"],
        space_group_symop_magn_centering_xyz=["x,y,z,+1", "x+1/2,y+1/2,z,-1"],
    )
    (operations,) = read_settings(given, [])
    expected = parse_operations(("x,y,z", "-x,-y,-z", "x+1/2,y+1/2,z", "-x+1/2,-y+1/2,-z"))
    assert as_set(operations) == as_set(expected)


def test_space_group_sees_occupancies() -> None:
    rock_salt = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(4.0), ["Li", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    assert space_group(rock_salt) == (225, "Fm-3m")
    rock_salt[0] = {"Li": 0.5}
    assert space_group(rock_salt)[0] < 225


def test_space_group_of_coinciding_sites_is_none() -> None:
    same = Structure(Lattice.cubic(3.0), ["Li", "Li"], [[0, 0, 0], [0, 0, 0]])
    assert space_group(same) == (1, "P1")
