"""What somebody does on the page, and sees there."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

CORPUS = Path(__file__).parents[2] / "searchengine" / "demo" / "corpus"

#: However busy the machine is.
PATIENCE_MS = 60_000


def visit(page: Page, site: str) -> None:
    """The page, once its script hears what is done: Enter before that loads the page again."""
    page.goto(site)
    expect(page.locator("#go svg")).to_be_visible()


def ask(page: Page, site: str, words: str) -> None:
    visit(page, site)
    page.get_by_role("searchbox").fill(words)
    page.keyboard.press("Enter")
    answered(page)


def answered(page: Page) -> None:
    """The hits of the search under way are shown."""
    expect(page.locator("#said")).to_contain_text("hits:")


def titles(page: Page, kind: str = "") -> list[str]:
    chosen = f'[data-kind="{kind}"]' if kind else ""
    return page.locator(f"main .hit{chosen} .title").all_inner_texts()


def cards(page: Page, kind: str) -> Locator:
    return page.locator(f'main .hit[data-kind="{kind}"]')


def until(page: Page, script: str) -> Any:
    """What a function of the page gives once it is true; its own polling needs ``eval``."""
    end = time.monotonic() + PATIENCE_MS / 1000
    while not (value := page.evaluate(script)):
        assert time.monotonic() < end, f"never: {script}"
        time.sleep(0.05)
    return value


def drop(page: Page, path: Path) -> None:
    _bring(page, path, "drop")


def paste(page: Page, path: Path) -> None:
    _bring(page, path, "paste")


def _bring(page: Page, path: Path, way: str) -> None:
    """The events by which a browser tells a page of files from mouse and clipboard."""
    page.evaluate(
        """([way, text, name]) => {
          const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
          const data = new DataTransfer();
          data.items.add(new File([bytes], name));
          if (way === "paste") {
            dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
          } else for (const type of ["dragenter", "dragover", "drop"]) {
            document.body.dispatchEvent(
              new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
          }
        }""",
        [way, base64_of(path), path.name],
    )


def base64_of(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def forgiven(faults: list[str], status: int) -> None:
    """Chromium calls every refused request an error; these were provoked, and only these."""
    assert faults and all(f"status of {status}" in fault for fault in faults), faults
    faults.clear()
