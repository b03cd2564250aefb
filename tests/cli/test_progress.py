"""Progress: a bar on a terminal, a line for each tenth in a log."""

import io

import pytest
from rich.console import Console

from mtl_flows.cli import console


def read_on() -> None:
    with console.progress("ingest", 100, percent=True) as reporter:
        for share in (0.01, 0.12, 0.19, 0.5, 0.505, 1.0):
            reporter.reach(share, f"{1000 * share:.0f} files")
        comparison = reporter.then("comparing compositions", 400)
        for count in (200, 10, 190):
            comparison.advance(count)


def test_a_log_has_a_line_for_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    read_on()
    assert capsys.readouterr().err.splitlines() == [
        "ingest: 12 %, 120 files",
        "ingest: 50 %, 500 files",
        "ingest: 100 %, 1000 files",
        "comparing compositions: 0/400 begun",
        "comparing compositions: 200/400",
        "comparing compositions: 400/400",
    ]


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr(console, "err", terminal)
    read_on()
    shown = terminal.file.getvalue()
    assert "100%" in shown
    assert "ingest 1000 files" in shown
    assert "comparing compositions" in shown
