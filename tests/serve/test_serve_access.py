"""Who is let in where others can reach the server, and that what changes is seen."""

import logging
from time import monotonic, sleep

import pytest
from reported import SIMULATED
from samples import KNOWN, fill_screened
from served import PATIENCE_S, running
from simulated import simulate
from typer.testing import CliRunner

from mtl_flows.cli.app import app
from mtl_flows.errors import ConfigurationError
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.serve.guard import Pass, is_loopback
from mtl_flows.serve.server import pass_for
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.owner import Reader

TOKEN = "a-token-of-twenty-nine-letters"


def test_elsewhere_a_token_is_needed(
    store: MTLStore, address: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with MTLStore.connect(address, Reader.alone()) as reading, running(reading, TOKEN) as served:
        told = served.get("/api/v1/state", headers={"Host": "anywhere.example"})
        assert told.status == 401
        assert served.get("/", headers={"Accept": "text/html"}).headers["location"] == "/login"
        for path in ("/", "/api", "/api/v1/openapi.json", "/app.js", "/plotly.js", "/materials/x"):
            assert served.get(path).status == 401
        for wrong in ("Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe9"):
            assert served.get("/api/v1/state", headers={"Authorization": wrong}).status == 401
        assert served.get("/api/v1/state", {"token": TOKEN}).status == 401
        right = {"Authorization": f"Bearer {TOKEN}", "Host": "anywhere.example"}
        assert served.get("/api/v1/state", headers=right).status == 200

        assert served.ask("POST", "/login", body=b"token=wrong").status == 403
        entered = served.ask("POST", "/login", body=f"token={TOKEN}".encode())
        cookie = entered.headers["set-cookie"]
        assert entered.status == 303
        assert {"HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
        assert TOKEN not in cookie
        kept = cookie.partition(";")[0]
        assert served.get("/api/v1/state", headers={"Cookie": kept}).status == 200
        assert served.get("/api/v1/state", headers={"Cookie": f"{kept}0"}).status == 401
        assert served.get("/api/v1/state", headers={"Cookie": "mtl_serve=é"}).status == 401
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(Pass(TOKEN))


def test_a_token_is_made_where_one_is_needed() -> None:
    assert pass_for("127.0.0.1", "").token == ""
    assert pass_for("localhost", TOKEN).token == TOKEN
    assert len(pass_for("0.0.0.0", "").token) >= 40
    assert pass_for("::", "").token != pass_for("::", "").token
    for weak in ("short", "é" * 20, "line\n" * 5):
        with pytest.raises(ConfigurationError):
            pass_for("0.0.0.0", weak)
    assert [
        is_loopback(h) for h in ("::1", "[::1]", "127.8.9.1", "LOCALHOST", "0.0.0.0", "localhost.example")
    ] == [*(True, True, True, True, False, False)]


def test_what_changes_is_seen(store: MTLStore, address: Connection) -> None:
    with MTLStore.connect(address, Reader.alone()) as reading, running(reading) as served:
        assert served.api("rows")["rows"] == []
        assert served.api("parts/overview")["funnel"]["steps"][0]["counts"]["published"] == 0
        assert served.get("/api/v1/rows", {"screening": "other"}).status == 404
        fill_screened(store)
        rebuild_candidates(store, ScreeningParameters())
        until = monotonic() + PATIENCE_S
        while not (found := served.api("rows", sort="material_id"))["total"]:
            assert monotonic() < until
            sleep(0.02)
        assert KNOWN[0] in [row["material_id"] for row in found["rows"]]
        assert served.api("parts/overview")["funnel"]["steps"][0]["counts"]["published"] > 0

        before = served.api(f"progress/{SIMULATED}")
        assert "msd" not in served.api(f"materials/{SIMULATED}")["record"]
        simulate(store, 800.0, 0.9, SIMULATED)
        simulate(store, 1200.0, 0.35, SIMULATED)
        rebuild_candidates(store, ScreeningParameters())
        now = served.api(f"progress/{SIMULATED}")
        assert now["state"] != before["state"]
        assert [one["temperature_K"] for one in now["simulations"]] == [800.0, 1200.0]
        assert served.api(f"materials/{SIMULATED}")["record"]["msd"]["curves"]


def test_a_server_that_is_gone_is_said_and_survived(store: MTLStore, address: Connection) -> None:
    with MTLStore.connect(address, Reader.alone()) as reading, running(reading) as served:
        reading.client.close()
        assert served.get("/api/v1/parts/figures").status == 503
        assert served.get("/api/v1/rows", {"screening": "Li"}).status == 200


def test_the_command_refuses_a_weak_token(
    address: Connection, project: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    monkeypatch.setenv("MTL_SERVE_TOKEN", "short")
    with pytest.raises(ConfigurationError, match="MTL_SERVE_TOKEN"):
        CliRunner().invoke(app, ["serve"], catch_exceptions=False)
