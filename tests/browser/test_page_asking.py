"""Asking on the page: words, and files of every kind, by every way they come."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import CORPUS, answered, ask, drop, forgiven, paste, titles, until, visit

#: One file of each kind.
FILES = {
    "text": "texts/the_eagle.txt",
    "image": "photos/owl_on_branch.jpg",
    "video": "videos/horse_before_mountains.mp4",
    "audio": "sounds/meow.wav",
    "depth": "depth/chair.png",
    "thermal": "thermal/crowd.png",
    "imu": "motion/run.csv",
}


WAYS: dict[str, Callable[[Page, Path], None]] = {
    "chosen": lambda page, path: page.locator("#file").set_input_files(path),
    "dropped": drop,
    "pasted": paste,
}


@pytest.mark.parametrize(
    ("kind", "way"),
    [*((kind, "chosen") for kind in FILES), ("audio", "dropped"), ("image", "pasted")],
)
def test_a_file_is_searched_with_however_it_comes(
    page: Page, site: str, kind: str, way: str
) -> None:
    path = CORPUS / FILES[kind]
    visit(page, site)
    WAYS[way](page, path)
    expect(page.locator("#parts .chip")).to_contain_text(path.name)
    if kind in ("depth", "thermal"):  # a PNG is taken for a picture until somebody says more
        page.get_by_label(f"What {path.name} is").select_option(kind)
    shows_itself(page, kind)
    answered(page)
    own = f'main .hit[data-kind="{kind}"] .soft:text-is("{path.name}")'
    expect(page.locator(own).first).to_be_visible()
    page.get_by_role("button", name="Clear the query").click()
    expect(page.locator("#parts .chip")).to_have_count(0)


def shows_itself(page: Page, kind: str) -> None:
    """The query's own picture, in its chip."""
    if kind == "text":
        return
    seen = page.locator("#parts .chip-seen").locator(".wave" if kind == "audio" else "img")
    expect(seen).to_be_visible()
    if kind != "audio":
        until(page, "() => document.querySelector('.chip-seen img').naturalWidth > 16")


def test_the_microphone_records_a_query(page: Page, site: str) -> None:
    visit(page, site)
    page.get_by_role("button", name="Record a sound").click()
    panel = page.get_by_role("group", name="Recording")
    expect(panel.get_by_role("button", name="Stop and search")).to_be_focused()
    expect(panel).to_contain_text("0:01")
    drawn = "() => [...document.querySelector('.recording canvas').getContext('2d').getImageData("
    assert page.evaluate(drawn + "0, 0, 64, 64).data].some((byte) => byte > 0)"), "no level meter"
    panel.get_by_role("button", name="Stop and search").click()
    expect(page.locator("#parts .chip")).to_contain_text("recording")
    answered(page)


def test_a_recording_can_be_thrown_away(page: Page, site: str) -> None:
    visit(page, site)
    page.get_by_role("button", name="Record a sound").click()
    page.get_by_role("button", name="Discard the recording").click()
    expect(page.get_by_role("group", name="Recording")).to_have_count(0)
    expect(page.locator("#parts .chip")).to_have_count(0)


def test_the_camera_takes_a_query(page: Page, site: str) -> None:
    visit(page, site)
    page.get_by_role("button", name="Take a photo").click()
    until(page, "() => document.querySelector('dialog.camera video')?.videoWidth > 0")
    page.get_by_role("dialog").get_by_role("button", name="Take photo").click()
    expect(page.locator("#parts .chip")).to_contain_text("photo.jpg")
    answered(page)


def test_parts_have_weights_and_can_be_turned_away_from(page: Page, site: str) -> None:
    ask(page, site, "an animal")
    first = titles(page)[0]
    page.get_by_role("button", name=f"Add {first} to the query").first.click()
    weight = page.get_by_role("slider", name=f"Weight of {first}")
    with page.expect_request("**/search") as asked:
        weight.press("ArrowRight")
    assert [part["weight"] for part in asked.value.post_data_json["query"]] == [1, 1.1]
    expect(weight).to_be_focused()
    with page.expect_request("**/search") as asked:
        page.get_by_role("button", name=f"Toward {first}; press for away").press("Enter")
    assert asked.value.post_data_json["query"][1]["weight"] == -1.1
    answered(page)
    expect(page.locator("#parts .chip.away")).to_contain_text(first)
    assert first not in titles(page)


def test_words_can_be_a_part_with_a_weight(page: Page, site: str) -> None:
    visit(page, site)
    page.get_by_role("searchbox").fill("night")
    page.get_by_role("button", name="Make these words a part").click()
    expect(page.locator("#parts .chip-name")).to_have_text("night")
    expect(page.get_by_role("searchbox")).to_have_value("")
    answered(page)


def test_a_hit_can_be_moved_away_from(page: Page, site: str) -> None:
    ask(page, site, "an animal")
    first = titles(page)[0]
    page.get_by_role("button", name=f"Away from {first}").first.click()
    expect(page.locator("#parts .chip.away")).to_contain_text(first)
    answered(page)
    assert first not in titles(page)


def test_more_like_a_hit_asks_with_it_alone(page: Page, site: str) -> None:
    ask(page, site, "an owl")
    first = titles(page)[0]
    page.get_by_role("button", name=f"More like {first}").first.click()
    expect(page.locator("#parts .chip-name")).to_have_text(first)
    expect(page.get_by_role("searchbox")).to_have_value("")
    answered(page)


def test_a_link_restores_the_search(page: Page, site: str) -> None:
    ask(page, site, "a cat")
    page.get_by_role("button", name=re.compile("^Add .* to the query")).first.click()
    page.locator('#kinds [data-kind="image"]').click()
    page.get_by_role("button", name="A lane for each kind").click()
    expect(page.locator("main .lane")).to_have_count(1)
    answered(page)
    before, chips = titles(page), page.locator("#parts .chip-name").all_inner_texts()
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    answered(page)
    assert titles(page) == before
    assert page.locator("#parts .chip-name").all_inner_texts() == chips
    expect(page.get_by_role("searchbox")).to_have_value("a cat")
    lanes = page.get_by_role("button", name="A lane for each kind")
    expect(lanes).to_have_attribute("aria-pressed", "true")
    expect(page.locator('#kinds [data-kind="image"]')).to_have_attribute("aria-pressed", "true")


def test_a_link_says_which_files_it_lacks(page: Page, site: str) -> None:
    page.goto(f"{site}/?q=rain&part=file:1:meow.wav")
    expect(page.locator("#missing")).to_contain_text("meow.wav")


def test_back_goes_to_the_search_before_and_its_file(page: Page, site: str) -> None:
    visit(page, site)
    drop(page, CORPUS / FILES["audio"])
    answered(page)
    first = titles(page)
    page.get_by_role("button", name="Remove meow.wav").click()
    page.get_by_role("searchbox").fill("a rocket")
    page.keyboard.press("Enter")
    expect(page).to_have_title(re.compile("rocket"))
    page.go_back()
    page.go_back()
    expect(page.locator("#parts .chip")).to_contain_text("meow.wav")
    expect(page.locator("main .hit .title").first).to_have_text(first[0])


def test_a_broken_file_is_refused_in_words(
    page: Page, site: str, tmp_path: Path, faults: list[str]
) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF and nothing more")
    visit(page, site)
    page.locator("#file").set_input_files(broken)
    expect(page.get_by_role("alert")).to_contain_text("cannot be read")
    expect(page.locator("#parts .chip")).to_contain_text("broken.wav")
    page.wait_for_load_state("networkidle")
    forgiven(faults, 422)


def test_a_server_that_is_gone_is_told_and_can_be_asked_again(
    page: Page, site: str, faults: list[str]
) -> None:
    page.goto(site, wait_until="networkidle")  # else what it starts with is asked once more
    page.route("**/search", lambda route: route.abort())
    page.get_by_role("searchbox").fill("rain")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    page.unroute("**/search")
    page.get_by_role("button", name="Try again").click()
    answered(page)
    assert [fault for fault in faults if "ERR_FAILED" not in fault] == []
    faults.clear()
