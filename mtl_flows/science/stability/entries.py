"""Sets of phase-diagram entries that know where their energies come from.

Energies of different functionals, corrections or potentials differ by tenths of an eV per atom, more than
most windows are wide. A set therefore carries its origin, and sets of different origin cannot be joined.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pymatgen.core.composition import Composition
from pymatgen.core.structure import Structure

from mtl_flows.errors import StabilityError
from mtl_flows.science.energies import EntryKind

if TYPE_CHECKING:
    from pymatgen.entries.computed_entries import ComputedEntry


@dataclass(frozen=True, slots=True)
class EntryOrigin:
    """Where the energies of an entry set come from.

    Parameters
    ----------
    kind
        Provider: the Materials Project, a file, or relaxation with a machine-learned potential.
    label
        Database release or potential with its version, e.g. ``"CHGNet 0.3.0"``.
    energy_scale
        What the energies mean, e.g. ``MP2020_GGA`` or ``RAW_PBE``.
    content_hash
        SHA-256 over compositions and energies of the set; changes whenever an entry does.
    file_sha256
        SHA-256 of the file that was read; empty otherwise.
    corrections
        What was added to the raw energies, in words; empty where it is part of the scale.
    """

    kind: EntryKind
    label: str
    energy_scale: str
    content_hash: str
    file_sha256: str = ""
    corrections: str = ""

    def require_comparable(self, other: "EntryOrigin") -> None:
        """Refuse energies that may not share one hull with these.

        Raises
        ------
        StabilityError
            If label or energy scale differ.
        """
        if (self.label, self.energy_scale) != (other.label, other.energy_scale):
            raise StabilityError(
                f"energies of {self.label} ({self.energy_scale}) and of {other.label} ({other.energy_scale}) "
                "do not share a scale",
                subject="phase-diagram entries",
                remedy="recompute every competing phase with one method",
            )


@dataclass(frozen=True, slots=True)
class EntrySet:
    """Entries of one origin.

    Parameters
    ----------
    entries
        Phases with their total energies (eV per cell of the entry's composition).
    origin
        Where the energies come from.
    skipped
        Phases that should be here but are not: id → why.
    """

    entries: tuple["ComputedEntry", ...]
    origin: EntryOrigin
    skipped: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        entries: Iterable["ComputedEntry"],
        *,
        kind: EntryKind,
        label: str,
        energy_scale: str,
        skipped: Mapping[str, str] | None = None,
        file_sha256: str = "",
        corrections: str = "",
    ) -> Self:
        """Make a set and hash its content.

        Raises
        ------
        StabilityError
            If an energy is not a finite number.
        """
        entries = tuple(entries)
        for entry in entries:
            if not math.isfinite(entry.energy_per_atom):
                raise StabilityError(
                    "energy is not finite", subject=str(entry.entry_id or entry.reduced_formula)
                )
        origin = EntryOrigin(kind, label, energy_scale, _content_hash(entries), file_sha256, corrections)
        return cls(entries, origin, dict(skipped or {}))

    def missing_end_members(self, chemical_system: Iterable[str]) -> tuple[str, ...]:
        """Elements of a chemical system for which the set holds no elemental phase, in alphabetical order."""
        present = {entry.elements[0].symbol for entry in self.entries if len(entry.elements) == 1}
        return tuple(sorted(set(chemical_system) - present))

    def within(self, chemical_system: Iterable[str]) -> tuple["ComputedEntry", ...]:
        """Entries made of elements of a chemical system only."""
        allowed = frozenset(chemical_system)
        return tuple(e for e in self.entries if allowed.issuperset(el.symbol for el in e.elements))

    def restricted(self, chemical_system: Iterable[str]) -> "EntrySet":
        """Return the part inside a chemical system; its content hash is that of the part."""
        return EntrySet.build(
            self.within(chemical_system),
            kind=self.origin.kind,
            label=self.origin.label,
            energy_scale=self.origin.energy_scale,
            skipped=self.skipped,
            file_sha256=self.origin.file_sha256,
            corrections=self.origin.corrections,
        )

    def polymorphs(self, composition: Composition) -> tuple["ComputedEntry", ...]:
        """Entries of one composition, the lowest energy first; empty if the set holds none."""
        wanted = composition.fractional_composition
        found = [
            entry
            for entry in self.within(element.symbol for element in composition.elements)
            if entry.composition.fractional_composition.almost_equals(wanted, rtol=1e-3, atol=1e-5)
        ]
        return tuple(sorted(found, key=lambda entry: entry.energy_per_atom))

    def without_structures(self) -> "EntrySet":
        """Return the same energies as plain entries, small enough for a document of the store."""
        from pymatgen.entries.computed_entries import ComputedEntry

        plain = [
            ComputedEntry(
                entry.composition, entry.uncorrected_energy, entry.correction, entry_id=entry.entry_id
            )
            for entry in self.entries
        ]
        return EntrySet(tuple(plain), self.origin, self.skipped)

    def joined(self, other: "EntrySet") -> "EntrySet":
        """Both sets together; identical compositions with identical energies are kept once.

        Raises
        ------
        StabilityError
            If the energies are not on one scale.
        """
        self.origin.require_comparable(other.origin)
        unique = {_content(entry): entry for entry in (*other.entries, *self.entries)}
        return EntrySet.build(
            unique.values(),
            kind=self.origin.kind,
            label=self.origin.label,
            energy_scale=self.origin.energy_scale,
            skipped={**other.skipped, **self.skipped},
            file_sha256=self.origin.file_sha256,
            corrections=self.origin.corrections,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-able form, the one ``from_dict`` and the file provider read."""
        return {
            **asdict(self.origin),
            "skipped": dict(self.skipped),
            "entries": [e.as_dict() for e in self.entries],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of ``as_dict``; the content hash is computed afresh."""
        return cls.build(
            [entry_from_dict(entry) for entry in data["entries"]],
            kind=data["kind"],
            label=data["label"],
            energy_scale=data["energy_scale"],
            skipped=data.get("skipped", {}),
            file_sha256=data.get("file_sha256", ""),
            corrections=data.get("corrections", ""),
        )


def chemical_system(composition: Composition, mobile_ion: str) -> tuple[str, ...]:
    """Return the symbols of a composition's elements and of the mobile ion, in alphabetical order."""
    return tuple(sorted({element.symbol for element in composition.elements} | {mobile_ion}))


def entry_from_dict(data: Mapping[str, Any]) -> "ComputedEntry":
    """Read one entry in one of three forms.

    A serialised pymatgen ``ComputedEntry`` or ``ComputedStructureEntry``; the same fields (``composition``,
    ``energy``) without the name of the class; or the plain form ``{"formula": "Li2O", "energy_eV": -14.3,
    "correction_eV": -0.69, "entry_id": "..."}`` in which the energy is that of the formula as written and the
    optional correction is added to it.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the data has none of these forms.
    """
    from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry

    fields = dict(data)
    if isinstance(fields.get("entry_id"), Mapping):
        fields["entry_id"] = _joined_id(fields["entry_id"])
    match fields.get("@class"):
        case "ComputedEntry":
            return ComputedEntry.from_dict(fields)
        case "ComputedStructureEntry":
            return ComputedStructureEntry.from_dict(fields)
        case None if "formula" in fields:
            composition = Composition(fields["formula"])
            if not composition.valid:
                raise ValueError(f"{fields['formula']} is not made of elements")
            return ComputedEntry(
                composition,
                float(fields["energy_eV"]),
                correction=float(fields.get("correction_eV", 0.0)),
                entry_id=fields.get("entry_id"),
            )
        case None:
            return ComputedEntry.from_dict(
                {"correction": 0.0, **fields, "composition": dict(fields["composition"])}
            )
        case other:
            raise ValueError(f"{other} is not an entry")


def _joined_id(parts: Mapping[str, Any]) -> str:
    """Newer answers of the Materials Project spell an id as identifier, separator and suffix."""
    suffix = parts.get("suffix") or ""
    return f"{parts['identifier']}{parts.get('separator', '-') if suffix else ''}{suffix}"


def structure_hash(structure: Structure) -> str:
    """SHA-256 over lattice and sites (four decimals), the cache key of a relaxation."""
    lattice = [[round(x, 4) + 0.0 for x in row] for row in structure.lattice.matrix.tolist()]
    sites = sorted(
        [site.species_string, *(round(x % 1.0, 4) % 1.0 for x in site.frac_coords.tolist())]
        for site in structure
    )
    return hashlib.sha256(json.dumps([lattice, sites]).encode()).hexdigest()


def _content(entry: "ComputedEntry") -> tuple[str, float]:
    return entry.composition.reduced_composition.alphabetical_formula, round(entry.energy_per_atom, 6)


def _content_hash(entries: Iterable["ComputedEntry"]) -> str:
    return hashlib.sha256(json.dumps(sorted(_content(entry) for entry in entries)).encode()).hexdigest()
