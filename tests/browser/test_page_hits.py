"""What was found: seen, heard, played, narrowed, explained, walked through."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.visitor import answered, ask, cards, titles, until, visit


def test_every_kind_of_hit_can_be_seen(page: Page, site: str) -> None:
    ask(page, site, "people at night")
    page.get_by_role("button", name="A lane for each kind").click()
    expect(page.locator("main .lane")).to_have_count(7)
    for kind in ("image", "video", "depth", "thermal", "imu"):
        picture = cards(page, kind).locator("img").first
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("img => img.naturalWidth") > 100, kind
    expect(cards(page, "text").locator("blockquote").first).to_contain_text(re.compile(r"\w+ \w+"))
    wave = cards(page, "audio").locator(".wave").first
    wave.scroll_into_view_if_needed()
    drawn = re.search(r'url\("(.+)"\)', wave.evaluate("wave => wave.style.maskImage"))
    assert drawn and page.request.get(site + drawn[1]).headers["content-type"].startswith("image/")
    expect(page.locator("main .unseen")).to_have_count(0)


def test_a_sound_plays_from_where_the_hit_begins(page: Page, site: str) -> None:
    page.add_init_script(
        "const made = window.Audio; window.heard = [];"
        "window.Audio = function (url) { const one = new made(url); heard.push(one); return one; };"
    )
    page.goto(f"{site}/?q=birds+singing+in+a+wood&to=audio")
    answered(page)
    card = page.locator("main .hit").filter(has=page.locator(".badge", has_text="–")).first
    start = first_second(card)
    card.get_by_role("button", name=re.compile("^Play")).click()
    expect(card.get_by_role("button", name=re.compile("^Pause"))).to_be_visible()
    now = until(page, "() => heard.length === 1 && heard[0].currentTime")
    assert start <= now < start + 10
    expect(card.locator(".seek")).not_to_have_value("0")
    card.get_by_role("button", name=re.compile("^Pause")).click()
    expect(card.get_by_role("button", name=re.compile("^Play"))).to_be_visible()


def first_second(card: Locator) -> int:
    """Of a badge that says 0:05 – 0:10."""
    minutes, seconds = card.locator(".badge").inner_text().split("–")[0].split(":")[-2:]
    return 60 * int(re.sub(r"\D", "", minutes)) + int(seconds)


def test_a_video_plays_in_place_from_where_the_hit_begins(page: Page, site: str) -> None:
    page.goto(f"{site}/?q=a+rabbit&to=video")
    answered(page)
    film = cards(page, "video").locator(".film").first
    film.get_by_role("button", name=re.compile("^Play")).click()
    playing = "() => { const v = document.querySelector('.film video'); return v?.readyState >= 2"
    until(page, playing + " && !v.error && v.currentTime > 0; }")
    began = float(film.locator("video").get_attribute("src").split("#t=")[1])
    assert began <= film.locator("video").evaluate("v => v.currentTime") < began + 10


def test_one_thing_plays_at_a_time(page: Page, site: str) -> None:
    page.goto(f"{site}/?q=rain&to=audio")
    answered(page)
    buttons = page.get_by_role("button", name=re.compile("^Play "))
    for at in (0, 1):
        page.locator("main .hit .play").nth(at).click()
        expect(page.get_by_role("button", name=re.compile("^Pause "))).to_have_count(1)
    assert buttons.count() == page.locator("main .hit .play").count() - 1


def test_more_hits_follow_and_none_twice(page: Page, site: str) -> None:
    ask(page, site, "an animal")
    first = page.locator("main .hit").count()
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("main .hit").nth(first)).to_be_visible()
    ids = page.locator("main .hit").evaluate_all("all => all.map((one) => one.dataset.id)")
    assert len(ids) > first and len(set(ids)) == len(ids)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    expect(page.locator("main .hit .title").nth(first)).to_be_focused()


def test_kinds_narrow_to_as_many_as_they_say(page: Page, site: str) -> None:
    ask(page, site, "an animal")
    pill = page.locator('#kinds [data-kind="audio"]')
    said = int(pill.locator(".count").inner_text())
    pill.click()
    expect(page.locator("#said")).to_contain_text(f"{said} hits: {said} sounds")
    assert titles(page) == titles(page, "audio")
    page.locator('#kinds [data-kind="all"]').click()
    expect(page.locator("#said")).to_contain_text("images")


def test_filters_count_and_narrow(page: Page, site: str, faults: list[str]) -> None:
    ask(page, site, "an animal")
    page.get_by_role("button", name=re.compile("^Filters")).click()
    box = page.get_by_role("checkbox", name=re.compile("^pet"))
    said = int(page.locator("label", has=box).locator(".count").inner_text())
    box.check()
    expect(page.locator("#tokens")).to_contain_text("pet")
    expect(page.locator("#said")).to_contain_text(f"{said} hits:")
    assert "has=tags%3Apet" in page.url
    page.get_by_role("button", name="Remove filter tags: pet").click()
    expect(page.locator("#tokens")).to_be_hidden()
    page.get_by_label("Filter in words").fill("tags = pet and modality = image")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text(re.compile(r"^\d hits: \d images\. "))
    page.get_by_label("Filter in words").fill("label = nothing")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("No item fits the filter.")
    page.get_by_role("button", name="Clear the filters").click()
    answered(page)


def test_a_search_without_hits_says_why(page: Page, site: str) -> None:
    page.goto(f"{site}/?q=a+cat&filter=colour+%3D+red")
    said = page.get_by_role("alert")
    expect(said).to_contain_text("No item has a field 'colour'; there are: ")
    expect(said).to_contain_text("tags")
    said.get_by_role("button", name="Clear the filters").press("Enter")
    answered(page)


def test_copies_are_hidden_and_hits_varied_by_keyboard_and_by_link(page: Page, site: str) -> None:
    page.goto(f"{site}/?q=a+beach&to=image")
    answered(page)
    every = titles(page)
    assert "beach_again.jpg" in every
    page.get_by_role("button", name=re.compile("^Filters")).press("Enter")
    page.get_by_role("checkbox", name="Hide copies").press("Space")
    expect(page.locator("main .hit")).to_have_count(len(every) - 1)
    distinct = titles(page)
    expect(page.get_by_role("checkbox", name="Hide copies")).to_be_focused()
    page.get_by_role("checkbox", name="More variety").press("Space")
    answered(page)
    varied = titles(page)
    assert varied != distinct and sorted(varied) == sorted(distinct)
    page.reload()
    answered(page)
    assert titles(page) == varied
    page.locator("main .hit .title").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("unlike earlier ones")
    page.keyboard.press("Escape")
    for name in ("Hide copies", "More variety"):
        page.get_by_role("button", name=f"Remove filter {name}").press("Enter")
        expect(page.get_by_role("checkbox", name=name, include_hidden=True)).not_to_be_checked()
    expect(page.locator("main .hit")).to_have_count(len(every))
    assert titles(page) == every


def test_a_filter_that_makes_no_sense_is_told(page: Page, site: str, faults: list[str]) -> None:
    page.goto(f"{site}/?q=cat&filter=year+%3E")
    expect(page.get_by_role("alert")).to_contain_text("filter makes no sense")
    expect(page.get_by_role("alert")).to_contain_text("'year >'")
    page.wait_for_load_state("networkidle")
    assert all("status of 400" in fault for fault in faults)
    faults.clear()


def test_a_hit_explains_itself_in_words(page: Page, site: str) -> None:
    ask(page, site, "thunder")
    page.get_by_role("button", name=re.compile("^Add .* to the query")).first.click()
    answered(page)
    page.locator("main .hit .title").first.click()
    opened = page.get_by_role("dialog")
    expect(opened).to_contain_text("Why it is here")
    expect(opened).to_contain_text("standard deviations")
    expect(opened).to_contain_text("were compared with the query, none was skipped")
    expect(opened.locator(".why-parts li")).to_have_count(2)
    expect(opened.locator("dl")).to_contain_text("Size")
    page.keyboard.press("ArrowRight")
    expect(opened).to_contain_text("2 of")
    page.keyboard.press("Escape")
    expect(opened).to_have_count(0)


def test_a_hit_says_how_an_index_was_searched(page: Page, site: str) -> None:
    method = "IVF894,PQ512x4fs, 12 of 894 lists, 4 x k reranked"
    page.route("**/search", lambda route: route.fulfill(json=probed(route.fetch().json(), method)))
    ask(page, site, "thunder")
    page.locator("main .hit .title").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("was searched: 12 of its 894 groups")


def probed(answer: dict[str, Any], method: str) -> dict[str, Any]:
    for hit in answer["hits"]:
        hit["explain"]["method"] = method
    return answer


def test_nothing_relevant_is_said(page: Page, site: str) -> None:
    page.route(
        "**/search",
        lambda route: route.fulfill(
            json={**(answer := route.fetch().json()), "relevant": False} | {"hits": answer["hits"]}
        ),
    )
    ask(page, site, "income tax")
    expect(page.get_by_text("Nothing here seems to match closely.")).to_be_visible()


def test_the_keyboard_is_enough(page: Page, site: str) -> None:
    visit(page, site)
    expect(page.locator(".samples li").first).to_be_visible()
    page.locator("body").press("/")
    page.keyboard.type("a cat")
    page.keyboard.press("Enter")
    answered(page)
    page.keyboard.press("ArrowDown")
    cards_ = page.locator("main .hit .title")
    expect(cards_.first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(cards_.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(cards_.nth(1)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name=re.compile("^More like"))).to_have_count(
        len(titles(page))
    )
    assert page.evaluate("document.activeElement.closest('.hit') !== null")
    page.keyboard.press("Escape")
    expect(page.get_by_role("searchbox")).to_be_focused()
