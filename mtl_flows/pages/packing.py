"""How data gets into a page: as JSON, deflated, in characters that need no escaping anywhere in HTML."""

import json
import zlib
from base64 import b64encode
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

_LEVEL: Final = 9
_RAW: Final = -15  # deflate without a header, as DecompressionStream("deflate-raw") takes it
_DIGITS: Final = 6
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def packed(value: Any) -> str:
    """Return a value as JSON, deflated, in base64; what is not finite becomes null.

    The letters of base64 cannot end a script, an attribute or a comment: whatever the value holds is inert until the
    page's own code unpacks it, and that writes it as text.
    """
    return deflated(_json(value).encode())


def _json(value: Any) -> str:
    try:
        return _ENCODER.encode(value)
    except (ValueError, TypeError):  # something in it is not finite, or no plain value
        return _ENCODER.encode(compact(value))


def deflated(content: bytes) -> str:
    """Return bytes deflated, in base64."""
    squeezed = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
    return b64encode(squeezed.compress(content) + squeezed.flush()).decode("ascii")


def compact(value: Any) -> Any:
    """Return a plain value with numbers of six digits; infinities and what is no number become None."""
    if isinstance(value, float):
        if not isfinite(value):
            return None
        rounded = float(f"{value:.{_DIGITS}g}")
        return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded
    if isinstance(value, Mapping):
        return {str(key): compact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [compact(item) for item in value]
    if value is None or isinstance(value, str | int):
        return value
    return compact(value.tolist()) if hasattr(value, "tolist") else str(value)
