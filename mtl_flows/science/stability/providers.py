"""Where competing phases come from: one small interface, several providers.

A provider that needs the network lives in the jobs layer; it implements the same protocol.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pymatgen.core.structure import Structure

from mtl_flows.errors import ConfigurationError, MTLError, StabilityError
from mtl_flows.science.stability.entries import EntrySet, structure_hash

if TYPE_CHECKING:
    from pymatgen.entries.computed_entries import ComputedStructureEntry


class EntryProvider(Protocol):
    """Gives the phases that compete in a chemical system."""

    def entries(self, chemical_system: Iterable[str]) -> EntrySet:
        """Return all known phases made of these elements, the elements themselves included.

        A set that lacks some of them is a valid answer; the window is then unknown.
        """
        ...


class EntryCache(Protocol):
    """Keeps a provider's answers as plain JSON-able documents."""

    def get(self, key: str) -> Mapping[str, Any] | None:
        """Return what was put under a key, or None if nothing was."""
        ...

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep a document."""
        ...


@dataclass(frozen=True, slots=True)
class MemoryEntryCache:
    """Keeps answers as long as the process lives."""

    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def get(self, key: str) -> Mapping[str, Any] | None:
        """Return what was put under a key, or None if nothing was."""
        return self.answers.get(key)

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep a document."""
        self.answers[key] = value


class Relax(Protocol):
    """Relaxes a structure with one potential."""

    def __call__(self, structure: Structure, *, keep_cell: bool) -> tuple[Structure, float]:
        """Return the relaxed structure and its total energy in eV; the cell changes unless it is kept."""
        ...


@dataclass(frozen=True, slots=True)
class FixedEntryProvider:
    """Answers every question from one set already at hand."""

    entry_set: EntrySet

    def entries(self, chemical_system: Iterable[str]) -> EntrySet:
        """Return the entries inside the chemical system."""
        return self.entry_set.restricted(chemical_system)


@dataclass(frozen=True, slots=True)
class CompetingPhase:
    """A crystal structure that may compete.

    Parameters
    ----------
    phase_id
        Unique name.
    structure
        Ordered structure to start the relaxation from.
    source
        Where the structure comes from.
    keep_cell
        Relax positions only. Molecular crystals are held together by dispersion forces, which PBE and the
        potentials trained on it lack: their cells grow without bound, into regions the potential never saw.
    """

    phase_id: str
    structure: Structure
    source: str
    keep_cell: bool = False


def phases_hash(phases: Iterable[CompetingPhase]) -> str:
    """SHA-256 of what competes: the crystals, and how their cells are treated, whatever they are called."""
    crystals = sorted({(structure_hash(phase.structure), phase.keep_cell) for phase in phases})
    return hashlib.sha256(json.dumps(crystals).encode()).hexdigest()


PhaseSource = Callable[[Iterable[str]], Iterable[CompetingPhase]]
"""Function of a chemical system that returns phases made of its elements, e.g. ``reference_phases``."""


@dataclass(frozen=True, slots=True)
class PotentialEntryProvider:
    """Relaxes competing structures with the potential that also gave the material's energy.

    Parameters
    ----------
    sources
        Where the structures come from: reference phases, phases of the store.
    relax
        Relaxation with the potential.
    label, energy_scale
        Potential with its version, and what its energies mean.
    cache
        Keeps relaxations, keyed by potential and structure: a phase is relaxed once, not once a material.
    """

    sources: Sequence[PhaseSource]
    relax: Relax
    label: str
    energy_scale: str
    cache: EntryCache = field(default_factory=MemoryEntryCache)

    def entries(self, chemical_system: Iterable[str]) -> EntrySet:
        """Relax every phase of the chemical system that has no energy yet.

        A phase that cannot be relaxed is skipped and named in the set.

        Raises
        ------
        ConfigurationError
            If the potential is not installed.
        """
        system = tuple(sorted(chemical_system))
        entries: list[ComputedStructureEntry] = []
        skipped: dict[str, str] = {}
        for phase in self.phases(system):
            try:
                entries.append(self._entry(phase))
            except ConfigurationError:
                raise  # no phase would relax, and the installation is to blame
            except MTLError as error:
                skipped[phase.phase_id] = str(error)
        return EntrySet.build(
            entries, kind="potential", label=self.label, energy_scale=self.energy_scale, skipped=skipped
        )

    def phases(self, chemical_system: Iterable[str]) -> list[CompetingPhase]:
        """Return every phase of the chemical system, relaxed or not."""
        system = tuple(sorted(chemical_system))
        return [phase for source in self.sources for phase in source(system)]

    def lacking(self, chemical_system: Iterable[str]) -> list[CompetingPhase]:
        """Return the phases of the chemical system that are relaxed when its entries are asked for."""
        phases = self.phases(chemical_system)
        return [p for p in phases if p.structure.is_ordered and self.cache.get(self._key(p)) is None]

    def _key(self, phase: CompetingPhase) -> str:
        cell = "cell kept" if phase.keep_cell else "cell relaxed"
        return f"{self.label}|{self.energy_scale}|{cell}|{structure_hash(phase.structure)}"

    def _entry(self, phase: CompetingPhase) -> "ComputedStructureEntry":
        key = self._key(phase)
        known = self.cache.get(key)
        if known is not None:
            structure, energy_eV = Structure.from_dict(dict(known["structure"])), float(known["energy_eV"])
        else:
            structure, energy_eV = self._relaxed(phase)
            self.cache.put(key, {"structure": structure.as_dict(), "energy_eV": energy_eV})
        from pymatgen.entries.computed_entries import ComputedStructureEntry

        return ComputedStructureEntry(structure, energy_eV, entry_id=phase.phase_id)

    def _relaxed(self, phase: CompetingPhase) -> tuple[Structure, float]:
        if not phase.structure.is_ordered:
            raise StabilityError(
                "is disordered", subject=phase.phase_id, remedy="give an ordered approximant"
            )
        structure, energy_eV = self.relax(phase.structure, keep_cell=phase.keep_cell)
        if not math.isfinite(energy_eV):
            raise StabilityError("relaxation gave no finite energy", subject=phase.phase_id)
        if structure.composition != phase.structure.composition:
            raise StabilityError("relaxation changed the composition", subject=phase.phase_id)
        return structure, energy_eV
