"""Make docs/pictures/ again: the page over the demo corpus, in Chromium.

    python scripts/make_pictures.py

Needs the ``test`` extra and ``chromium``; on a busy machine the seconds in them are long.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from searchengine.engine import Engine

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "searchengine" / "demo" / "corpus"
PICTURES = ROOT / "docs" / "pictures"
SITE = "http://127.0.0.1:8799"
PATIENCE_MS = 120_000

WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 860}}
DARK: dict[str, Any] = {**WIDE, "color_scheme": "dark"}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}

#: Whether all that is in the window is there.
SEEN = """() => document.querySelector(".hit, .sample")
  && [...document.images].every((image) => image.complete
    || image.getBoundingClientRect().top > innerHeight
    || image.getBoundingClientRect().left > innerWidth)"""


@contextmanager
def served(library: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "searchengine", "--library", str(library)]
    server = subprocess.Popen([*command, "serve", "--port", SITE.rsplit(":", 1)[1]])
    try:
        while not _ready():
            time.sleep(0.5)
        yield
    finally:
        server.terminate()
        server.wait()


def _ready() -> bool:
    try:
        return httpx.get(f"{SITE}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def sound(page: Page) -> None:
    page.goto(SITE)
    page.locator("#file").set_input_files(CORPUS / "sounds" / "meow.wav")


def one_hit(page: Page) -> None:
    page.goto(f"{SITE}/?q=people+at+night&to=thermal")
    page.locator("main .hit .title").first.click()


def lanes(page: Page) -> None:
    page.goto(f"{SITE}/?q=thunder+and+rain&view=lanes")


def words(page: Page) -> None:
    page.goto(f"{SITE}/?q=an+animal+at+night&varied=1")


def take(browser: Browser, name: str, show: Any, **look: Any) -> None:
    page = browser.new_page(**look)
    page.set_default_timeout(PATIENCE_MS)
    show(page)
    end = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(SEEN):
        assert time.monotonic() < end, f"{name}: something is never there"
        page.wait_for_timeout(200)
    page.wait_for_timeout(2_000)  # waveforms, which tell nobody when they are there
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(PICTURES / f"{name}.webp", quality=82, method=6)
    page.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        library, corpus = Path(folder, "library"), Path(folder, "corpus")
        shutil.copytree(CORPUS, corpus)  # its path is in a picture
        with Engine(library, encoder="starter") as engine:
            engine.index([corpus])
        with served(library):
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--hide-scrollbars"]
            )
            take(browser, "page", sound, **WIDE)
            take(browser, "page-hit", one_hit, **WIDE)
            take(browser, "page-dark", lanes, **DARK)
            take(browser, "page-phone", words, **PHONE)
            browser.close()


if __name__ == "__main__":
    main()
