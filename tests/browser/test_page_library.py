"""Filling the library from the page: folders, files, what fails; one that is empty or locked."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from searchengine.store.keys import Scope
from searchengine.store.library import Library
from tests.browser.serving import served
from tests.browser.visitor import answered, ask, drop, forgiven, titles, visit


def test_a_folder_is_indexed_with_its_progress_and_every_failure(
    page: Page, site: str, folder: Path
) -> None:
    page.goto(f"{site}/?page=library")
    page.get_by_label("Folder", exact=True).select_option(str(folder))
    page.get_by_label("Into", exact=True).select_option("default")
    page.get_by_role("button", name="Index", exact=True).click()
    job = page.locator(".job").first
    expect(job).to_contain_text("Done")
    expect(job).to_contain_text("2 new")
    expect(job).to_contain_text("2 files could not be used")
    for name in ("broken.png", "silent.wav"):
        expect(job.locator(".failures li", has_text=name)).to_have_count(1)
    ask(page, site, "a keeper of a lighthouse")
    assert "lighthouse.txt" in titles(page)[:3]


def test_a_folder_outside_the_roots_is_refused_in_words(
    page: Page, site: str, faults: list[str]
) -> None:
    page.goto(f"{site}/?page=library")
    page.get_by_label("Within it").fill("../../../../..")
    page.get_by_role("button", name="Index", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("in no registered root")
    forgiven(faults, 403)


def test_files_from_this_device_are_added_and_found(
    page: Page, site: str, tmp_path: Path, faults: list[str]
) -> None:
    note, broken = tmp_path / "zeppelin.txt", tmp_path / "broken.jpg"
    note.write_text("The zeppelin rose over the lake in the morning.")
    broken.write_bytes(b"no picture")
    page.goto(f"{site}/?page=library")
    page.get_by_label("Choose files to add").set_input_files([note, broken])
    sent = page.locator(".uploads li")
    expect(sent.first).to_contain_text("added as text")
    expect(sent.nth(1)).to_have_class("wrong")
    expect(sent.nth(1)).to_contain_text("broken.jpg")
    forgiven(faults, 422)
    ask(page, site, "an airship over a lake")
    assert "zeppelin.txt" in titles(page)[:3]


def test_a_file_that_is_dropped_on_the_library_is_added(
    page: Page, site: str, tmp_path: Path
) -> None:
    note = tmp_path / "submarine.txt"
    note.write_text("The submarine dived under the ice.")
    page.goto(f"{site}/?page=library")
    expect(page.get_by_label("Choose files to add")).to_have_count(1)
    drop(page, note)
    expect(page.locator(".uploads li")).to_contain_text("added as text")


def test_an_empty_library_says_what_to_do(page: Page, tmp_path: Path) -> None:
    with served(tmp_path / "new") as site:
        visit(page, site)
        expect(page.get_by_text("Nothing is indexed yet")).to_be_visible()
        page.get_by_role("link", name="library page").click()
        expect(page.get_by_role("heading", name="Library")).to_be_visible()
        expect(page.get_by_role("button", name="Index", exact=True)).to_be_disabled()


def test_a_key_is_asked_for_once_and_media_come_with_its_cookie(
    page: Page, library: Path, faults: list[str]
) -> None:
    with Library(library) as opened:
        secret = opened.keys.create("page", Scope.READ)
    with served(library, keys_required=True, names=frozenset({"127.0.0.1"})) as site:
        page.goto(f"{site}/?q=a+cat&to=image")
        login = page.get_by_role("dialog", name="Log in")
        login.get_by_label("Key").fill("guessed")
        login.get_by_role("button", name="Continue").click()
        expect(login.get_by_role("alert")).to_have_text("The server knows no such key.")
        login.get_by_label("Key").fill(secret)
        login.get_by_role("button", name="Continue").click()
        answered(page)
        expect(login).to_have_count(0)
        picture = page.locator("main .hit img").first
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("img => img.naturalWidth") > 100
        (cookie,) = page.context.cookies()
        assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
        assert secret not in page.evaluate("JSON.stringify(localStorage) + document.cookie")
        forgiven(faults, 401)
        page.reload()
        answered(page)
