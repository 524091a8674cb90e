"""What people write into rows, prompts and wordings, well or badly."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from searchengine.errors import ConfigError
from searchengine.evaluation.labels import Description, describe, read_descriptions, sentences


@pytest.mark.parametrize(
    ("row", "labels"),
    [
        ({"label": "dog"}, {"dog"}),
        ({"labels": ["dog", "rain"]}, {"dog", "rain"}),
        ({"label": "dog", "labels": ["rain", "dog"]}, {"dog", "rain"}),
        ({"label": ["dog", "rain"]}, {"dog", "rain"}),
        ({"labels": "dog"}, {"dog"}),
        ({"label": 7}, {"7"}),
        ({"label": " dog ", "labels": ["", " "]}, {"dog"}),
        ({"label": unicodedata.normalize("NFD", "café")}, {unicodedata.normalize("NFC", "café")}),
        ({"label": "犬", "colour": {"never": ["asked", None]}}, {"犬"}),
    ],
)
def test_labels_are_read_however_they_are_written(row: dict[str, Any], labels: set[str]) -> None:
    assert describe(row) == Description(frozenset(labels), None)


def test_a_caption_alone_is_enough() -> None:
    assert describe({"caption": " A dog. "}) == Description(frozenset(), "A dog.")


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"label": None, "labels": [], "caption": " "},
        {"label": "", "colour": "red"},
        {"label": True},
        {"label": 0.5},
        {"label": {"name": "dog"}},
        {"labels": ["dog", None]},
        {"label": "dog", "caption": ["A dog.", "Rex."]},
        {"label": "dog", "caption": 3},
    ],
)
def test_a_row_that_says_nothing_of_use_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"metadata\.jsonl: "):
        describe(row)


def test_bad_rows_are_failures_and_the_others_are_read(tmp_path: Path) -> None:
    rows = [{"file_name": "a.png", "label": "dog"}, {"file_name": "b.png"}, {"file_name": "c.png"}]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    read = read_descriptions(tmp_path)
    assert (list(read.rows), read.labels) == (["a.png"], ["dog"])
    assert [f.path for f in read.failures] == [str(tmp_path / n) for n in ("b.png", "c.png")]
    assert read.names == {"a.png", "b.png", "c.png"}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "no metadata.jsonl"),
        ("", "it is empty"),
        ("not json\n", "not JSON"),
        ('{"file_name": "a.png"}\n', "no label and no caption"),
    ],
)
def test_a_folder_without_labels_is_refused(tmp_path: Path, written: str | None, said: str) -> None:
    if written is not None:
        (tmp_path / "metadata.jsonl").write_text(written)
    with pytest.raises(ConfigError, match=said) as caught:
        read_descriptions(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"a\.png"):
        read_descriptions(tmp_path / "a.png")


def test_every_prompt_is_said_with_every_wording() -> None:
    prompts = ("a {label}", "one {label}, {label}")
    assert sentences(["{x}"], prompts, None) == {"{x}": ("a {x}", "one {x}, {x}")}
    found = sentences(["café"], prompts, {"cafe\u0301 ": ["bar", "pub"], "other": []})
    assert found == {"café": ("a bar", "a pub", "one bar, bar", "one pub, pub")}


@pytest.mark.parametrize("wordings", [{}, {"Dog": ["x"]}, {"dog": []}, {"dog": ["x", " "]}])
def test_a_label_without_words_is_named(wordings: dict[str, list[str]]) -> None:
    with pytest.raises(ConfigError, match="'dog'"):
        sentences(["dog"], ["{label}"], wordings)


@pytest.mark.parametrize("prompt", ["", "a photo", "a photo of {}", "{Label}"])
def test_a_prompt_that_leaves_the_label_out_is_refused(prompt: str) -> None:
    with pytest.raises(ConfigError, match=r"\{label\}"):
        sentences(["dog"], ["{label}", prompt], None)
