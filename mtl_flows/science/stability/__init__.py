"""Electrochemical stability: competing phases, their hull and the window it leaves a material."""

from mtl_flows.science.energies import MP2020_GGA, RAW_PBE, EntryKind
from mtl_flows.science.stability.corrections import correct_to_mp2020
from mtl_flows.science.stability.entries import (
    EntryOrigin,
    EntrySet,
    chemical_system,
    structure_hash,
)
from mtl_flows.science.stability.files import read_entries
from mtl_flows.science.stability.parameters import StabilityParameters
from mtl_flows.science.stability.providers import (
    CompetingPhase,
    EntryCache,
    EntryProvider,
    FixedEntryProvider,
    MemoryEntryCache,
    PhaseSource,
    PotentialEntryProvider,
    Relax,
    phases_hash,
)
from mtl_flows.science.stability.quality import HullQuality, assess_hull
from mtl_flows.science.stability.reference import reference_compounds, reference_phases
from mtl_flows.science.stability.window import (
    VoltageStep,
    WindowResult,
    electrochemical_window,
    window_among_entries,
)
from mtl_flows.vocabulary import Corrections

__all__ = [
    "MP2020_GGA",
    "RAW_PBE",
    "CompetingPhase",
    "Corrections",
    "EntryCache",
    "EntryKind",
    "EntryOrigin",
    "EntryProvider",
    "EntrySet",
    "FixedEntryProvider",
    "HullQuality",
    "MemoryEntryCache",
    "PhaseSource",
    "PotentialEntryProvider",
    "Relax",
    "StabilityParameters",
    "VoltageStep",
    "WindowResult",
    "assess_hull",
    "chemical_system",
    "correct_to_mp2020",
    "electrochemical_window",
    "phases_hash",
    "read_entries",
    "reference_compounds",
    "reference_phases",
    "structure_hash",
    "window_among_entries",
]
