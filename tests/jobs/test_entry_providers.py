"""The Materials Project provider, without the network."""

import json
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from monty.json import MontyEncoder
from monty.serialization import dumpfn
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry
from pymatgen.ext.matproj import MPRester, MPRestError
from samples import fill

from mtl_flows.errors import ConfigurationError, NotFoundError, StabilityError
from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.entry_providers import (
    EntrySource,
    MaterialsProjectProvider,
    fetch_gga_entries,
    keep_file,
    materials_project,
)
from mtl_flows.jobs.stability import windows_of_material
from mtl_flows.science.stability import MP2020_GGA, MemoryEntryCache, window_among_entries
from mtl_flows.science.verdict import VerdictThresholds
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.verdict import verdict_key
from mtl_flows.store.database import MTLStore
from mtl_flows.store.stability import StoredEntries

KEY = "k" * 32
POTCARS = {"Li": "Li_sv", "O": "O"}


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


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A local server that answers as the Materials Project does; gives the queries it received."""
    lithia = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(4.62), ["O", "Li"], [[0, 0, 0], [0.25, 0.25, 0.25]]
    )
    oxygen = Structure(Lattice.cubic(8), ["O", "O"], [[0, 0, 0], [0.15, 0, 0]])
    lithium = Structure(Lattice.cubic(3.43), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    phases = {"mp-1960": (lithia, -57.2), "mp-135": (lithium, -3.8), "mp-12957": (oxygen, -9.86)}
    answer = []
    for name, (structure, energy_eV) in phases.items():
        symbols = [f"PBE {POTCARS[symbol]}" for symbol in structure.symbol_set]
        parameters = {"potcar_symbols": symbols, "run_type": "GGA", "hubbards": {}}
        plain = ComputedStructureEntry(
            structure, energy_eV, parameters=parameters, data={"oxide_type": "oxide"}, entry_id=f"{name}-GGA"
        ).as_dict()
        scan = {**plain, "energy": energy_eV - 9, "entry_id": f"{name}-r2SCAN"}
        scan["parameters"] = {**parameters, "run_type": "R2SCAN"}
        newer = {**plain, "entry_id": {"identifier": name, "separator": "-", "suffix": "GGA"}}
        answer.append({"entries": {"GGA": newer, "R2SCAN": scan}})
    queries: list[str] = []

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            queries.append(self.path)
            allowed = self.headers.get("x-api-key") == KEY
            body = json.dumps(
                {"data": answer} if allowed else {"detail": self.headers.get("x-api-key")}
            ).encode()
            self.send_response(200 if allowed else 403)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MP_API_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield queries
        server.shutdown()


def test_the_real_client_asks_a_server_once_and_the_store_remembers(
    service: list[str], store: MTLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_API_KEY", KEY)
    found = materials_project(StoredEntries(store.entries)).entries(("Li", "O"))
    assert "chemsys=Li,O,Li-O" in service[0].replace("%2C", ",")
    # Only GGA energies share the hull, corrected as of 2020.
    assert sorted(str(e.entry_id) for e in found.entries) == ["mp-12957-GGA", "mp-135-GGA", "mp-1960-GGA"]
    (lithia,) = found.polymorphs(Composition("Li2O"))
    assert lithia.energy == pytest.approx(-57.2 - 4 * 0.687)
    asked = len(service)
    monkeypatch.delenv("MP_API_KEY")  # what is known needs no key
    again = materials_project(StoredEntries(store.entries)).entries(("O", "Li"))
    assert len(service) == asked
    assert again.origin == found.origin
    window = window_among_entries(Composition("Li2O"), again)
    assert window.high_V == pytest.approx((57.2 / 4 + 0.687 - 3.8 - 4.93) / 2)
    assert KEY not in json.dumps(list(store.entries.raw.find()), default=str)
    with pytest.raises(ConfigurationError, match="MP_API_KEY: no key"):
        materials_project(StoredEntries(store.entries)).entries(("Li", "S"))


def test_a_refused_key_is_not_shown_and_nothing_is_kept(
    service: list[str], store: MTLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "w" * 32
    monkeypatch.setenv("MP_API_KEY", wrong)
    with pytest.raises(StabilityError, match="403") as caught:
        materials_project(StoredEntries(store.entries)).entries(("Li", "O"))
    assert wrong not in "".join(traceback.format_exception(caught.value))
    assert store.entries.count() == 0


def test_an_unreachable_service_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MP_API_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(StabilityError, match="did not answer"):
        fetch_gga_entries(KEY, ["Li"])


def test_windows_of_a_stored_material_on_every_hull(
    service: list[str], store: MTLStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_API_KEY", KEY)
    fill(store, "li2o")
    p = DynamicsParameters()
    (by_mp,) = windows_of_material(store, "icsd-22402", p, EntrySource("materials_project"))
    assert (by_mp.provider, by_mp.own_energy, by_mp.stability) == (
        *("materials_project", "entry mp-1960-GGA"),
        "stable",
    )
    assert by_mp.hull.statement.startswith("2 of 2 elements, 1 binaries")
    path = tmp_path / "ours.json"
    dumpfn([ComputedEntry("Li", 0.0), ComputedEntry("Li2O", -6.2)], path)
    cache = StoredEntries(store.entries)
    (unknown,) = windows_of_material(store, "icsd-22402", p, keep_file(cache, path))
    assert (unknown.status, unknown.missing, unknown.width_V) == ("unknown", ["O"], None)
    dumpfn([ComputedEntry("Li", 0.0), ComputedEntry("O2", 0.0), ComputedEntry("Li2O", -6.2)], path)
    source = keep_file(cache, path)
    path.unlink()  # the worker needs no file
    (by_file,) = windows_of_material(store, "icsd-22402", p, source)
    assert by_file.high_V == pytest.approx(3.1)
    assert by_file.energies == "ours.json"
    assert len(by_file.file_sha256) == 64
    # Again: nothing new, not even a date.
    assert windows_of_material(store, "icsd-22402", p, source) == [by_file]
    assert store.stability.count() == 3
    with pytest.raises(NotFoundError, match="not relaxed with chgnet"):
        windows_of_material(store, "icsd-22402", p, EntrySource())
    rebuild_candidates(store, ScreeningParameters())
    verdict = store.verdicts.get(f"icsd-22402:{verdict_key('Li', VerdictThresholds()).hash}")
    ea, window = verdict.criteria
    assert (ea.outcome, window.outcome, window.origin) == (
        *("undecided", "pass"),
        "ours.json (as given, no corrections)",
    )
    assert verdict.provenance.inputs == {"stability": by_file.id}
    assert store.candidates.get("icsd-22402").verdict == "undecided"


def test_a_source_travels_with_the_workflow_and_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MP_API_KEY", KEY)
    maker = DynamicsFlowMaker(entries=EntrySource("file", "file|abc|as_given", "ours.json"))
    restored = DynamicsFlowMaker.from_dict(json.loads(json.dumps(maker.as_dict(), cls=MontyEncoder)))
    assert restored.entries == maker.entries
    flow = DynamicsFlowMaker(entries=EntrySource("materials_project")).make("a.r1", "a")
    assert KEY not in json.dumps(flow.as_dict(), cls=MontyEncoder)
    (window,) = (job for job in flow.jobs if job.name.startswith("electrochemical window"))
    assert window.maker.source == EntrySource("materials_project")
