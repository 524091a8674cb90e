"""Options become the parts of a query, and stdin stands for a file or for words."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
import typer

from searchengine.cli.parts import Asked, asked_for, modalities, stdin_read
from searchengine.errors import DecodeError
from searchengine.types import Modality


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are no picture and no UTF-8, but end in a word."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff a dog \n")))


def test_parts_reach_the_engine_by_modality() -> None:
    asked = asked_for(
        {"text": ["a dog"], "image": ["x.jpg", "y.jpg"], "audio": None},
        {"text": ["a cat"], "video": []},
        [3],
        ["image=0.5", "text=2"],
        [4],
    )
    assert asked.keywords() == {
        "text": ["a dog"],
        "image": ["x.jpg", "y.jpg"],
        "negative": {"text": ["a cat"]},
        "like": [3],
        "not_like": [4],
        "weights": {"image": 0.5, "text": 2.0},
    }


def test_a_result_repeats_what_was_asked_with_its_weights() -> None:
    asked = asked_for({"image": ["x.jpg@2-5"]}, {"image": ["y.jpg"]}, [3], ["image=0.5"], [4])
    assert asked.parts() == [
        {"modality": "image", "file": "x.jpg@2-5", "weight": 0.5},
        {"id": 3, "weight": 1.0},
        {"id": 4, "weight": -1.0},
        {"modality": "image", "file": "y.jpg", "weight": -1.0},
    ]


@pytest.mark.parametrize(
    "weight", ["image", "image=", "image=heavy", "image=nan", "image=-inf", "smell=1", "=1"]
)
def test_a_weight_that_is_none_is_a_usage_error(weight: str) -> None:
    with pytest.raises(typer.BadParameter):
        asked_for({}, {}, [], [weight])


def test_targets_are_a_list_with_commas_or_several_options() -> None:
    assert modalities(["image, thermal", "audio"]) == ("image", "thermal", "audio")
    assert modalities(None) is None
    with pytest.raises(typer.BadParameter, match="'picture' is no modality; they are text, image"):
        modalities(["picture"])


def test_without_a_dash_stdin_is_left_alone(stdin: None) -> None:
    asked = Asked({Modality.TEXT: ("a dog",), Modality.AUDIO: ("-loud.wav",)})
    with stdin_read(asked) as read:
        assert read is asked
    assert sys.stdin.buffer.tell() == 0


def test_a_file_on_stdin_is_there_for_the_while_with_its_span(stdin: None) -> None:
    with stdin_read(Asked({Modality.AUDIO: ("a.wav", "-@2-5")})) as read:
        first, second = read.wanted[Modality.AUDIO]
        path = Path(second.removesuffix("@2-5"))
        assert first == "a.wav" and second.endswith("@2-5")
        assert path.read_bytes() == b"\xff a dog \n"
    assert not path.exists()


def test_words_on_stdin_are_words(stdin: None) -> None:
    with stdin_read(Asked({Modality.TEXT: ("-",)})) as read:
        assert read.wanted[Modality.TEXT] == ("\ufffd a dog",)


def test_stdin_cannot_be_two_parts(stdin: None) -> None:
    asked = Asked({Modality.TEXT: ("-",)}, {Modality.IMAGE: ("-",)})
    with pytest.raises(typer.BadParameter, match="once"), stdin_read(asked):
        pass


def test_a_broken_file_on_stdin_is_not_reported_by_its_temporary_name(stdin: None) -> None:
    asked = Asked({Modality.IMAGE: ("-",)})
    with (
        pytest.raises(DecodeError, match=r"^standard input: not a picture$"),
        stdin_read(asked) as r,
    ):
        raise DecodeError(r.wanted[Modality.IMAGE][0], "not a picture")
