"""The Materials Project provider, without the network."""

import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry
from pymatgen.ext.matproj import MPRester, MPRestError

from mtl_flows.errors import ConfigurationError, StabilityError
from mtl_flows.jobs.entry_providers import MaterialsProjectProvider, fetch_gga_entries
from mtl_flows.science.stability import MP2020_GGA, MemoryEntryCache

KEY = "k" * 32


def test_each_chemical_system_is_asked_for_once():
    asked = []

    def fetch(api_key, elements):
        asked.append((api_key, tuple(elements)))
        return [ComputedEntry(symbol, -1.0) for symbol in elements]

    cache = MemoryEntryCache()
    provider = MaterialsProjectProvider(KEY, "v1", cache, fetch)
    first = provider.entries(["O", "Li"])
    again = MaterialsProjectProvider(KEY, "v1", cache, fetch).entries(["Li", "O"])
    MaterialsProjectProvider(KEY, "v2", cache, fetch).entries(["Li", "O"])
    assert asked == [(KEY, ("Li", "O"))] * 2
    assert first.origin == again.origin
    assert (first.origin.kind, first.origin.label) == ("materials_project", "Materials Project v1")
    assert first.origin.energy_scale == MP2020_GGA


def test_the_key_is_never_shown():
    provider = MaterialsProjectProvider(KEY, fetch=lambda key, elements: [])
    assert KEY not in repr(provider)
    assert KEY not in str(provider.entries(["Li"]).as_dict())


def test_malformed_key_is_a_configuration_error():
    with pytest.raises(ConfigurationError, match="not a valid API key") as caught:
        fetch_gga_entries("short", ["Li"])
    assert "short" not in str(caught.value)


def test_refusal_of_the_service_hides_the_key(monkeypatch):
    def refuse(self, *args, **kwargs):
        raise MPRestError(f"status 403 for {KEY}")

    monkeypatch.setattr(MPRester, "request", refuse)
    with pytest.raises(StabilityError, match="did not answer: status 403") as caught:
        fetch_gga_entries(KEY, ["Li", "O"])
    assert KEY not in str(caught.value)


def test_answers_of_the_service_are_corrected(monkeypatch):
    lithia = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(4.62), ["O", "Li"], [[0, 0, 0], [0.25, 0.25, 0.25]]
    )
    potcars = {"potcar_symbols": ["PBE Li_sv", "PBE O"], "run_type": "GGA", "hubbards": {}}
    entry = ComputedStructureEntry(lithia, -56.9, parameters=potcars, entry_id="mp-1960-GGA")
    monkeypatch.setattr(MPRester, "request", lambda *args, **kwargs: [{"entries": {"GGA": entry}}])
    (found,) = fetch_gga_entries(KEY, ["Li", "O"])
    assert found.energy == pytest.approx(-56.9 - 4 * 0.687)
