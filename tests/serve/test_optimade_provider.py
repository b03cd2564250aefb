"""The store as an OPTIMADE provider: valid, read back as it is, and nothing asked does harm."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from optimade.validator import ImplementationValidator
from reported import EVIL, SIMULATED
from samples import SCREENED
from served import Served, running

from mtl_flows.jobs.reading import IngestParameters, read_file
from mtl_flows.science.reading import FoundFile
from mtl_flows.sources.optimade import fetch_optimade
from mtl_flows.sources.release_folder import STRUCTURES
from mtl_flows.sources.service import Manners, Service
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.owner import Reader


@pytest.fixture(scope="module")
def provider(guarded_seen: tuple[Any, Connection]) -> Iterator[Served]:
    """A provider over a store that its database user may only read; in the end the database is as it was."""
    root, address = guarded_seen
    before = root["seen"].command("dbHash")["md5"]
    with MTLStore.connect(address, Reader.alone()) as store, running(store, optimade=True) as found:
        yield found
    assert root["seen"].command("dbHash")["md5"] == before


def asked(provider: Served, path: str, status: int = 200, **parameters: str) -> Any:
    answer = provider.get(f"/optimade/v1/{path}", parameters)
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/vnd.api+json"
    return answer.json


@pytest.mark.filterwarnings("ignore:Accessing the 'model_fields' attribute")  # the validator's own
@pytest.mark.parametrize("base", ["/optimade", "/optimade/v1"])
def test_the_official_validator_finds_nothing_wrong(provider: Served, base: str) -> None:
    random.seed(0)  # it asks for what it finds in some entry
    validator = ImplementationValidator(base_url=f"{provider.url}{base}", respond_json=True, max_retries=1)
    validator.validate_implementation()
    results = validator.results
    assert validator.valid, results.failure_messages
    assert results.failure_count == results.internal_failure_count == 0
    assert results.optional_failure_messages == []
    assert results.success_count > 30


def test_entries_come_in_pages(provider: Served) -> None:
    seen, following = (
        [],
        f"/optimade/v1/structures?{urlencode({'page_limit': 4, 'sort': '-_mtl_r_connected'})}",
    )
    while following:
        page = provider.get(following).json
        seen += [one["id"] for one in page["data"]]
        assert page["meta"]["data_returned"] == page["meta"]["data_available"] == len(SCREENED)
        assert page["meta"]["more_data_available"] == bool(page["links"]["next"])
        following = (page["links"]["next"] or "").removeprefix(provider.url)
    assert len(seen) == len(set(seen)) == len(SCREENED)
    table = provider.api("rows", sort="-r_connected_A", columns="material_id")["rows"]
    assert seen == [row["material_id"] for row in table]


def test_properties_are_those_of_the_table(provider: Served) -> None:
    chosen = asked(provider, "structures", filter='elements HAS ONLY "Cl","Li" AND _mtl_v3_over_d3 IS KNOWN')
    (entry,) = chosen["data"]
    row = provider.api(f"materials/{SIMULATED}")["row"]
    told = entry["attributes"]
    assert (entry["id"], entry["type"]) == (SIMULATED, "structures")
    assert told["_mtl_r_connected"] == pytest.approx(row["r_connected_A"], rel=1e-4)
    assert told["_mtl_e_3d"] == pytest.approx(row["E_3D_eV"], rel=1e-4)
    assert told["_mtl_dynamics_status"] == row["dynamics_status"]
    assert told["_mtl_releases"] == row["releases"]
    assert (told["chemical_formula_anonymous"], told["elements_ratios"]) == ("AB", [0.5, 0.5])
    described = asked(provider, "info/structures")["data"]["properties"]
    assert described["_mtl_r_connected"] | {"description": ""} == {
        "description": "",
        "unit": "Ao",
        "sortable": True,
        "type": "float",
    }
    assert set(told) == set(described) - {"id", "type"}


def test_fields_are_chosen(provider: Served) -> None:
    entry = asked(provider, f"structures/{SIMULATED}", response_fields="nsites,_exmpl_gap,assemblies,id")
    assert entry["data"]["attributes"] == {"nsites": 8, "_exmpl_gap": None, "assemblies": None}
    evil = asked(provider, f"structures/{quote(EVIL, safe='')}", response_fields="nsites")
    assert evil["data"]["id"] == EVIL
    asked(provider, "structures/nobody", status=404)


def test_what_is_fetched_is_what_is_there(
    provider: Served, guarded_seen: tuple[Any, Connection], tmp_path: Path
) -> None:
    """Every crystal, disordered or not, has the same id when its copy is read."""
    with Service("stand-in", Manners(interval_s=0.0)) as service:
        made = fetch_optimade(
            service,
            f"{provider.url}/optimade",
            'elements HAS "Li"',
            tmp_path / "copy",
            source="copy",
            release="one",
            page_limit=5,
        )
    assert (len(made), made.left_out) == (len(SCREENED), {})
    with MTLStore.connect(guarded_seen[1], Reader.alone()) as store:
        there = sorted(row.crystal_id for row in store.candidates.find())
    here = []
    for file in (tmp_path / "copy" / STRUCTURES).iterdir():
        (read,) = read_file(FoundFile(file.name, file.read_bytes()), IngestParameters())
        here.append(read.crystal.id)
    assert sorted(here) == there


HOSTILE = (
    ("filter={'$where':'sleep(9000)'}", 400),
    ("filter=id%5B$ne%5D=1", 400),
    ("filter[$ne]=1", 400),
    ("$where=1", 400),
    ("filter=nsites=1&filter=nsites=2", 400),
    ("sort=$where", 400),
    ("sort=inputs_hash", 400),
    ("sort=elements", 400),
    ("sort={'$ne':1}", 400),
    ("response_fields=provenance", 400),
    ("response_fields=_mtl_inputs_hash", 400),
    ("response_format=xml", 400),
    ("page_limit=0", 400),
    ("page_limit=1e9", 400),
    ("page_limit=-1", 400),
    ("page_limit=100000", 403),
    ("page_offset=3", 400),
    ("include=everything", 400),
    ("page_cursor=../../etc/passwd", 400),
    ("page_cursor=" + "A" * 3000, 400),
    ("page_cursor=%ff%00", 400),
    ("page_cursor=WzEsMl0", 400),
    ("page_cursor=W3siJGd0IjoxfV0", 400),
    ("page_cursor=WyJhIiwiYiJd&sort=nsites", 400),
    ('filter=id CONTAINS "' + "(a+)+" * 400 + '$"', 200),
    ('filter=id="\\";return true;//"', 200),
    ('filter=id="${7*7}{{7*7}}\u202e\x00<b>"', 200),
    ('filter=chemical_formula_descriptive STARTS "\' || 1==1"', 200),
)


@pytest.mark.parametrize(("query", "status"), HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_asked_is_never_a_query(provider: Served, query: str, status: int) -> None:
    answer = provider.ask("GET", f"/optimade/v1/structures?{quote(query, safe='=&%')}")
    assert answer.status == status, answer.text
    if status == 200:
        assert answer.json["data"] == []
    else:
        (error,) = answer.json["errors"]
        assert error["status"] == str(status)
        assert "Traceback" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_can_be_changed_there(provider: Served, method: str) -> None:
    assert provider.ask(method, "/optimade/v1/structures").status == 405


def test_other_addresses_lead_nowhere(provider: Served) -> None:
    assert provider.get("/optimade/v2/info").status == 553
    assert provider.get("/optimade/v1/versions").status == 404
    for path in (
        "references",
        "..%2f..%2fetc%2fpasswd",
        "structures/..%2f..%2fetc%2fpasswd",
        "docs",
        "openapi.json",
    ):
        assert provider.get(f"/optimade/v1/{path}").status == 404
    elsewhere = {"Host": "elsewhere.example"}
    assert provider.get("/optimade/v1/info", headers=elsewhere).status == 421


def test_a_provider_for_others_asks_for_the_token(store: MTLStore, address: Connection) -> None:
    with (
        MTLStore.connect(address, Reader.alone()) as reading,
        running(reading, "a-token-of-some-letters", optimade=True) as served,
    ):
        assert served.get("/optimade/v1/info").status == 401
        let_in = served.get(
            "/optimade/v1/structures", headers={"Authorization": "Bearer a-token-of-some-letters"}
        )
    assert json.loads(let_in.body)["data"] == []


def test_there_is_no_provider_unasked(served: Served) -> None:
    assert served.get("/optimade/v1/info").status == 404
