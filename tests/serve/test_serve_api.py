"""The server over a store that it may only read: what scripts are told, and that nothing asked does harm."""

import csv
import io
import json
from typing import Any
from urllib.parse import quote

import pytest
from pymatgen.core import Structure
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from reported import EVIL, SIMULATED
from samples import KNOWN, SCREENED
from served import Served

from mtl_flows.errors import ConfigurationError
from mtl_flows.pages.overview import COLUMNS
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.owner import Reader

Guarded = tuple[MongoClient[dict[str, Any]], Connection]


def test_a_store_that_is_read_writes_nothing(guarded_seen: Guarded) -> None:
    _, address = guarded_seen
    with MTLStore.connect(address, Reader.alone()) as store:
        assert store.under("Li").candidates.count() == len(SCREENED)
        row = store.candidates.get(KNOWN[0])
        for refused in (store.candidates, store.under("Li").candidates):
            with pytest.raises(ConfigurationError, match="to be read"):
                refused.put([row])
        with pytest.raises(OperationFailure):  # the server refuses, too
            store.candidates.raw.delete_many({})


def test_rows_come_in_pages(served: Served) -> None:
    found, after = [], ""
    while True:
        page = served.api("rows", limit=4, sort="-r_connected_A", after=after, columns="material_id")
        assert page["total"] == len(SCREENED)
        found += [row["material_id"] for row in page["rows"]]
        if page["after"] is None:
            break
        after = page["after"]
    assert len(found) == len(set(found)) == len(SCREENED)
    assert {row["material_id"] for row in served.api("rows", passes="is_known_conductor")["rows"]} == set(
        KNOWN
    )
    chlorides = served.api("rows", elements="Cl", columns=["material_id", "elements"][0])
    assert SIMULATED in [row["material_id"] for row in chlorides["rows"]]
    whole = served.api("rows", limit=1)["rows"][0]
    assert list(whole) == [column.field for column in COLUMNS]


def test_a_page_has_what_it_begins_with(served: Served) -> None:
    begun = served.api("screening")
    assert begun["count"] == len(SCREENED)
    assert begun["meta"]["screening"] == "Li"
    assert {"Li", "Cl"} <= begun["elements"].keys()
    assert begun["state"] == served.api("state")["state"]
    assert served.api("screenings") == ["Li"]
    overview = served.api("parts/overview")
    assert overview["counts"] == {"known": 2, "simulated": 1, "pass": 0}
    assert overview["funnel"]["steps"][0]["counts"]["published"] == len(SCREENED)
    assert SIMULATED in served.api("parts/figures")["simulated"]
    ranking = served.api("parts/ranking")
    assert ranking["ranked"] == len(ranking["ranking"]) > 0


def test_a_material_has_all_there_is(served: Served) -> None:
    found = served.api(f"materials/{SIMULATED}", screening="Li")
    assert found["row"]["material_id"] == SIMULATED
    assert {curve["temperature_K"] for curve in found["record"]["msd"]["curves"]} == {800.0, 1200.0}
    evil = served.api(f"materials/{quote(EVIL, safe='')}")
    assert evil["record"]["id"] == EVIL
    progress = served.api(f"progress/{SIMULATED}")
    assert [one["temperature_K"] for one in progress["simulations"]] == [800.0, 1200.0]
    assert served.api(f"materials/{SIMULATED}.r1") == found  # a name that stands for it
    led = served.get(f"/materials/{quote(EVIL, safe='')}")
    assert (led.status, led.headers["location"]) == (303, f"/#/material/{quote(EVIL, safe='')}")
    for path in ("materials/nobody", "progress/nobody", "structures/cif/nobody"):
        assert served.get(f"/api/v1/{path}").status == 404
    assert served.get("/materials/nobody").status == 404


def test_structures_are_downloaded(served: Served) -> None:
    for name, format_ in (("cif", "cif"), ("poscar", "poscar")):
        answer = served.get(f"/api/v1/structures/{name}/{SIMULATED}")
        read = Structure.from_str(answer.text, fmt=format_)  # type: ignore[arg-type]
        assert read.composition.reduced_formula == "LiCl"
        assert 'filename="licl.' in answer.headers["content-disposition"]
    disordered = served.get("/api/v1/structures/poscar/li10gep2s12")
    assert (disordered.status, disordered.json["reason"]) == (422, "configuration")
    evil = served.get(f"/api/v1/structures/cif/{quote(EVIL, safe='')}").headers["content-disposition"]
    assert "<" not in evil
    assert "\n" not in evil


def test_a_landscape_is_computed_when_it_is_asked_for(served: Served) -> None:
    found = served.api(f"landscapes/{SIMULATED}")
    assert len(found["values"]) == found["shape"][0] * found["shape"][1] * found["shape"][2]
    assert min(found["values"]) == 0
    assert found["level_eV"] == pytest.approx(
        served.api(f"materials/{SIMULATED}")["row"]["E_3D_eV"], abs=1e-5
    )
    assert served.get("/api/v1/landscapes/nobody").status == 404


def test_everything_chosen_is_downloaded(served: Served) -> None:
    told = served.get("/api/v1/rows.csv", {"passes": "is_known_conductor", "columns": "material_id,releases"})
    assert told.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(told.text)))
    assert {line["material_id"] for line in lines} == set(KNOWN)
    rows = served.get("/api/v1/rows.json", {"sort": "material_id"}).json
    assert [row["material_id"] for row in rows] == [
        row["material_id"] for row in served.api("rows", sort="material_id")["rows"]
    ]
    assert served.get("/api/v1/rows.json", {"elements": "U"}).json == []


def test_the_api_describes_itself_and_loads_nothing(served: Served) -> None:
    described = served.api("openapi.json")
    assert "/api/v1/rows" in described["paths"]
    assert all(set(methods) == {"get"} for methods in described["paths"].values())
    page = served.get("/api")
    assert "/api/v1/structures/{structure_format}/{material_id}" in page.text
    assert "http" not in page.text


# Operators in names and values, expressions for the server, patterns that explode, what is no number, what is too long.
HOSTILE = (
    *(
        "[$ne]=",
        "$where=sleep(9000)",
        "passes[$gt]=x",
        "sort[$ne]=1",
        "nothing=1",
        "limit=0",
        "limit=100000000",
    ),
    *(
        "limit=1e9",
        'sort={"$ne":null}',
        "sort=$where",
        "sort=inputs_hash",
        "columns=provenance",
        "columns=$where",
    ),
    *(
        'equal=verdict:{"$ne":null}x' + "y" * 300,
        "equal=$where:1",
        'at_least={"$gt":""}',
        "at_most=n_sites:NaN",
    ),
    *("at_least=n_sites:1e400", "elements[$in][]=Li", "elements=Li;sleep(9)", "after=../../etc/passwd"),
    *(
        "after=" + "A" * 3000,
        "after=W251bGwsMSwyLDMsImEiXQ",
        "search=" + "(a%2B)%2B" * 60 + "%24",
        "after=%ff%00",
    ),
    *("screening=" + "x" * 1001, "&".join(["at_least=n_sites:1"] * 41)),
)


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_what_cannot_be_asked_is_refused(served: Served, query: str) -> None:
    answer = served.ask("GET", f"/api/v1/rows?{quote(query, safe='=&%')}")
    assert answer.status == 422, answer.text


# Each is taken for the plain text that it is, and no text like it is there.
TEXTS = (
    "(a+)+$",
    ".*",
    '{"$gt":""}',
    "';return true;//",
    "\\",
    "%",
    "\u202e",
    "\x00",
    "${7*7}",
    "{{7*7}}",
    "<b>",
)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_text_is_text(served: Served, text: str) -> None:
    assert served.api("rows", search=text)["total"] == (1 if text.lower() in EVIL else 0)
    for path in ("materials", "progress", "structures/cif"):
        assert served.get(f"/api/v1/{path}/{quote(text, safe='')}").status == 404
    assert served.get("/api/v1/rows", {"screening": text}).status == 404
    assert served.get("/api/v1/parts/overview", {"screening": text}).status == 404
    assert served.api("rows", equal=f"cluster_published:{text}")["total"] == 0


PATHS = (
    *(
        "/../../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/page.css/../../pyproject.toml",
        "/%2e%2e/settings.py",
    ),
    *(
        "//etc/passwd",
        "/assets/app.js",
        "/app.js%00.html",
        "/__init__.py",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/~root",
    ),
    *(
        "/api/v1/structures/../../app.js",
        "/api/v1/structures/exe/licl",
        "/api/v1/parts/everything",
        "/.git/config",
    ),
)


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_to_files(served: Served, path: str) -> None:
    head, _, body = served.raw(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    ).partition(b"\r\n\r\n")
    assert head.split()[1] in (b"404", b"422"), head
    assert b"root:x:" not in body


def test_what_is_too_much_is_refused(served: Served) -> None:
    assert served.get("/api/v1/rows", {"search": "x" * 9000}).status == 414
    assert served.ask("POST", "/login", {"Content-Length": "100000000"}).status == 413
    assert served.ask("GET", "/", {"Content-Length": "-1"}).status in (400, 413)
    long_head = served.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000 + b"\r\n\r\n")
    assert b" 200 " not in long_head[:20]
    chunks = b"Transfer-Encoding: chunked\r\n\r\n" + b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n0\r\n\r\n"
    answer = served.raw(b"POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + chunks)
    assert b" 200 " not in answer[:20]
    assert served.get("/api/v1/state").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "NONSENSE"])
def test_nothing_can_be_changed(served: Served, method: str) -> None:
    assert served.ask(method, "/api/v1/rows").status == 405


def test_every_answer_says_what_a_browser_may_do(served: Served) -> None:
    for path in ("/", "/app.js", "/api", "/api/v1/rows", "/nowhere", "/api/v1/rows?sort=x", "/login"):
        headers = served.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
    assert json.dumps(EVIL)[1:-1] not in served.get("/").text


def test_another_name_for_this_machine_is_not_answered(served: Served) -> None:
    assert served.get("/api/v1/state", headers={"Host": "rebound.example:80"}).status == 421
    for host in ("localhost:1", "127.0.0.1", "[::1]:8000"):
        assert served.get("/api/v1/state", headers={"Host": host}).status == 200
