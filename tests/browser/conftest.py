"""Chromium, a small library, and a page that must stay clean: no error, no request elsewhere."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from searchengine.encoders import registry
from searchengine.engine import Engine
from tests.browser.payloads import HOSTILE, hostile_files
from tests.browser.serving import served, worked
from tests.browser.visitor import CORPUS, PATIENCE_MS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]

#: Of the demo corpus: some of each kind, and more than fit one page of hits.
SHELF = {
    "texts": [
        "dawn_diary.txt",
        "owls.html",
        "purring_cats.txt",
        "the_eagle.txt",
        "thunderstorm.md",
    ],
    "photos": [
        *(
            "astronaut.jpg",
            "bata_drums.jpg",
            "beach.jpg",
            "cow_in_meadow.jpg",
            "german_shepherd.jpg",
        ),
        *(
            "ginger_kitten.webp",
            "kingfisher.jpg",
            "owl_on_branch.jpg",
            "penguin.jpg",
            "tabby_face.jpg",
        ),
    ],
    "sounds": ["birdsong.ogg", "meow.wav", "owl_hooting.ogg", "rain.ogg", "thunder.ogg"],
    "videos": ["big_buck_bunny.mp4", "horse_before_mountains.mp4"],
    "depth": ["chair.png", "person.png"],
    "thermal": ["crowd.png", "empty_field.png"],
    "motion": ["run.csv", "shaken.csv"],
}
#: A second beach.jpg, with the same bytes and without a caption.
COPY = "beach_again.jpg"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="no chromium: apt-get install chromium"))


@pytest.fixture(scope="session", autouse=True)
def one_encoder() -> Iterator[None]:
    """Loaded once for all servers of this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "load", functools.cache(registry.load))
        yield


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a collection of media, and one of files whose names and metadata are attacks."""
    library, shelf = tmp_path_factory.mktemp("library"), tmp_path_factory.mktemp("shelf")
    fill(shelf)
    encoder = registry.load("starter", "auto")
    with Engine(library, encoder=encoder) as engine:
        assert not engine.index([shelf]).failures
    with Engine(library, encoder=encoder, collection=HOSTILE) as engine:
        assert not engine.index([hostile_files(tmp_path_factory.mktemp("hostile"))]).failures
    return library


def fill(shelf: Path) -> None:
    chosen = {f"{folder}/{name}" for folder, names in SHELF.items() for name in names}
    for name in chosen:
        (shelf / name).parent.mkdir(exist_ok=True)
        shutil.copy(CORPUS / name, shelf / name)
    shutil.copy(CORPUS / "photos" / "beach.jpg", shelf / "photos" / COPY)
    rows = (CORPUS / "metadata.jsonl").read_text().splitlines()
    kept = [row for row in rows if json.loads(row)["file_name"] in chosen]
    (shelf / "metadata.jsonl").write_text("\n".join(kept))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """May be indexed from the page: two good files, and two that are not what they say."""
    folder = tmp_path_factory.mktemp("to_index")
    (folder / "lighthouse.txt").write_text("A lighthouse keeper writes of storms and ships.")
    (folder / "lamp.txt").write_text("The lamp of the lighthouse turns all night.")
    (folder / "broken.png").write_bytes(b"\x89PNG and then nothing")
    (folder / "silent.wav").write_bytes(b"RIFF and nothing more")
    return folder


@pytest.fixture(scope="session")
def site(library: Path, folder: Path) -> Iterator[str]:
    with served(library, roots=(folder,)) as url, worked(library):
        yield url


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Ended with its module: while it runs, nothing else in this thread can run an event loop."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1100, "height": 760}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def faults() -> list[str]:
    """What went wrong on the page; see ``forgiven`` for a test that provokes it."""
    return []


@pytest.fixture
def page(context: BrowserContext, faults: list[str]) -> Iterator[Page]:
    page = context.new_page()
    watch(page, faults)
    yield page
    assert not faults


def watch(page: Page, faults: list[str]) -> None:
    """Note errors, dialogs, and requests to anywhere else."""

    def asked(url: str) -> None:
        host = urlsplit(url)
        if host.scheme not in ("blob", "data") and host.hostname != "127.0.0.1":
            faults.append(f"asked {url}")

    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss())[0])
    page.on("request", lambda request: asked(request.url))
