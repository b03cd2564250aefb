"""Entry sets from JSON files, and what the energies in them are comparable with.

A file may say where its energies come from. If it does not, its entries are asked: the functional stands in
their parameters or ids, the corrections among their adjustments. Files that mix origins are refused.
"""

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, get_args

from mtl_flows.errors import StabilityError
from mtl_flows.science.energies import MP2020_GGA, RAW_PBE, EntryKind
from mtl_flows.science.stability.corrections import correct_to_mp2020
from mtl_flows.science.stability.entries import (
    EntrySet,
    entry_from_dict,
)
from mtl_flows.vocabulary import Corrections

if TYPE_CHECKING:
    from pymatgen.entries.computed_entries import ComputedEntry

_GZIP = b"\x1f\x8b"

AS_GIVEN = "as given, no corrections"

_FUNCTIONALS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("GGA", "GGA+U", "GGA_U", "PBE", "PBE+U", "PBE_U"), "PBE")
    | dict.fromkeys(("R2SCAN", "R2SCAN_U", "R2SCAN+U"), "r2SCAN")
    | {"SCAN": "SCAN", "PBESOL": "PBEsol", "HSE06": "HSE06"}
)

# Binaries that balance under these charges carry an MP2020 correction without exception.
_CATIONS = (
    dict.fromkeys(("Li", "Na", "K", "Rb", "Cs"), 1)
    | dict.fromkeys(("Mg", "Ca", "Sr", "Ba", "Zn"), 2)
    | dict.fromkeys(("Al", "Ga", "Y", "La"), 3)
)
_ANIONS = dict.fromkeys(("F", "Cl", "Br", "I"), -1) | {"O": -2, "S": -2}


def read_entries(
    path: Path, *, label: str = "", energy_scale: str = "", corrections: Corrections = "as_given"
) -> EntrySet:
    """Read an entry set from a JSON file, which may be compressed with gzip.

    The file holds either an object ``{"label": ..., "energy_scale": ..., "entries": [...]}`` (the form
    ``EntrySet.as_dict`` writes) or a bare list of entries, such as ``monty.serialization.dumpfn`` makes. Each
    entry has one of the forms of ``entry_from_dict``. The hash of the file becomes part of the origin.

    Parameters
    ----------
    path
        File to read.
    label, energy_scale
        Origin of the energies, where the file does not say it. Without, the label is the name of the file, and
        the scale what the entries say of themselves.
    corrections
        ``as_given``: what an entry carries counts, nothing is added. ``mp2020``: the entries are raw PBE, and the
        corrections of 2020 are added.

    Raises
    ------
    StabilityError
        If the file cannot be read, holds something that is no entry, mixes energies of different origin, or is to
        be corrected twice.
    """
    subject = path.name
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise StabilityError(f"cannot be read: {error.strerror}", subject=subject) from error
    try:
        content = json.loads(gzip.decompress(raw) if raw.startswith(_GZIP) else raw)
    except (ValueError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise StabilityError(f"is not JSON: {error}", subject=subject) from error
    if isinstance(content, list):
        content = {"entries": content}
    if not isinstance(content, dict) or not isinstance(content.get("entries"), list):
        raise StabilityError(
            "holds no list of entries",
            subject=subject,
            remedy='give a list of pymatgen entries, or an object with "entries"',
        )
    kind = content.get("kind", "file")
    if kind not in get_args(EntryKind):
        raise StabilityError(f"kind must be one of {get_args(EntryKind)}, not {kind!r}", subject=subject)
    entries = _entries(content["entries"], subject)
    found, carried = describe_energies(entries, subject)
    given = EntrySet.build(
        entries,
        kind=kind,
        label=content.get("label") or label or subject,
        energy_scale=content.get("energy_scale") or energy_scale or found,
        skipped=content.get("skipped", {}),
        file_sha256=sha256(raw).hexdigest(),
        corrections=carried,
    )
    return _corrected(given) if corrections == "mp2020" else given


def describe_energies(entries: Sequence["ComputedEntry"], subject: str) -> tuple[str, str]:
    """Say what energies are comparable with, and which corrections they carry.

    Returns
    -------
    tuple of str
        Energy scale, and the corrections in words.

    Raises
    ------
    StabilityError
        If the entries are of different functionals, or some simple compounds carry corrections and others do not.
    """
    names = Counter(
        name for entry in entries for name in {_family(a.name) for a in entry.energy_adjustments if a.value}
    )
    n_corrected = sum(1 for entry in entries if entry.correction)
    carried = "none"
    if n_corrected:
        listed = ", ".join(f"{name} in {count}" for name, count in sorted(names.items()))
        carried = f"{n_corrected} of {len(entries)} entries: {listed}"
    mixing_scheme = any("mixing" in name for name in names)
    functionals = sorted({f for f in map(_functional, entries) if f})
    if len(functionals) > 1 and not mixing_scheme:
        raise StabilityError(
            f"holds energies of {' and of '.join(functionals)}; energies of different origin do not share a hull",
            subject=subject,
            remedy="keep one functional, or apply the mixing scheme of the Materials Project beforehand",
        )
    # By formula: an odd polymorph with bonds between its anions may go without.
    sure = {entry.reduced_formula for entry in entries if _always_corrected(entry)}
    corrected = {entry.reduced_formula for entry in entries if entry.correction} & sure
    if corrected and sure > corrected:
        raise StabilityError(
            f"mixes corrected energies ({min(corrected)}) with raw ones ({min(sure - corrected)}); "
            "energies of different origin do not share a hull",
            subject=subject,
            remedy="correct all of them or none",
        )
    if mixing_scheme:
        return "GGA and r2SCAN, mixed by the scheme of the Materials Project", carried
    if "MP2020" in names:
        return MP2020_GGA, carried
    if n_corrected:
        return "corrected as given", carried
    return (f"raw {functionals[0]}" if functionals else AS_GIVEN), carried


def _entries(listed: Sequence[Any], subject: str) -> list["ComputedEntry"]:
    entries: list[ComputedEntry] = []
    for index, data in enumerate(listed):
        try:
            entries.append(entry_from_dict(data))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StabilityError(f"entry {index} cannot be read: {error!r}", subject=subject) from error
    return entries


def _corrected(given: EntrySet) -> EntrySet:
    if any(entry.correction for entry in given.entries) or given.origin.energy_scale not in (
        RAW_PBE,
        AS_GIVEN,
    ):
        raise StabilityError(
            f"energies are {given.origin.energy_scale} already; nothing is corrected twice",
            subject=given.origin.label,
            remedy="take them as given",
        )
    raw = EntrySet.build(
        given.entries,
        kind=given.origin.kind,
        label=given.origin.label,
        energy_scale=RAW_PBE,
        skipped=given.skipped,
    )
    corrected = correct_to_mp2020(raw)
    return EntrySet.build(
        corrected.entries,
        kind=given.origin.kind,
        label=given.origin.label,
        energy_scale=MP2020_GGA,
        skipped=given.skipped,
        file_sha256=given.origin.file_sha256,
        corrections="MP2020 applied to raw energies",
    )


def _functional(entry: "ComputedEntry") -> str:
    """Functional by the run type or, without one, by the id (``mp-1234-GGA+U``); empty if neither says."""
    run_type = str(entry.parameters.get("run_type") or "").upper()
    if not run_type:
        run_type = str(entry.entry_id or "").upper().rpartition("-")[2]
        return _FUNCTIONALS.get(run_type, "")
    return _FUNCTIONALS.get(run_type, run_type)


def _family(adjustment: str) -> str:
    if adjustment.startswith("MP2020"):
        return "MP2020"
    return "mixing scheme" if "mixing" in adjustment.lower() else adjustment


def _always_corrected(entry: "ComputedEntry") -> bool:
    amounts = {element.symbol: amount for element, amount in entry.composition.items()}
    cations, anions = amounts.keys() & _CATIONS.keys(), amounts.keys() & _ANIONS.keys()
    if len(amounts) != 2 or len(cations) != 1 or len(anions) != 1:
        return False
    cation, anion = next(iter(cations)), next(iter(anions))
    charge = amounts[cation] * _CATIONS[cation] + amounts[anion] * _ANIONS[anion]
    return abs(charge) < 1e-6
