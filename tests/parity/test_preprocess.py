"""Files become the very tensors that the reference makes of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from searchengine.models.imagebind import preprocess
from searchengine.models.imagebind.tokenizer import END_ID, START_ID, tokenize

HERE = Path(__file__).parent
PARITY = (sys.executable, str(HERE.parents[1] / "scripts" / "parity.py"))


def test_every_file_and_every_text_comes_out_as_the_reference_has_it() -> None:
    done = subprocess.run(
        [*PARITY, str(HERE / "preprocessing")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in ("tiny_3x5.png", "u8.wav p99", "tokens", "one_frame_256x256.mp4.strided"):
        assert kind in done.stdout


def test_a_folder_without_golden_data_does_not_pass(tmp_path: Path) -> None:
    done = subprocess.run([*PARITY, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1


def test_all_texts_are_tokenised_alike_alone_or_together() -> None:
    texts = json.loads((HERE / "preprocessing" / "strings.json").read_text())
    together = tokenize(texts)
    assert np.array_equal(np.concatenate([tokenize([text]) for text in texts]), together)


@given(st.text(max_size=400))
def test_any_text_has_its_marks_and_fits(text: str) -> None:
    (ids,) = tokenize([text])
    assert ids[0] == START_ID and END_ID in ids and len(ids) == 77


@settings(max_examples=25)
@given(st.integers(1, 400), st.integers(1, 400))
def test_a_picture_of_any_size_fills_the_square(height: int, width: int) -> None:
    out = preprocess.picture(np.zeros((height, width, 3), np.uint8))
    assert out.shape == (3, 224, 224) and torch.isfinite(out).all()


@settings(max_examples=25)
@given(st.integers(1, 20_000), st.sampled_from([8_000, 16_000, 44_100]), st.integers(1, 6))
def test_a_sound_of_any_length_gives_three_clips(count: int, rate_hz: int, channels: int) -> None:
    samples = np.random.default_rng(count).normal(size=(channels, count)).astype(np.float32)
    kept = samples.copy()
    out = preprocess.sound(samples, rate_hz)
    assert out.shape == (3, 1, 128, 204) and torch.isfinite(out).all()
    assert np.array_equal(samples, kept), "the caller's samples were changed"


@given(st.integers(1, 5_000), st.floats(1, 120))
def test_frames_lie_in_the_video_and_clips_go_forwards(count: int, rate_hz: float) -> None:
    pairs = preprocess.film_indices(count, rate_hz)
    assert len(pairs) == 5 and pairs == sorted(pairs)
    assert all(0 <= first <= last < count for first, last in pairs)


@pytest.mark.parametrize("size", [(3, 4), (224, 224), (225, 224), (100, 900)])
def test_a_film_of_any_shape_gives_fifteen_views(size: tuple[int, int]) -> None:
    frames = np.zeros((10, *size, 3), np.uint8)
    assert preprocess.film(frames).shape == (15, 3, 2, 224, 224)
