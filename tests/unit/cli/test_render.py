"""People see aligned lines, colour only on a terminal, and never what a file name commands."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchengine.cli.render import (
    about,
    near,
    print_hits,
    print_table,
    printable,
    size_text,
    span_text,
)
from searchengine.types import Hit, Modality, SearchResult, Segment, Span, SpanUnit

MakeHit = Callable[..., Hit]
Screen = Callable[..., str]

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def seen(sent: str) -> str:
    """What is left of a terminal's input without colours and links."""
    return re.sub(r"\x1b\]8;.*?\x1b\\|\x1b\[[\d;]*m", "", sent)


@given(st.text(st.characters()))
def test_no_text_can_command_a_terminal(text: str) -> None:
    shown = printable(text)
    assert not CONTROL.search(shown)
    shown.encode("utf-8")


def test_ordinary_names_of_every_script_stay_as_they_are() -> None:
    for name in ("café.jpg", "雨の音.wav", "дождь 1.txt", "Screen Shot 9\u202fAM.png", "🐕.gif"):
        assert printable(name) == name


def test_a_byte_that_is_not_utf8_is_shown_as_itself() -> None:
    assert printable(b"caf\xe9.jpg".decode("utf-8", "surrogateescape")) == r"caf\xe9.jpg"


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        (0, 5, "0:00-0:05"),
        (2.5, 7.96, "0:02.5-0:08"),
        (59.97, 60, "1:00-1:00"),
        (3599.5, 3725, "59:59.5-1:02:05"),
    ],
)
def test_seconds_read_as_a_clock(start: float, end: float, shown: str) -> None:
    assert span_text(Segment(1, 1, 0, Modality.AUDIO, Span(start, end))) == shown


def test_characters_read_as_characters_and_a_whole_item_as_nothing() -> None:
    span = Span(0, 240, SpanUnit.CHARACTERS)
    assert span_text(Segment(1, 1, 0, Modality.TEXT, span)) == "chars 0-240"
    assert span_text(Segment(1, 1, 0, Modality.TEXT)) == ""


def test_a_path_below_here_is_relative_and_another_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert near(str(tmp_path / "a" / "b.wav")) == str(Path("a/b.wav"))
    assert near("/elsewhere/b.wav") == "/elsewhere/b.wav"


def test_piped_hits_are_aligned_lines_without_escape_codes(
    make_hit: MakeHit, capsys: pytest.CaptureFixture[str]
) -> None:
    print_hits(
        SearchResult(
            (
                make_hit(caption="rain on\na roof", span=Span(5, 10)),
                make_hit("/media/雨.png", 2, Modality.IMAGE),
            ),
            1,
        )
    )
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["#", "modality", "score", "similarity", "path", "segment", "about"]
    expected = ["1", "audio", "0.750", "0.250", "/media/rain.wav", "0:05-0:10", "rain on a roof"]
    assert re.split(r"\s{2,}", first) == expected
    assert re.split(r"\s{2,}", second) == ["2", "image", "0.750", "0.250", "/media/雨.png"]
    assert header.index("path") == first.index("/media") == second.index("/media")


@pytest.mark.parametrize("columns", [24, 40, 80, 200])
def test_hits_fit_any_terminal(make_hit: MakeHit, screen: Screen, columns: int) -> None:
    path = "/media/" + "very/" * 12 + "deep.wav"
    result = SearchResult((make_hit(path, caption="x" * 300, span=Span(5, 10)),), 1)
    lines = seen(screen(lambda: print_hits(result), columns)).splitlines()
    assert max(map(len, lines)) <= columns


def test_a_long_path_is_folded_and_whole(make_hit: MakeHit, screen: Screen) -> None:
    path = "/media/" + "very/" * 12 + "deep.wav"
    lines = seen(screen(lambda: print_hits(SearchResult((make_hit(path),), 1)))).splitlines()
    column = lines[0].index("path")
    assert "".join(line[column:].strip() for line in lines[1:]) == path


def test_a_hostile_name_cannot_write_to_the_terminal(make_hit: MakeHit, screen: Screen) -> None:
    hostile = make_hit("/media/\x1b]0;owned\x07[red].wav", caption="\x1b[2J[bold]loud")
    shown = screen(lambda: print_hits(SearchResult((hostile,), 1)))
    assert "\x07" not in shown and "\x1b]0" not in shown and "\x1b[2J" not in shown
    assert r"\x1b[2J[bold]loud" in shown and "[red].wav" in shown


def test_a_name_that_is_not_utf8_is_shown_on_a_terminal(make_hit: MakeHit, screen: Screen) -> None:
    hit = make_hit("/media/\udce9.wav")
    assert r"/media/\xe9.wav" in screen(lambda: print_hits(SearchResult((hit,), 1)))


def test_numbers_stand_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "size"), [("a", "5"), ("bb", "1234")], right=("size",))
    assert capsys.readouterr().out.splitlines() == ["name  size", "a        5", "bb    1234"]


def test_an_item_says_what_it_is_in_one_short_line(make_hit: MakeHit) -> None:
    assert about(make_hit(label="dog", caption="  a dog\n barks ").item) == "a dog barks"
    assert about(make_hit(label="dog").item) == "dog"
    assert about(make_hit().item) == ""
    long = about(make_hit(caption="word " * 100).item)
    assert len(long) == 80 and long.endswith("…")


def test_sizes_are_decimal() -> None:
    assert size_text(1_200_000) == "1.2 MB"
