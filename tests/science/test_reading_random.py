"""Random crystals with pymatgen's own parser as a referee, and random damage."""

import warnings

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifParser, CifWriter
from reading_files import cif, read

from mtl_flows.errors import InputError
from mtl_flows.science.crystals import crystal_hash
from mtl_flows.science.reading import ParsedStructure, read_structures

GROUPS = st.sampled_from(["P1", "P-1", "C2/c", "Pnma", "I4/mmm", "R-3m", "P6_3/mmc", "P4_2/nmc", "Pm-3m"])
LATTICES = {
    "triclinic": Lattice.from_parameters(5.1, 6.2, 7.3, 81, 95, 103),
    "monoclinic": Lattice.monoclinic(5.1, 6.2, 7.3, 103),
    "orthorhombic": Lattice.orthorhombic(5.1, 6.2, 7.3),
    "tetragonal": Lattice.tetragonal(5.1, 7.3),
    "trigonal": Lattice.hexagonal(5.1, 14.2),
    "hexagonal": Lattice.hexagonal(5.1, 7.3),
    "cubic": Lattice.cubic(7.6),
}
COORDINATE = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75]), st.integers(1, 999).map(lambda n: n / 1000))


@st.composite
def crystals(draw: st.DrawFn) -> Structure:
    from pymatgen.symmetry.groups import SpaceGroup

    symbol = draw(GROUPS)
    n = draw(st.integers(1, 3))
    species = draw(
        st.lists(
            st.sampled_from(["Li", "O", "P", {"Li": 0.5}, {"Li": 0.25, "Na": 0.75}, {"S": 0.5, "Cl": 0.25}]),
            min_size=n,
            max_size=n,
        )
    )
    coords = draw(
        st.lists(st.tuples(COORDINATE, COORDINATE, COORDINATE), min_size=n, max_size=n, unique=True)
    )
    return Structure.from_spacegroup(
        symbol, LATTICES[SpaceGroup(symbol).crystal_system], species, coords, tol=1e-3
    )


def far_apart(structure: Structure) -> bool:
    distances = structure.distance_matrix
    np.fill_diagonal(distances, np.inf)
    return bool(distances.min() > 0.6)


@settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(crystals().filter(far_apart), st.sampled_from([None, 0.01]))
def test_crystals_survive_writing_and_reading(structure: Structure, symprec: float | None) -> None:
    """With all sites listed and with symmetry operations; pymatgen's parser must agree."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = str(CifWriter(structure, symprec=symprec, significant_figures=10))
        referee = CifParser.from_str(text).parse_structures(primitive=False)[0]
    ours = read(text).structure
    assert crystal_hash(ours) == crystal_hash(referee)
    # The writer may choose another cell.
    assert ours.composition.fractional_composition.almost_equals(
        structure.composition.fractional_composition, 1e-5
    )


MANGLE_ME = cif(
    "Li1 Li1+ 0 0 0 0.5",
    "O1 O2- 0.5 0.25 0.125 1",
    ops="x,y,z -x,-y,-z",
    extra="_chemical_formula_sum 'Li O2'\n_cell_measurement_temperature 293",
)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_mangled_files_give_structures_or_input_errors(data: st.DataObject) -> None:
    raw = bytearray(MANGLE_ME.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(raw)))
        raw[start : start + data.draw(st.integers(0, 40))] = data.draw(
            st.one_of(
                st.binary(max_size=12),
                st.sampled_from([b"?", b"'", b"\n;\n", b" loop_\n", b" 1e999 ", b"data_y\n"]),
            )
        )
    for block in read_structures(("mangled.cif", bytes(raw))):
        assert isinstance(block.result, ParsedStructure | InputError)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200), st.sampled_from(["x.cif", "POSCAR", "x.json", "x.txt", "x.mcif"]))
def test_garbage_gives_input_errors(content: bytes, name: str) -> None:
    for block in read_structures((name, content)):
        assert isinstance(block.result, ParsedStructure | InputError)
