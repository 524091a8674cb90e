"""What files say of themselves is text, and nothing but text."""

from __future__ import annotations

from urllib.parse import urlencode

from playwright.sync_api import Page, expect

from tests.browser.payloads import HOSTILE, PAYLOADS
from tests.browser.visitor import answered


def unharmed(page: Page) -> None:
    """Nothing ran, and nothing of a payload became an element; faults are told by the fixture."""
    assert page.evaluate("typeof pwned") == "undefined"
    made = (
        "script:not([src='/static/main.js']), iframe, object, base, [onerror], [onload], [onfocus]"
    )
    assert page.locator(made).count() == 0
    assert page.locator("style, [src=x], [src='x:x'], [http-equiv]").count() == 0
    assert page.url.startswith("http://127.0.0.1:")


def test_no_payload_in_names_captions_and_metadata_runs(page: Page, site: str) -> None:
    assert len(PAYLOADS) >= 30
    page.goto(f"{site}/?{urlencode({'c': HOSTILE, 'q': 'a ship sails'})}")
    answered(page)
    while page.get_by_role("button", name="Show more").is_visible():
        shown = page.locator("main .hit").count()
        page.get_by_role("button", name="Show more").click()
        expect(page.locator("main .hit").nth(shown)).to_be_visible()
    expect(page.locator("main .hit")).to_have_count(len(PAYLOADS))
    page.get_by_role("button", name="Filters").first.click()
    expect(page.locator("#fields")).to_contain_text("ship")
    unharmed(page)
    page.locator("main .hit .title").first.click()
    opened = page.get_by_role("dialog")
    for at in range(len(PAYLOADS)):
        expect(opened).to_contain_text(f"{at + 1} of {len(PAYLOADS)}")
        page.keyboard.press("ArrowRight")
    unharmed(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Add <img", exact=False).first.click()
    answered(page)
    expect(page.locator("#parts .chip-name")).to_contain_text("<img")
    unharmed(page)


def test_no_payload_in_an_address_runs(page: Page, site: str) -> None:
    for payload in PAYLOADS[::6]:
        said = {"q": payload, "part": f"file:1:{payload}", "has": f"tags:{payload}", "to": payload}
        page.goto(f"{site}/?{urlencode({**said, 'view': payload, 'page': payload})}")
        expect(page.locator("#missing")).to_contain_text(payload.split()[0])
        expect(page.get_by_role("searchbox")).to_have_value(payload.strip())
    unharmed(page)


def test_no_payload_in_the_library_page_runs(page: Page, site: str) -> None:
    page.goto(f"{site}/?page=library")
    expect(page.get_by_role("heading", name=HOSTILE, exact=True)).to_be_visible()
    unharmed(page)
