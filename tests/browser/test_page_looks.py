"""How the page is: light, quick, fit for any window, any eyes and any hands."""

from __future__ import annotations

import re
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from searchengine.server.app import WEB
from tests.browser.visitor import PATIENCE_MS, answered, ask, until, visit

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")

#: Weight of all that comes before the first media.
MOST_BYTES = 200_000
PAINTED_MS = 300


def test_the_page_is_light(page: Page, site: str) -> None:
    weight: dict[str, int] = {}
    page.on(
        "response",
        lambda answer: (
            weight.setdefault(answer.url, len(answer.body()))
            if "/items/" not in answer.url
            else None
        ),
    )
    ask(page, site, "a cat")
    page.wait_for_load_state("networkidle")
    assert 10_000 < sum(weight.values()) < MOST_BYTES, weight
    modules = {path.name for path in WEB.glob("*.js")}
    ahead = page.locator("link[rel=modulepreload], script").evaluate_all(
        "all => all.map((one) => (one.href || one.src).split('/').pop())"
    )
    assert set(ahead) == modules, "index.html loads every module at once, not one after another"


def test_hits_are_painted_soon_after_their_answer(page: Page, site: str) -> None:
    """The best of some, as whatever else the machine does is not the page's."""
    page.add_init_script(
        """const asked = fetch;
        window.fetch = async (...given) => {
          const answer = await asked(...given);
          if (String(given[0]).endsWith("/search")) window.came = performance.now();
          return answer;
        };
        addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
          if (!window.painted && document.querySelector("main .hit")) {
            requestAnimationFrame(() => setTimeout(() => { window.painted = performance.now(); }));
          }
        }).observe(document.querySelector("#hits"), { childList: true, subtree: true }));"""
    )
    best_ms = float("inf")
    for _ in range(8):
        page.goto(f"{site}/?q=a+cat")
        best_ms = min(best_ms, until(page, "() => window.painted && window.painted - window.came"))
        if best_ms < PAINTED_MS:
            break
    assert 0 < best_ms < PAINTED_MS


def test_nothing_is_wider_than_the_window(page: Page, site: str) -> None:
    width = 320
    page.set_viewport_size({"width": width, "height": 844})
    for path in ("/", "/?q=a+cat&has=tags:pet", "/?q=a+cat&view=lanes", "/?page=library"):
        page.goto(site + path)
        expect(page.locator(".samples li, main .hit, .index-form").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.goto(f"{site}/?q=a+cat")
    page.get_by_role("button", name="Filters").first.click()
    page.locator("main .hit .title").first.click()
    opened = page.get_by_role("dialog")
    expect(opened).to_be_visible()
    assert opened.evaluate("one => one.scrollWidth <= one.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_left_out(browser: Browser, site: str, scheme: str) -> None:
    """axe: names, roles, contrast, order, in every state of the page."""
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    visit(page, site)
    expect(page.locator(".samples li").first).to_be_visible()
    assert paper(page) == ("light" if scheme == "light" else "dark")
    accessible(page, "home")
    page.goto(f"{site}/?q=a+cat&part=item:-0.5:1&has=tags:animal")
    answered(page)
    page.get_by_role("button", name=re.compile("^Filters")).click()
    expect(page.locator("#fields li").first).to_be_visible()
    accessible(page, "hits")
    page.locator("main .hit .title").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    accessible(page, "one hit")
    page.goto(f"{site}/?page=library")
    expect(page.get_by_role("button", name="Index", exact=True)).to_be_visible()
    accessible(page, "library")
    context.close()


def paper(page: Page) -> str:
    red = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
    return "light" if int(red) > 127 else "dark"


def accessible(page: Page, state: str) -> None:
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    said = [
        (one["id"], one["help"], [node["html"][:160] for node in one["nodes"][:3]]) for one in found
    ]
    assert not said, f"{state}: {said}"


def test_tab_goes_in_the_order_of_the_page(page: Page, site: str) -> None:
    page.goto(f"{site}/?q=a+cat")
    answered(page)
    order = []
    for _ in range(12):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert order[0] == "skip"
    chosen = [
        one for one in order if one in ("to-search", "words", "choose", "record", "photo", "go")
    ]
    assert chosen == ["to-search", "words", "choose", "record", "photo", "go"]


def test_what_is_happening_is_said_aloud(page: Page, site: str) -> None:
    visit(page, site)
    held: list[Route] = []
    page.route("**/search", lambda route: held.append(route))
    page.get_by_role("searchbox").fill("a cat")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_have_text("Searching…")
    expect(page.locator("#hits")).to_have_attribute("aria-busy", "true")
    expect(page.locator(".ghost").first).to_be_visible()
    held[-1].continue_()
    answered(page)
    expect(page.locator(".ghost")).to_have_count(0)
