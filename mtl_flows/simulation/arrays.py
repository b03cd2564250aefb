"""Arrays as text: an exact, JSON- and BSON-safe form for positions and momenta."""

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray


def encode_array(array: NDArray[Any]) -> dict[str, Any]:
    """Return a JSON-able document that holds every bit of ``array``.

    Parameters
    ----------
    array
        Any numeric array; stored little-endian and C-ordered.

    Returns
    -------
    dict
        ``dtype`` (numpy string), ``shape`` (list) and ``base64`` (text).
    """
    portable = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return {
        "dtype": portable.dtype.str,
        "shape": list(array.shape),
        "base64": base64.b64encode(portable.tobytes()).decode("ascii"),
    }


def decode_array(document: dict[str, Any]) -> NDArray[Any]:
    """Return the writable array that :func:`encode_array` packed."""
    flat = np.frombuffer(base64.b64decode(document["base64"]), dtype=np.dtype(document["dtype"]))
    return flat.reshape(document["shape"]).copy()
