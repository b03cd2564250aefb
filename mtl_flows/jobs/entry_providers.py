"""Energies of competing phases by source: the Materials Project, a file, or a potential. All share one cache."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mtl_flows.errors import ConfigurationError, NotFoundError, StabilityError
from mtl_flows.science.stability import (
    MP2020_GGA,
    Corrections,
    EntryCache,
    EntryProvider,
    EntrySet,
    FixedEntryProvider,
    MemoryEntryCache,
    read_entries,
)
from mtl_flows.science.stability.files import describe_energies
from mtl_flows.vocabulary import ProviderName

if TYPE_CHECKING:
    from pymatgen.entries.computed_entries import ComputedEntry


API_KEY = "MP_API_KEY"
"""Environment variable with the personal key; it goes before `materials_project_api_key` of the settings."""

ENDPOINT = "MP_API_ENDPOINT"
"""Environment variable with another address of the service, such as a mirror."""

FetchEntries = Callable[[str, Sequence[str]], Sequence["ComputedEntry"]]
"""Function of API key and element symbols that returns all entries of the chemical system."""


@dataclass(frozen=True)
class EntrySource:
    """Which energies a window is computed from; travels with a job and holds no secret.

    Attributes
    ----------
    provider
        ``potential``: phases relaxed with the engine that relaxed the material. ``materials_project``:
        asked with the key of the worker's environment. ``file``: a file taken in by `keep_file`.
    key
        Of a file: where the store keeps its content.
    label
        Of a file: its name or what it calls itself.
    """

    provider: ProviderName = "potential"
    key: str = ""
    label: str = ""

    def __post_init__(self) -> None:
        if str(self.provider) == "mp":  # in workflows that were handed in under its earlier name
            object.__setattr__(self, "provider", "materials_project")


def materials_project_access() -> tuple[str, str]:
    """Key and address of the Materials Project, by the environment, else by the settings; empty without a key."""
    from mtl_flows.settings import Settings

    written = Settings.load().materials_project_api_key
    key = os.environ.get(API_KEY, "") or (written.get_secret_value() if written else "")
    return key.strip(), os.environ.get(ENDPOINT, "") or "https://api.materialsproject.org/"


def fetch_gga_entries(api_key: str, elements: Sequence[str]) -> Sequence["ComputedEntry"]:
    """Fetch the GGA and GGA+U entries of a chemical system, with MP2020 corrections.

    Raises
    ------
    ConfigurationError
        If the key is malformed.
    StabilityError
        If the service refuses or does not answer.
    """
    from pymatgen.ext.matproj import MPRester, MPRestError

    subject = "-".join(elements)
    try:
        with MPRester(api_key) as service:
            service.preamble = materials_project_access()[1].rstrip("/") + "/"
            found: list[ComputedEntry] = service.get_entries_in_chemsys(list(elements))
    except ValueError:
        raise ConfigurationError(
            "is not a valid API key", subject="Materials Project", remedy="copy it from your dashboard there"
        ) from None
    except MPRestError as error:
        detail = str(error).replace(api_key, "***")[:200]
        raise StabilityError(
            f"the Materials Project did not answer: {detail}",
            subject=subject,
            remedy=f"check {API_KEY} and the network, or give a file of entries",
        ) from None
    return found


@dataclass(frozen=True, slots=True)
class MaterialsProjectProvider:
    """Asks the Materials Project once per chemical system and keeps the answer.

    Parameters
    ----------
    api_key
        Personal key, never shown nor stored. It is asked for only if an answer is not in the cache.
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
        """Return all entries of the chemical system, without their structures.

        Raises
        ------
        ConfigurationError
            If the answer is not known yet and there is no key.
        StabilityError
            If the service refuses or does not answer, or answers with energies of different functionals.
        """
        elements = tuple(sorted(chemical_system))
        key = f"{self.label}|{'-'.join(elements)}"
        known = self.cache.get(key)
        if known is not None:
            return EntrySet.from_dict(known)
        if not self.api_key:
            raise ConfigurationError(
                f"no key for the Materials Project, and {'-'.join(elements)} was not asked for before",
                subject=API_KEY,
                remedy="set it, or materials_project_api_key in mtl.yaml, or give a file of entries",
            )
        answer = self.fetch(self.api_key, elements)
        _, corrections = describe_energies(answer, self.label)
        found = EntrySet.build(
            answer,
            kind="materials_project",
            label=self.label,
            energy_scale=MP2020_GGA,
            corrections=corrections,
        ).without_structures()
        # An empty answer is a failure of the service rather than knowledge: ask again next time.
        if found.entries:
            self.cache.put(key, found.as_dict())
        return found


def materials_project(cache: EntryCache, *, fetch: FetchEntries = fetch_gga_entries) -> EntryProvider:
    """Return the provider for the key of this process's environment, or of its settings."""
    return MaterialsProjectProvider(materials_project_access()[0], "", cache, fetch)


def keep_file(cache: EntryCache, path: Path, *, corrections: Corrections = "as_given") -> EntrySource:
    """Take a file of entries into the store, so that workers without the file can use it.

    Raises
    ------
    StabilityError
        As `read_entries`.
    """
    found = read_entries(path, corrections=corrections).without_structures()
    key = f"file|{found.origin.file_sha256}|{corrections}"
    if cache.get(key) is None:
        cache.put(key, found.as_dict())
    return EntrySource("file", key, found.origin.label)


def kept_file(cache: EntryCache, source: EntrySource) -> EntryProvider:
    """Return the provider for a file that was taken in.

    Raises
    ------
    NotFoundError
        If the store does not hold it.
    """
    known = cache.get(source.key)
    if known is None:
        raise NotFoundError(
            "these entries are not in the store",
            subject=source.label or source.key,
            remedy="give the file again with --entries",
        )
    return FixedEntryProvider(EntrySet.from_dict(known))
