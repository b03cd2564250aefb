"""A browser of this machine, and how tests look at pages with it."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_SWITCHES = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)

# However busy the machine is.
PATIENCE_MS = 180_000

CHANGED = """(canvas, before) => new Promise((done) => {
  const look = () => (canvas.toDataURL() !== before ? done(true) : requestAnimationFrame(look));
  look();
})"""

CONTRAST = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const found = parse(getComputedStyle(e).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest("svg, noscript, script, style, .skip") || element.disabled) continue;
    if (!element.getClientRects().length) continue;
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    const a = light(parse(getComputedStyle(element).color)), b = light(behind(element));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push([element.tagName, element.className, element.textContent.slice(0, 30), ratio]);
  }
  return poor;
}"""


def go(page: Page, where: str) -> None:
    page.evaluate("address => { location.hash = address; }", f"#/{where}")
    wait(page)


def wait(page: Page) -> None:
    """Wait for the page that the address names; the page itself allows no predicate made of text."""
    named = page.evaluate("location.hash || '#/'")
    expect(page.locator("#main")).to_have_attribute("data-ready", named)


def look_at_all(page: Page) -> None:
    """Scroll until everything that is drawn when it is seen is drawn."""
    for place in page.locator(".chart, .viewer").all():
        place.scroll_into_view_if_needed()
        expect(place).to_have_attribute("data-drawn", "yes")


def shown(page: Page) -> list[str]:
    return page.locator("table.rows tbody td:first-child").all_inner_texts()


@contextmanager
def watched(
    browser: Browser, is_own: Callable[[str], bool], options: Mapping[str, Any] | None = None
) -> Iterator[Page]:
    """A fresh window; in the end nothing must have gone wrong, and nothing been asked for that is not our own."""
    size = {"width": 1280, "height": 900}
    context = browser.new_context(accept_downloads=True, **{"viewport": size, **(options or {})})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda r: None if is_own(r.url) else wrong.append(r.url))
    yield page
    assert page.title() != "run"
    context.close()
    assert wrong == []


def without_browser(reason: str) -> NoReturn:
    """Skip, or fail where MTL_TEST_NEEDS_BROWSER says that there has to be a browser."""
    if os.environ.get("MTL_TEST_NEEDS_BROWSER"):
        pytest.fail(f"{reason}; MTL_TEST_NEEDS_BROWSER asks for one")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium of this machine; nothing is downloaded.

    Not of the session: while it is open an event loop counts as running in this process.
    """
    program = os.environ.get("MTL_TEST_CHROMIUM") or next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        without_browser("no Chromium is installed (Debian's package chromium), or named by MTL_TEST_CHROMIUM")
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(
                executable_path=program, args=list(_SWITCHES), timeout=180_000
            )
        except Error as error:
            without_browser(f"Chromium does not start: {error}")
        yield started
        started.close()
