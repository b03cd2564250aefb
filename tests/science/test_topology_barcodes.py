import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mtl_flows.science.topology import Barcodes, decode_barcodes

float32 = st.floats(0, 16, width=32) | st.just(np.inf)
TRIANGLE_AND_SQUARE = Barcodes(
    np.array([1, 1, 2, np.inf], np.float32), np.array([[2, 3], [2.5, 4], [3, np.inf]], np.float32)
)


@given(
    hnp.arrays(np.float32, st.integers(0, 50), elements=float32),
    hnp.arrays(np.float32, st.tuples(st.integers(0, 50), st.just(2)), elements=float32),
    st.sampled_from([0, 1]),
)
def test_packing_loses_nothing(deaths, loops, max_dimension):
    decoded = decode_barcodes(Barcodes(deaths, loops, max_dimension).pack())
    assert decoded.h0_deaths_A.tobytes() == deaths.tobytes()
    assert decoded.h1_A.tobytes() == loops.tobytes()
    assert decoded.h1_A.shape == loops.shape
    assert decoded.h0_deaths_A.dtype == decoded.h1_A.dtype == np.float32
    assert decoded.max_dimension == max_dimension


def test_packing_is_compact():
    assert len(TRIANGLE_AND_SQUARE.pack()) == 13 + 4 * (4 + 2 * 3)


@pytest.mark.parametrize(
    "data",
    [b"", b"MTLB", b"XXXX" + TRIANGLE_AND_SQUARE.pack()[4:], TRIANGLE_AND_SQUARE.pack()[:-1], bytes(13)],
)
def test_other_bytes_are_refused(data):
    with pytest.raises(ValueError, match="not packed barcodes"):
        decode_barcodes(data)


def test_barcodes_can_be_pickled():
    copy = pickle.loads(pickle.dumps(TRIANGLE_AND_SQUARE))
    assert copy.pack() == TRIANGLE_AND_SQUARE.pack()


@pytest.mark.parametrize(
    ("distance", "components", "loops"),
    [
        (0.0, 4, 0),
        (0.999, 4, 0),
        (1.0, 2, 0),
        (2.0, 1, 1),
        (2.5, 1, 2),
        (3.0, 1, 2),
        (4.0, 1, 1),
        (9.0, 1, 1),
    ],
)
def test_betti_numbers_are_those_of_the_closed_complex(distance, components, loops):
    assert TRIANGLE_AND_SQUARE.betti(0, distance) == components
    assert TRIANGLE_AND_SQUARE.betti(1, distance) == loops


def test_betti_numbers_that_were_not_computed_are_refused():
    only_components = Barcodes(TRIANGLE_AND_SQUARE.h0_deaths_A, np.empty((0, 2), np.float32), max_dimension=0)
    with pytest.raises(ValueError, match="dimension 1"):
        only_components.betti(1, 2.0)
    with pytest.raises(ValueError, match="dimension 2"):
        TRIANGLE_AND_SQUARE.betti(2, 2.0)


@pytest.mark.parametrize(
    ("deaths", "length"),
    [([1, 3, np.inf], 3.0), ([np.inf], 10.0), ([1, np.inf, np.inf], 10.0), ([0, np.inf], 0.0)],
)
def test_connection_length(deaths, length):
    barcodes = Barcodes(np.array(deaths, np.float32), np.empty((0, 2), np.float32))
    assert barcodes.connection_length_A(10.0) == length
