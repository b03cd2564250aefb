"""The report in a browser: it runs, asks for nothing, sorts and filters, fits a phone, and can be read in the dark."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from browsing import CHANGED, CONTRAST, PATIENCE_MS, go, look_at_all, shown, wait, watched
from playwright.sync_api import Browser, Page, expect
from reported import EVIL, SIMULATED
from samples import KNOWN, SCREENED, fill_screened

from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.pages.page import write_report
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.database import MTLStore

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def opened(browser: Browser, report: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The overview in a fresh window, as the test's parameters ask; in the end nothing must have gone wrong."""
    with watched(
        browser, lambda url: url.startswith(("file:", "blob:", "data:")), getattr(request, "param", None)
    ) as page:
        page.goto(report.as_uri())
        wait(page)
        yield page


def column(page: Page, label: str) -> list[float | None]:
    place = page.locator("table.rows thead th").all_inner_texts().index(label)
    cells = page.locator(f"table.rows tbody td:nth-child({place + 1})").all_inner_texts()
    return [None if text == "–" else float(text) for text in cells]


def test_the_table_sorts(opened: Page) -> None:
    assert len(shown(opened)) == len(SCREENED)
    opened.locator('button[data-field="r_connected_A"]').click()
    rising = column(opened, "r connected, Å ▴")
    known = [value for value in rising if value is not None]
    assert known == sorted(known)
    assert rising[: len(known)] == known
    opened.locator('button[data-field="r_connected_A"]').press("Enter")
    falling = [value for value in column(opened, "r connected, Å ▾") if value is not None]
    assert falling == known[::-1]


def test_the_table_filters_by_words_gates_elements_and_ranges(opened: Page) -> None:
    everything = shown(opened)
    opened.get_by_role("searchbox").fill(KNOWN[0])
    expect(opened.locator("table.rows tbody tr")).to_have_count(1)
    assert shown(opened) == [KNOWN[0]]
    opened.get_by_role("button", name="clear").click()
    assert shown(opened) == everything
    gate = opened.get_by_role("button", name="known conductor")
    gate.click()
    assert set(shown(opened)) == set(KNOWN)
    gate.click()
    assert set(shown(opened)) == set(everything) - set(KNOWN)
    expect(gate).to_have_attribute("aria-pressed", "mixed")
    gate.click()
    opened.locator(".elements").get_by_role("button", name="Cl", exact=True).click()
    with_chlorine = shown(opened)
    assert 0 < len(with_chlorine) < len(everything)
    assert SIMULATED in with_chlorine
    opened.get_by_role("button", name="clear").click()
    opened.get_by_label("r connected, Å, at most").fill("3")
    expect(opened.locator(".count")).not_to_contain_text(f"{len(everything)} of")
    assert all(value is not None and value <= 3 for value in column(opened, "r connected, Å"))
    opened.get_by_label("r connected, Å, at most").fill("0.001")
    expect(opened.locator("table.rows tbody")).to_contain_text("Nothing meets all")


def test_what_is_shown_can_be_downloaded(opened: Page) -> None:
    opened.get_by_role("button", name="known conductor").click()
    with opened.expect_download() as waiting:
        opened.get_by_role("button", name="JSON").click()
    told = json.loads(Path(waiting.value.path()).read_text())
    assert {row["material_id"] for row in told} == set(KNOWN)
    assert {
        row["conductivity_measured_S_per_cm"] for row in told if "conductivity_measured_S_per_cm" in row
    } == set()
    opened.get_by_text("Columns", exact=True).click()
    opened.get_by_label("σ measured, S/cm", exact=True).check()
    with opened.expect_download() as waiting:
        opened.get_by_role("button", name="CSV").click()
    lines = Path(waiting.value.path()).read_text().splitlines()
    assert lines[0].startswith("material_id,reduced_formula,")
    assert "conductivity_measured_S_per_cm" in lines[0]
    assert len(lines) == 1 + len(KNOWN)


@pytest.mark.parametrize(
    "where", ["", "figures", "ranking", "about", f"material/{SIMULATED}", f"material/{KNOWN[0]}"]
)
@pytest.mark.parametrize(
    "opened",
    [
        {"color_scheme": "dark"},
        {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
    ],
    ids=["dark", "phone"],
    indirect=True,
)
def test_pages_fit_and_can_be_read(opened: Page, where: str) -> None:
    go(opened, where)
    look_at_all(opened)
    assert opened.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert opened.evaluate(CONTRAST) == []
    assert opened.locator("h1").count() == 1


def test_three_dimensions_wait_until_they_are_seen(opened: Page) -> None:
    opened.set_viewport_size({"width": 390, "height": 500})
    go(opened, f"material/{KNOWN[0]}")
    viewers = opened.locator(".viewer")
    assert viewers.count() >= 3
    last = viewers.nth(2)
    expect(viewers.nth(0)).to_have_attribute("data-drawn", "yes")
    assert last.get_attribute("data-drawn") is None
    last.scroll_into_view_if_needed()
    expect(last).to_have_attribute("data-drawn", "yes")
    canvas = last.locator("canvas")
    painted = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v)"
    assert canvas.evaluate(painted)
    before = canvas.evaluate("c => c.toDataURL()")
    canvas.focus()
    canvas.press("ArrowRight")
    assert canvas.evaluate(CHANGED, before)


def test_a_name_that_is_a_script_is_text(opened: Page) -> None:
    opened.get_by_role("link", name=EVIL).click()
    wait(opened)
    assert opened.url.endswith(f"#/material/{quote(EVIL, safe='!()*~' + chr(39))}")
    expect(opened.locator("h1")).to_contain_text(EVIL)
    expect(opened.locator("main")).to_contain_text("onerror")
    assert opened.locator("main script, main img[onerror]").count() == 0
    opened.go_back()
    wait(opened)
    assert len(shown(opened)) == len(SCREENED)


@pytest.mark.parametrize("opened", [{"color_scheme": "dark"}], ids=["dark"], indirect=True)
def test_paper_is_light_and_holds_all(opened: Page) -> None:
    go(opened, f"material/{SIMULATED}")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = opened.evaluate(paper)
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.evaluate(paper) == "rgb(255, 255, 255)"
    for place in opened.locator(".chart, .viewer").all():
        expect(place).to_have_attribute("data-drawn", "yes")
    tick = opened.locator(".chart .xtick text").first
    assert tick.evaluate("e => getComputedStyle(e).fill") == "rgb(20, 33, 43)"
    opened.evaluate("dispatchEvent(new Event('afterprint'))")
    assert opened.evaluate(paper) == dark


def test_screenings_lead_to_each_other(browser: Browser, store: MTLStore, tmp_path: Path) -> None:
    fill_screened(store)
    other = ScreeningParameters(name="other")
    store.screenings.register("other", "Li", ScreeningParameters().as_dict())
    rebuild_candidates(store.under("other"), other)
    first, second = write_report(store, tmp_path)
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(first.path.as_uri())
    page.get_by_label("screening").select_option("other")
    page.wait_for_url(f"{second.path.as_uri()}*")
    expect(page.locator("main")).to_contain_text("screening other")
    page.close()


def test_the_reader_chooses_light_or_dark(opened: Page) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    before = opened.evaluate(paper)
    opened.get_by_role("button", name="light or dark").press("Enter")
    assert opened.evaluate(paper) != before
    go(opened, "nowhere")
    assert opened.locator("table.rows").count() == 1
    go(opened, "material/nobody")
    expect(opened.locator("h1")).to_have_text("Not here")
