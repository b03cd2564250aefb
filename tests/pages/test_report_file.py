"""The report as a file: what it holds, what it asks for, and what becomes of stores with little in them."""

import json
import re
import zlib
from base64 import b64decode
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reported import EVIL, EVIL_TITLE, SIMULATED
from samples import KNOWN, SCREENED, fill, fill_screened
from simulated import walk
from typer.testing import CliRunner

from mtl_flows.cli.app import app
from mtl_flows.errors import ConfigurationError, DynamicsError, NotFoundError
from mtl_flows.evaluation.labelled import FEWEST, benchmark_labelled
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.pages.libraries import plotly_library
from mtl_flows.pages.overview import COLUMNS
from mtl_flows.pages.packing import compact, packed
from mtl_flows.pages.page import write_report
from mtl_flows.pages.runs import density_record
from mtl_flows.plotting.volumes import density_volume
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore


def unpacked(page: str, name: str) -> Any:
    found = re.search(rf'id="{name}">([^<]*)</script>', page)
    assert found, name
    return json.loads(zlib.decompress(b64decode(found[1]), -15))


def records(page: str) -> dict[str, Any]:
    blocks = re.findall(r'id="(block-\d+)"', page)
    return {record["id"]: record for block in blocks for record in unpacked(page, block)}


def test_every_row_and_its_evidence_are_in_the_page(report: Path) -> None:
    page = report.read_text(encoding="utf-8")
    overview = unpacked(page, "overview")
    ids = overview["rows"]["material_id"]
    assert len(ids) == len(set(ids)) == len(SCREENED)
    assert {*KNOWN, SIMULATED, EVIL} <= set(ids)
    found = records(page)
    assert list(found) == ids
    for record in found.values():
        assert {gate["protocol"] for gate in record["gates"]} == {"published", "text"}
        assert record["bars"]["clouds"][0]["n_points"] == sum(
            record["drawing"]["kinds"][kind]["mobile"] for kind, *_ in record["drawing"]["sites"]
        )
    assert len(found[KNOWN[0]]["rules"]) >= 8
    assert {c["temperature_K"] for c in found[SIMULATED]["msd"]["curves"]} == {800.0, 1200.0}
    assert len(found[SIMULATED]["arrhenius"]["points"]) == 2
    stages = [told["stage"] for told in found[SIMULATED]["provenance"]]
    assert {"ingest", "topology", "dynamics, 800 K", "dynamics, 1200 K"} <= set(stages)
    # There are no frames, so there is no density.
    assert found[SIMULATED]["density"] is None


def test_nothing_of_a_file_is_markup_and_nothing_is_loaded(report: Path) -> None:
    page = report.read_text(encoding="utf-8")
    assert EVIL not in page
    assert EVIL_TITLE not in page
    markup = re.sub(r"<script[^>]*>.*?</script>", "", page, flags=re.DOTALL)
    markup = re.sub(r"<style>.*?</style>", "", markup, flags=re.DOTALL)
    assert re.findall(r'(?:src|href)="(?!#)', markup) == []
    assert "default-src 'none'" in page
    assert "plotly.js" in page


def test_every_column_is_a_described_field() -> None:
    for column in COLUMNS:
        assert CandidateDocument.model_fields[column.field].description, column


def test_numbers_are_short_and_what_is_none_is_null() -> None:
    assert compact({"a": [inf, nan, 1.0, 0.123456789, 1e-12], "b": (True, None, "x")}) == {
        "a": [None, None, 1, 0.123457, 1e-12],
        "b": [True, None, "x"],
    }
    plain = zlib.decompress(b64decode(packed({"x": inf, "y": np.array([1.5])})), -15)
    assert json.loads(plain) == {"x": None, "y": [1.5]}


def test_the_charts_script_comes_with_its_licence() -> None:
    library = plotly_library()
    assert b"plotly.js" in library.script[:300]
    assert "Permission is hereby granted" in library.licence


def test_a_density_holds_what_its_levels_say() -> None:
    volume = density_volume(walk(1200.0, 0.35).trajectory(1), "Li", 1200.0, 2.0)
    record = density_record(volume, 1200.0)
    values = np.array(record["values"]).reshape(record["shape"])
    assert values.max() <= 255
    for share, level in record["levels"].items():
        inside = values[values >= level].sum() / values.sum()
        assert inside == pytest.approx(float(share), abs=0.12)


def test_a_run_that_ends_within_its_equilibration_has_no_density() -> None:
    with pytest.raises(DynamicsError, match="outlast"):
        density_volume(walk(1200.0, 0.35).trajectory(1), "Li", 1200.0, 1000.0)


def test_stores_with_little_in_them_have_a_page(
    store: MTLStore, address: Connection, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty,) = write_report(store, project / "empty.html")
    assert empty.n_materials == 0
    assert unpacked(empty.path.read_text(), "overview")["rows"]["material_id"] == []
    # One material of which no stage has run.
    fill(store, "li3ocl")
    rebuild_candidates(store, ScreeningParameters())
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    answer = CliRunner().invoke(app, ["report"], catch_exceptions=False)
    assert answer.exit_code == 0
    assert "1 materials" in answer.output
    (record,) = records((project / "report.html").read_text()).values()
    assert (record["bars"], record["rules"], record["clusters"]) == (None, [], [])
    with pytest.raises(NotFoundError):
        CliRunner().invoke(app, ["report", "--screening", "nobody"], catch_exceptions=False)


def test_a_folder_has_a_page_for_each_screening(store: MTLStore, tmp_path: Path) -> None:
    fill_screened(store)
    tight = ScreeningParameters(name="tight/../er")
    rebuild_candidates(store.under(tight.screening), tight)
    store.screenings.register(tight.screening, "Li", ScreeningParameters().as_dict())
    written = write_report(store, tmp_path / "pages")
    assert [page.screening for page in written] == ["Li", tight.screening]
    assert written[0].path == tmp_path / "pages" / "index.html"
    assert {page.path.parent for page in written} == {tmp_path / "pages"}
    siblings = unpacked(written[1].path.read_text(), "overview")["meta"]["siblings"]
    assert siblings == [[page.screening, page.path.name] for page in written]
    with pytest.raises(ConfigurationError, match="one screening"):
        write_report(store, tmp_path / "one.html", screenings=["Li", tight.screening])
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError):
        write_report(store, tmp_path / "file" / "report.html")


def test_rankings_are_judged_by_labels(store: MTLStore) -> None:
    fill_screened(store)
    rows = list(store.candidates.find())
    assert benchmark_labelled(rows, {}) is None
    assert len(rows) >= FEWEST
    told = [
        row.model_copy(update={"conductivity_measured_S_per_cm": 1e-3 if (row.E_3D_eV or 9) < 0.6 else 1e-9})
        for row in rows
    ]
    found = benchmark_labelled(told, {})
    assert found is not None
    by_name = {score.score: score for score in found.scores}
    assert by_name["E_3D_eV"].auc.value == 1.0
    assert found.n == len(rows)
