"""The table of settings and the one wrapper of spglib, on ordered, disordered and charged crystals."""

from math import isnan

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.groups import SpaceGroup

from mtl_flows.science.symmetry import (
    conventional_volume_factor,
    database_operations,
    equivalent_sites,
    find_dataset,
    plane_spacings_A,
    reduce_lattice,
    settings,
    site_kinds,
    space_group,
)

SPINEL = Structure.from_spacegroup(
    "Fd-3m:2",
    Lattice.cubic(8.245),
    ["Li", "Mn", "O"],
    [[0.125, 0.125, 0.125], [0.5, 0.5, 0.5], [0.2633, 0.2633, 0.2633]],
)
COINCIDING = Structure(Lattice.cubic(3.0), ["Li", "Li"], [[0, 0, 0], [0, 0, 0]])


def test_the_table_of_settings() -> None:
    table = settings()
    assert [setting.hall_number for setting in table] == list(range(1, 531))
    assert {setting.number for setting in table} == set(range(1, 231))
    spinel = [setting for setting in table if setting.short == "Fd-3m"]
    assert [(setting.number, setting.choice) for setting in spinel] == [(227, "1"), (227, "2")]
    assert spinel[1].full in {name.replace(" ", "") for name in spinel[1].names}


@pytest.mark.parametrize("number", [1, 2, 14, 62, 166, 225])
def test_operations_are_as_many_as_pymatgen_has(number: int) -> None:
    setting = next(s for s in settings() if s.number == number)
    rotations, translations = database_operations(setting.hall_number)
    assert len(rotations) == len(translations) == SpaceGroup.from_int_number(number).order
    with pytest.raises(LookupError):
        database_operations(531)


def test_sites_are_of_one_kind_whatever_their_charge() -> None:
    charged = Structure(
        Lattice.cubic(4.0),
        ["Mn3+", "Mn4+", "Mn", {"Mn3+": 0.5, "Mn4+": 0.5}, {"Mn": 0.5}, {"Li": 0.5, "Na": 0.5}],
        [[x, 0, 0] for x in (0, 0.1, 0.2, 0.3, 0.4, 0.5)],
    )
    assert site_kinds(charged).tolist() == [0, 0, 0, 0, 1, 2]


def test_a_charge_breaks_no_symmetry() -> None:
    charged = SPINEL.copy()
    charged.replace(int(np.flatnonzero([s.specie.symbol == "Mn" for s in charged])[0]), "Mn3+")
    assert space_group(charged) == space_group(SPINEL) == (227, "Fd-3m")
    assert len(set(equivalent_sites(charged).tolist())) == 3


def test_the_conventional_cell() -> None:
    assert conventional_volume_factor(SPINEL) == pytest.approx(1.0)
    assert conventional_volume_factor(SPINEL.get_primitive_structure()) == pytest.approx(4.0)


def test_without_symmetry_every_answer_is_the_cautious_one() -> None:
    assert find_dataset(COINCIDING) is None
    assert space_group(COINCIDING) == (1, "P1")
    assert equivalent_sites(COINCIDING).tolist() == [0, 0]
    assert isnan(conventional_volume_factor(COINCIDING))


def test_lattices() -> None:
    skewed = np.array([[4.0, 0, 0], [4.0, 4.0, 0], [0, 0, 6.0]])
    assert sorted(np.linalg.norm(reduce_lattice(skewed), axis=1)) == pytest.approx([4, 4, 6])
    assert plane_spacings_A(skewed) == pytest.approx([4 / np.sqrt(2), 4, 6])
