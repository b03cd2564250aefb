"""Competing phases from the network: the Materials Project."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pymatgen.entries.computed_entries import ComputedEntry
from pymatgen.ext.matproj import MPRester, MPRestError

from mtl_flows.errors import ConfigurationError, StabilityError
from mtl_flows.science.stability import MP2020_GGA, EntryCache, EntrySet, MemoryEntryCache

FetchEntries = Callable[[str, Sequence[str]], Sequence[ComputedEntry]]
"""Function of API key and element symbols that returns all entries of the chemical system."""


def fetch_gga_entries(api_key: str, elements: Sequence[str]) -> Sequence[ComputedEntry]:
    """Fetch the GGA and GGA+U entries of a chemical system, with MP2020 corrections.

    Raises
    ------
    ConfigurationError
        If the key is malformed.
    StabilityError
        If the service refuses or does not answer.
    """
    try:
        with MPRester(api_key) as service:
            found: list[ComputedEntry] = service.get_entries_in_chemsys(list(elements))
    except ValueError:
        raise ConfigurationError(
            "is not a valid API key", subject="Materials Project", remedy="copy it from your dashboard there"
        ) from None
    except MPRestError as error:
        detail = str(error).replace(api_key, "***")[:200]
        raise StabilityError(
            f"the Materials Project did not answer: {detail}", subject="-".join(elements)
        ) from None
    return found


@dataclass(frozen=True, slots=True)
class MaterialsProjectProvider:
    """Asks the Materials Project once per chemical system and keeps the answer.

    Parameters
    ----------
    api_key
        Personal key. It is given by the caller, never read from the environment, never shown nor stored.
    release
        Database release the answers belong to, e.g. ``"v2025.09.25"``; part of label and cache key.
    cache
        Keeps answers between materials and, if it is persistent, between runs.
    fetch
        How entries are fetched.
    """

    api_key: str = field(repr=False)
    release: str = ""
    cache: EntryCache = field(default_factory=MemoryEntryCache)
    fetch: FetchEntries = fetch_gga_entries

    @property
    def label(self) -> str:
        """Name of the source, with its release."""
        return f"Materials Project {self.release}".strip()

    def entries(self, chemical_system: Iterable[str]) -> EntrySet:
        """Return all entries of the chemical system.

        Raises
        ------
        StabilityError
            If the service refuses or does not answer.
        """
        elements = tuple(sorted(chemical_system))
        key = f"{self.label}|{'-'.join(elements)}"
        known = self.cache.get(key)
        if known is not None:
            return EntrySet.from_dict(known)
        found = EntrySet.build(
            self.fetch(self.api_key, elements),
            kind="materials_project",
            label=self.label,
            energy_scale=MP2020_GGA,
        )
        self.cache.put(key, found.as_dict())
        return found
