"""What a material is called: its database code, else the name of its file, and the source where that is another."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

POSCAR_NAMES: Final = ("POSCAR", "CONTCAR")
"""What VASP calls a structure file, whatever it holds."""

_OF = "@"
_COLLECTION_CODE = re.compile(r"coll(?:ection)?[-_ ]?code[-_ ]?(\d+)|^icsd[-_ ]?(\d+)$", re.IGNORECASE)


def source_key(source: str) -> str:
    """Form in which sources are compared: no distinction of case, blanks or punctuation."""
    return re.sub(r"[^\w+]+", "-", source.casefold()).strip("-")


def material_id(codes: Sequence[str], stem: str, source: str) -> str:
    """Id of a material at its source.

    Parameters
    ----------
    codes
        Database codes that the file bears, such as ``icsd-188887``. That of the source itself comes before others.
    stem
        Name of the file, for one without a code.
    source
        Who delivers it. Without one the id is the code or the stem.

    Returns
    -------
    str
        The name alone, if it begins with the source as ``icsd-188887`` of the ICSD does, else ``name@source``.

    Examples
    --------
    >>> material_id(["icsd-188887"], "x", "ICSD"), material_id(["icsd-188887"], "x", "Our lab")
    ('icsd-188887', 'icsd-188887@our-lab')
    """
    key = source_key(source)
    own = [code for code in codes if key and code.startswith(f"{key}-")]
    name = next(iter([*own, *codes, stem]))
    if not key or name.casefold().startswith(f"{key}-"):
        return name
    return f"{name}{_OF}{key}"


def bare_name(material: str) -> str:
    """Code or file name in the id of a material, whatever its source."""
    return material.partition(_OF)[0]


def names(material: str, codes: Sequence[str] = ()) -> list[str]:
    """All that a material answers to, in lower case: its id, the same without the source, its database codes."""
    return list(dict.fromkeys(name.casefold() for name in (material, bare_name(material), *codes)))


def file_slug(path: Path, block: str = "") -> str:
    """Id from the name of a file: ``icsd-188887`` for its usual names in the ICSD, else the name itself.

    Files called no more than ``POSCAR`` take the name of their folder.
    """
    stem = re.sub(r"(\.(cif|mcif|vasp|poscar|json|extxyz|xyz))+$", "", path.name, flags=re.IGNORECASE)
    for generic in POSCAR_NAMES:
        if stem.upper().startswith(generic):
            stem = stem[len(generic) :].strip("._- ") or f"{path.parent.name}-{generic}".strip("-")
    code = _COLLECTION_CODE.search(stem)
    if code:
        stem = f"icsd-{code[1] or code[2]}"
    return "-".join(part for part in (_safe(stem), _safe(block)) if part) or "unnamed"


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_+-]+", "-", text).strip("-")
