"""Structures of an OPTIMADE provider: pages, disorder, what cannot be taken, interruptions."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core import Lattice, Structure
from stand_in import Asked, Said, serving

from mtl_flows.errors import ConfigurationError, SourceError, UnreadableStructureError
from mtl_flows.science.reading import ParsedStructure, read_structures
from mtl_flows.sources.optimade import fetch_optimade, structure_of
from mtl_flows.sources.release_folder import STRUCTURES, Manifest, ReleaseFolder
from mtl_flows.sources.service import Manners, Service

QUICK = Manners(interval_s=0.0, timeout_s=5.0, attempts=3, backoff_s=0.01)
LICL: dict[str, Any] = {
    "lattice_vectors": [[5.14, 0, 0], [0, 5.14, 0], [0, 0, 5.14]],
    "cartesian_site_positions": [[0, 0, 0], [2.57, 2.57, 2.57]],
    "species_at_sites": ["Li1", "Cl"],
    "species": [
        {"name": "Li1", "chemical_symbols": ["Li", "Na", "vacancy"], "concentration": [0.5, 0.25, 0.25]},
        {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1.0]},
    ],
    "dimension_types": [1, 1, 1],
    "structure_features": ["disorder"],
}


class Provider:
    """So many entries in pages of three, after some failures."""

    def __init__(self, n: int, **others: dict[str, Any]) -> None:
        self.entries = {f"e/{k}": LICL for k in range(n)} | others
        self.failures: list[Said] = []
        self.link_is_object = False
        self.told = len(self.entries)
        self.properties = ["elements"]

    def __call__(self, asked: Asked) -> Said:
        if asked.path == "/optimade/v1/info":
            licences = {"available_licenses_for_entries": ["CC-BY-4.0"]}
            return Said(json.dumps({"data": {"attributes": licences}}).encode())
        if asked.path == "/optimade/v1/info/structures":
            return Said(json.dumps({"data": {"properties": {name: {} for name in self.properties}}}).encode())
        if self.failures:
            return self.failures.pop(0)
        start = int(asked.query.get("page", ["0"])[0])
        page = list(self.entries.items())[start : start + 3]
        following = None
        if start + 3 < len(self.entries):
            following = f"http://{asked.headers['Host']}/optimade/v1/structures?page={start + 3}"
        data = [{"id": name, "type": "structures", "attributes": value} for name, value in page]
        link = {"href": following} if self.link_is_object and following else following
        return Said(
            json.dumps({"data": data, "links": {"next": link}, "meta": {"data_returned": self.told}}).encode()
        )


@pytest.fixture
def service() -> Iterator[Service]:
    with Service("stand-in", QUICK) as made:
        yield made


def fetch(service: Service, address: str, folder: Path, chosen: str = 'elements HAS "Li"') -> ReleaseFolder:
    return fetch_optimade(
        service, f"{address}/optimade", chosen, folder, source="stand-in", release="one", page_limit=3
    )


def read(folder: Path) -> list[Structure]:
    found = [
        block.result for file in sorted((folder / STRUCTURES).iterdir()) for block in read_structures(file)
    ]
    assert all(isinstance(result, ParsedStructure) for result in found)
    return [result.structure for result in found if isinstance(result, ParsedStructure)]


@pytest.mark.parametrize("link_is_object", [True, False])
def test_every_page_comes_with_its_disorder(service: Service, tmp_path: Path, link_is_object: bool) -> None:
    provider = Provider(8)
    provider.link_is_object = link_is_object
    with serving(provider) as server:
        made = fetch(service, server.address, tmp_path / "one")
        assert server.asked[2].query["filter"] == ['elements HAS "Li"']
        asked = len(server.asked)
        again = fetch(service, server.address, tmp_path / "one")
        assert len(server.asked) == asked + 1, "all is there: the provider is asked who it is, and no more"
    assert (len(made), len(again)) == (8, 8)
    structures = read(tmp_path / "one")
    assert len(structures) == 8
    expected = Structure(Lattice.cubic(5.14), [{"Li": 0.5, "Na": 0.25}, "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert structures[0].matches(expected)
    assert structures[0].composition == expected.composition
    manifest = Manifest.read(tmp_path / "one")
    assert (manifest.complete, manifest.entries, manifest.left_out) == (True, 8, 0)
    assert (manifest.origin.licence, manifest.origin.source) == ("CC-BY-4.0", "stand-in")


def test_what_cannot_be_taken_is_named(service: Service, tmp_path: Path) -> None:
    provider = Provider(
        1,
        molecule={**LICL, "dimension_types": [0, 0, 0]},
        assembled={**LICL, "structure_features": ["assemblies", "disorder"]},
        implicit={**LICL, "structure_features": ["implicit_atoms"]},
        unknown={
            **LICL,
            "species": [{"name": n, "chemical_symbols": ["X"], "concentration": [1]} for n in ("Li1", "Cl")],
        },
        empty={**LICL, "cartesian_site_positions": None},
    )
    with serving(provider) as server:
        made = fetch(service, server.address, tmp_path / "one")
    assert len(made) == 1
    assert made.left_out.keys() == {"molecule", "assembled", "implicit", "unknown", "empty"}
    assert "three dimensions" in made.left_out["molecule"]
    assert "X is no element" in made.left_out["unknown"]
    assert ReleaseFolder.open(tmp_path / "one", made.manifest.origin).left_out == made.left_out


@pytest.mark.parametrize(
    "failure",
    [
        Said(b"busy", 503),
        Said(b"slow down", 429, {"Retry-After": "0"}),
        Said(b'{"data": [], "links"', breaks_off=True),
    ],
)
def test_a_busy_service_is_asked_again(service: Service, tmp_path: Path, failure: Said) -> None:
    provider = Provider(4)
    provider.failures = [failure]
    with serving(provider) as server:
        assert len(fetch(service, server.address, tmp_path / "one")) == 4


@pytest.mark.parametrize(
    ("failures", "message"),
    [
        ([Said(b"down", 503)] * 3, "no answer in 3 attempts .status 503."),
        ([Said(b'{"errors": [{"detail": "bad filter"}]}', 400)], "bad filter"),
        ([Said(b"<html>")], "no JSON object"),
        ([Said(b'{"data": {"id": 1}}')], "no list of entries"),
    ],
)
def test_what_fails_is_told_and_gone_on_with(
    service: Service, tmp_path: Path, failures: list[Said], message: str
) -> None:
    provider = Provider(7)
    to_come = list(failures)

    def failing(asked: Asked) -> Said:
        return to_come.pop(0) if asked.query.get("page") and to_come else provider(asked)

    with serving(failing) as server:
        with pytest.raises(SourceError, match=message):
            fetch(service, server.address, tmp_path / "one")
        partial = Manifest.read(tmp_path / "one")
        assert (partial.complete, partial.position.endswith("page=3")) == (False, True)
        with pytest.raises(ConfigurationError, match="not fetched to its end"):
            partial.must_be_complete(tmp_path / "one")
        with pytest.raises(ConfigurationError, match="another query"):
            fetch(service, server.address, tmp_path / "one", "nelements=2")
        assert len(fetch(service, server.address, tmp_path / "one")) == 7


def test_it_goes_on_where_it_was_also_when_the_cursor_has_expired(service: Service, tmp_path: Path) -> None:
    provider = Provider(9)
    mode = {"fails_at": "6", "expired": "no"}

    def answer(asked: Asked) -> Said:
        page = asked.query.get("page", ["0"])[0]
        if page == mode["fails_at"]:
            return Said(b"gone", 410)
        if page == mode["expired"]:
            mode["expired"] = "no"
            return Said(b"no such cursor", 404)
        return provider(asked)

    with serving(answer) as server:
        with pytest.raises(SourceError, match="gone"):
            fetch(service, server.address, tmp_path / "one")
        assert Manifest.read(tmp_path / "one").position.endswith("page=6")
        mode.update(fails_at="no", expired="6")
        before = len(server.asked)
        made = fetch(service, server.address, tmp_path / "one")
        pages = [each.query.get("page", ["first"])[0] for each in server.asked[before + 2 :]]
    assert pages == ["6", "first", "3", "6"]
    assert len(made) == len(read(tmp_path / "one")) == 9


def test_a_provider_that_gives_less_than_it_says_is_not_complete(service: Service, tmp_path: Path) -> None:
    provider = Provider(4)
    provider.told = 5
    with serving(provider) as server, pytest.raises(SourceError, match="said to have 5 entries and gave 4"):
        fetch(service, server.address, tmp_path / "one")
    assert not Manifest.read(tmp_path / "one").complete


def test_pages_in_a_circle_end(service: Service, tmp_path: Path) -> None:
    def answer(asked: Asked) -> Said:
        if asked.path.endswith("info"):
            return Said(b"{}")
        link = f"http://{asked.headers['Host']}/optimade/v1/structures?page=1"
        return Said(json.dumps({"data": [], "links": {"next": link}}).encode())

    with serving(answer) as server, pytest.raises(SourceError, match="circle"):
        fetch(service, server.address, tmp_path / "one")


def test_an_answer_without_end_is_not_read(tmp_path: Path) -> None:
    manners = Manners(interval_s=0.0, attempts=1, largest_answer_bytes=1000)
    with (
        serving(lambda asked: Said(b"x" * 5000)) as server,
        Service("stand-in", manners) as service,
        pytest.raises(SourceError, match="more than 1000 bytes"),
    ):
        service.get(server.address)


def test_addresses_other_than_the_web_are_refused(service: Service) -> None:
    with pytest.raises(SourceError, match="no address of the web"):
        service.get("file:///etc/passwd")


def test_occupancies_are_those_of_the_species() -> None:
    split = {
        **LICL,
        "species": [
            {"name": "Li1", "chemical_symbols": ["Li", "vacancy"], "concentration": [0.4, 0.6]},
            {"name": "Cl", "chemical_symbols": ["vacancy"], "concentration": [1.0]},
        ],
    }
    assert structure_of(split).composition.as_dict() == {"Li": 0.4}
    with pytest.raises(UnreadableStructureError):
        structure_of({**split, "species_at_sites": ["Li1", "nobody"]})


def test_exact_coordinates_are_taken_where_there_are_some(service: Service, tmp_path: Path) -> None:
    exact = [[0.061915 + 2**-56, 0.0, 0.0], [0.5, 0.5, 0.5]]
    assert structure_of({**LICL, "fractional_site_positions": exact}).frac_coords.tolist() == exact
    provider = Provider(1)
    provider.properties.append("_mtl_fractional_site_positions")
    with serving(provider) as server:
        fetch(service, server.address, tmp_path / "one")
    assert server.asked[2].query["response_fields"][0].endswith(",_mtl_fractional_site_positions")
