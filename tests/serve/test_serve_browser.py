"""The living pages in a browser: they run, ask nobody else, sort and filter at the server, and follow the store."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from browsing import CONTRAST, PATIENCE_MS, go, look_at_all, shown, wait, watched
from playwright.sync_api import Browser, Page, expect
from reported import EVIL, SIMULATED
from samples import KNOWN, SCREENED, fill
from served import Served, running

from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.owner import Reader

expect.set_options(timeout=PATIENCE_MS)
TOKEN = "a-token-of-twenty-nine-letters"


@pytest.fixture
def window(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """An empty window; in the end nothing must have gone wrong, and nobody else been asked."""
    with watched(
        browser, lambda url: urlsplit(url).hostname in (None, "127.0.0.1"), getattr(request, "param", None)
    ) as page:
        yield page


def test_the_table_asks_the_server(window: Page, served: Served) -> None:
    window.goto(served.url)
    wait(window)
    rows = window.locator("table.rows tbody tr")
    expect(rows).to_have_count(len(SCREENED))
    everything = shown(window)
    window.locator('button[data-field="material_id"]').click()
    expect(rows.first).to_contain_text(EVIL)
    window.locator('button[data-field="material_id"]').click()
    expect(rows.last).to_contain_text(EVIL)
    assert sorted(shown(window)) == sorted(everything)
    window.get_by_role("searchbox").fill(KNOWN[0])
    expect(rows).to_have_count(1)
    window.get_by_role("button", name="clear").click()
    expect(rows).to_have_count(len(SCREENED))
    window.locator(".elements").get_by_role("button", name="Cl", exact=True).click()
    expect(window.locator(".count")).not_to_contain_text(f"{len(everything)} of")
    assert SIMULATED in shown(window)
    window.get_by_label("r connected, Å, at most").fill("0.001")
    expect(window.locator("table.rows tbody")).to_contain_text("Nothing meets all")
    window.get_by_role("button", name="clear").click()
    window.get_by_role("button", name="known conductor").click()
    expect(rows).to_have_count(len(KNOWN))
    with window.expect_download() as waiting:
        window.get_by_role("button", name="CSV").click()
    assert waiting.value.suggested_filename == "Li.csv"


def test_a_material_has_its_page_and_its_files(window: Page, served: Served) -> None:
    window.goto(f"{served.url}/materials/{SIMULATED}")
    wait(window)
    expect(window.locator("h1")).to_contain_text(SIMULATED)
    look_at_all(window)
    assert window.get_by_role("link", name="POSCAR").count() == 1
    with window.expect_download() as waiting:
        window.get_by_role("link", name="CIF").click()
    assert waiting.value.suggested_filename == "licl.cif"
    go(window, f"material/{EVIL}".replace("<", "%3C").replace("/script", "%2Fscript"))
    expect(window.locator("h1")).to_contain_text(EVIL)
    assert window.locator("main script, main img[onerror]").count() == 0


@pytest.mark.parametrize(
    "window", [{"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}], indirect=True
)
def test_pages_fit_a_phone_and_can_be_read_in_the_dark(window: Page, served: Served) -> None:
    window.goto(served.url)
    wait(window)
    for where in ("", "figures", "ranking", "about", f"material/{KNOWN[0]}"):
        go(window, where)
        expect(window.locator("h1")).to_have_count(1)
        assert window.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, where
        assert window.evaluate(CONTRAST) == []
    for path in ("/api", "/login"):
        window.goto(served.url + path)
        assert window.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        assert window.evaluate(CONTRAST) == []


@pytest.fixture
def locked(store: MTLStore, address: Connection) -> Iterator[Served]:
    """A server that asks for a token, over an empty store."""
    with MTLStore.connect(address, Reader.alone()) as reading, running(reading, TOKEN) as found:
        yield found


def test_the_printed_link_lets_in_and_what_changes_is_shown(
    store: MTLStore, locked: Served, window: Page
) -> None:
    window.goto(f"{locked.url}/login#{TOKEN}")
    window.wait_for_url(f"{locked.url}/")
    wait(window)
    expect(window.locator("main")).to_contain_text("Nothing is screened yet")
    fill(store, "li3ocl")
    rebuild_candidates(store, ScreeningParameters())
    window.get_by_role("button", name="new results").click()
    expect(window.locator("table.rows tbody td:first-child")).to_have_text("li3ocl")
