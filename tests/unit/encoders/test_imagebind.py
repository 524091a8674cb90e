"""The ImageBind encoder, on a small model of random weights stored as the real one is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from searchengine.encoders.bound import Sensor, load_bound, save
from searchengine.encoders.encoder import Encoder
from searchengine.encoders.imagebind import ImageBindEncoder
from searchengine.encoders.registry import describe, load
from searchengine.engine import Engine
from searchengine.errors import CheckpointError, ConfigError, EncoderError
from searchengine.models.imagebind.checkpoint import convert
from searchengine.models.imagebind.options import Options
from searchengine.models.imagebind.preprocess import film, film_indices, sound
from searchengine.models.imagebind.towers import Towers
from searchengine.types import (
    DepthMap,
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
from tests.small_release import SMALL, release_of, small_state

RATE_HZ = 25.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    official = folder / "official.pth"
    state = small_state()
    for tensor in state.values():  # as large as trained ones, or one input is like another
        if tensor.ndim > 1:
            tensor *= 3
    torch.save(state, official)
    convert(official, folder / "small", release_of(official))
    return folder / "small"


@pytest.fixture(scope="module")
def encoder(folder: Path) -> ImageBindEncoder:
    return ImageBindEncoder(folder, config=SMALL, device="cpu", options=Options(precision="fp32"))


def pixels(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def video(count: int, indices: list[int] | None = None) -> Frames:
    shown = pixels(count, 30, 40, 3)
    chosen = list(range(count)) if indices is None else indices
    return Frames(shown[chosen], np.array(chosen) / RATE_HZ, RATE_HZ, count)


def media(seed: int = 0) -> dict[Modality, Media]:
    random = np.random.default_rng(seed)
    floats = random.random((90, 120), np.float32)
    readings = random.normal(size=(400, 3)).astype(np.float32)
    return {
        Modality.TEXT: f"a photo of {seed} dogs",
        Modality.IMAGE: pixels(90, 120, 3, seed=seed),
        Modality.VIDEO: video(60 + seed),
        Modality.AUDIO: Waveform(random.normal(size=(2, 40_000)).astype(np.float32) / 9, 16_000),
        Modality.DEPTH: DepthMap(floats * 9 + 0.5, floats > 0.1),
        Modality.THERMAL: ThermalImage(floats * 30 + 280, ThermalUnit.KELVIN),
        Modality.IMU: ImuRecording(readings, readings[::-1].copy(), 100.0),
    }


def encoded(encoder: Encoder, one: Media, modality: Modality) -> Any:
    return encoder.encode([encoder.preprocess(one, modality)], modality)[0]


@pytest.mark.parametrize("modality", Modality)
def test_every_modality_becomes_unit_vectors_alone_as_in_a_batch(
    encoder: ImageBindEncoder, modality: Modality
) -> None:
    several = [media(seed)[modality] for seed in range(3)]
    prepared = [encoder.preprocess(one, modality) for one in several]
    vectors = encoder.encode(prepared, modality)
    assert vectors.dtype == np.float32 and vectors.shape == (3, encoder.dim)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    alone = np.stack([encoded(encoder, one, modality) for one in several])
    assert np.allclose(vectors, alone, atol=1e-5)
    assert not np.allclose(vectors[0], vectors[1], atol=1e-4)


@pytest.mark.parametrize("modality", Modality)
def test_half_precision_gives_nearly_the_same_vector(
    folder: Path, encoder: ImageBindEncoder, modality: Modality
) -> None:
    half = ImageBindEncoder(folder, config=SMALL, device="cpu", options=Options(precision="bf16"))
    one = media()[modality]
    assert encoded(encoder, one, modality) @ encoded(half, one, modality) > 0.9995
    assert half.identity == encoder.identity


@pytest.mark.parametrize("modality", Modality)
def test_eight_bits_give_a_similar_vector_and_are_a_space_of_their_own(
    folder: Path, encoder: ImageBindEncoder, modality: Modality
) -> None:
    small = ImageBindEncoder(folder, config=SMALL, device="cpu", options=Options(precision="int8"))
    one = media()[modality]
    assert 0.99 < encoded(encoder, one, modality) @ encoded(small, one, modality) < 1 - 1e-7
    assert small.identity == encoder.identity + "?precision=int8"


def test_texts_of_any_length_keep_their_order(encoder: ImageBindEncoder) -> None:
    texts = ["dog " * 90, "a", "a cat on a mat", "b " * 40, "a"]
    ids = [encoder.preprocess(text, Modality.TEXT) for text in texts]
    vectors = encoder.encode(ids, Modality.TEXT)
    for text, vector in zip(texts, vectors, strict=True):
        assert np.allclose(vector, encoded(encoder, text, Modality.TEXT), atol=1e-5)


@pytest.mark.parametrize("count", [1, 10, 49, 60, 300])
def test_the_frames_that_are_sampled_give_the_views_of_the_whole_video(
    encoder: ImageBindEncoder, count: int
) -> None:
    info = MediaInfo(Modality.VIDEO, "video/mp4", count / RATE_HZ, RATE_HZ, count)
    indices = encoder.sampling(info, None).frame_indices
    assert indices and list(indices) == sorted(set(indices)) and indices[-1] < count
    everything = encoder.preprocess(video(count), Modality.VIDEO)
    sampled = encoder.preprocess(video(count, list(indices)), Modality.VIDEO)
    assert everything.shape == (15, 3, 2, 224, 224)
    assert np.array_equal(everything, sampled)
    exact = [i for pair in film_indices(count, RATE_HZ) for i in pair]
    assert np.array_equal(sampled, film(video(count).pixels[exact]).numpy())


def test_a_segment_of_a_video_is_seen_in_fewer_views(folder: Path) -> None:
    info = MediaInfo(Modality.VIDEO, "video/mp4", 40.0, RATE_HZ, 1000)
    for clips in (1, 2, 3, 4):
        options = Options(segment_clips=clips)
        encoder = ImageBindEncoder(folder, config=SMALL, device="cpu", options=options)
        indices = encoder.sampling(info, Span(10, 20)).frame_indices
        assert indices and indices[0] >= 250 and indices[-1] < 500
        views = encoder.preprocess(video(1000, list(indices)), Modality.VIDEO)
        assert views.shape == (clips, 3, 2, 224, 224)


def test_what_cannot_be_encoded_says_why(encoder: ImageBindEncoder) -> None:
    silence, nothing = np.zeros((1, 0), np.float32), np.zeros((0, 3), np.float32)
    broken = np.full((4, 4), np.nan, np.float32)
    for modality, one, said in [
        (Modality.TEXT, "  \n", "empty"),
        (Modality.AUDIO, Waveform(silence, 16_000), "nothing"),
        (Modality.AUDIO, Waveform(np.ones((1, 9), np.float32), 200_000_001), "too many"),
        (Modality.IMU, ImuRecording(nothing, nothing, 50), "nothing"),
        (Modality.THERMAL, ThermalImage(broken, ThermalUnit.KELVIN), "not numbers"),
        (Modality.IMAGE, "words", "not what image"),
    ]:
        with pytest.raises(EncoderError, match=said):
            encoder.preprocess(one, modality)


@pytest.mark.parametrize("samples", [1, 399, 16_000])
def test_sounds_too_short_for_the_reference_are_heard(
    encoder: ImageBindEncoder, samples: int
) -> None:
    blip = Waveform(np.ones((1, samples), np.float32), 16_000)
    assert np.isfinite(encoded(encoder, blip, Modality.AUDIO)).all()


def test_a_rate_that_shares_no_factor_with_16_khz_costs_no_more() -> None:
    tone = np.sin(np.arange(44_101) / 44_101 * 2 * np.pi * 440, dtype=np.float32)[None]
    usual = np.sin(np.arange(44_100) / 44_100 * 2 * np.pi * 440, dtype=np.float32)[None]
    assert (sound(tone, 44_101) - sound(usual, 44_100)).abs().mean() < 0.02


def test_options_are_part_of_the_identity_and_precision_is_not(folder: Path) -> None:
    def identity(**options: Any) -> str:
        chosen = Options(**options)
        return ImageBindEncoder(folder, config=SMALL, device="cpu", options=chosen).identity

    assert identity() == identity(precision="fp32") != identity(imu_rate_hz=100.0)
    assert identity(imu_rate_hz=100.0).endswith("?imu_rate_hz=100.0")


def test_towers_load_when_needed_and_can_be_let_go(folder: Path) -> None:
    encoder = ImageBindEncoder(folder, config=SMALL, device="cpu")
    assert encoder.towers.loaded == ()
    before = encoded(encoder, "a dog", Modality.TEXT)
    assert encoder.towers.loaded == ("text",)
    encoder.towers.unload("text")
    assert encoder.towers.loaded == ()
    assert np.array_equal(encoded(encoder, "a dog", Modality.TEXT), before)


def test_when_memory_runs_out_half_as_many_are_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    towers = Towers(folder, SMALL, "cpu", "fp32")
    x = torch.randn(7, 6, 2000)
    whole, real, taken = towers.embed("imu", x), towers._embed, []

    def small(model: Any, tower: str, x: torch.Tensor) -> torch.Tensor:
        taken.append(len(x))
        if len(x) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(model, tower, x)

    monkeypatch.setattr(towers, "_embed", small)
    assert torch.allclose(towers.embed("imu", x), whole, atol=1e-6)
    assert taken == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    monkeypatch.setattr(towers, "_embed", lambda *_: (_ for _ in ()).throw(RuntimeError("other")))
    with pytest.raises(RuntimeError, match="other"):
        towers.embed("imu", x)


LIMITED = """
import resource, sys
from pathlib import Path
import torch
from searchengine.models.imagebind import towers
from tests.small_release import SMALL

torch.set_num_threads(1)
towers.AT_ONCE["cpu"] = 64
few = towers.Towers(Path(sys.argv[1]), SMALL, "cpu", "fp32")
x = torch.randn(64, 3, 224, 224)
right = torch.cat([few.embed("vision", one[None]) for one in x])
spare = 60_000_000  # of which 64 pictures, cut into patches, would take 77
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + spare, taken + spare))
assert torch.allclose(few.embed("vision", x), right, atol=1e-5)
print(few._most["vision"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_real_lack_of_memory_halves_the_batch_too(folder: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, str(folder)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < 64


def test_one_that_is_too_large_alone_is_an_error_with_a_way_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    towers = Towers(folder, SMALL, "cpu")
    allocator = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")
    monkeypatch.setattr(towers, "_embed", lambda *_: (_ for _ in ()).throw(allocator))
    with pytest.raises(EncoderError, match="not enough memory for the imu tower"):
        towers.embed("imu", torch.randn(2, 6, 2000))


def test_a_gpu_that_is_not_there_is_refused(folder: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match="no GPU"):
        ImageBindEncoder(folder, config=SMALL, device="cuda")


def test_without_weights_the_error_names_both_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEARCHENGINE_MODELS", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"pull imagebind-huge --accept-licence.*--from"):
        load("imagebind-huge")


def test_the_licence_is_said_where_the_encoder_is_listed() -> None:
    huge = next(info for info in describe() if info.name == "imagebind-huge")
    assert "CC BY-NC-SA 4.0" in huge.licence and "non-commercial" in huge.licence


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("imagebind-huge?views=3", "no option 'views'"),
        ("imagebind-huge?imu_rate_hz=fast", "imu_rate_hz must be a number"),
        ("imagebind-huge?imu_rate_hz=0", "imu_rate_hz must be greater than 0"),
        ("imagebind-huge?imu_standardise=perhaps", "true or false"),
        ("imagebind-huge?video_crops=2", "video_crops must be 1 or 3"),
        ("imagebind-huge?precision=int4", "precision must be auto or"),
        ("imagebind-huge?thermal_low_k=280", "together"),
        ("starter?views=3", "no options"),
    ],
)
def test_an_option_that_cannot_be_is_refused_by_name(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(name)


def test_a_folder_is_indexed_and_found_again(folder: Path, tmp_path: Path) -> None:
    files = tmp_path / "media"
    files.mkdir()
    for seed in range(3):
        Image.fromarray(pixels(60, 80, 3, seed=seed)).save(files / f"{seed}.png")
    (files / "note.txt").write_text("a note about dogs")
    encoder = ImageBindEncoder(folder, config=SMALL, device="cpu")
    with Engine(tmp_path / "library", encoder=encoder) as engine:
        assert engine.index([files]).new == 4
        found = engine.search(image=str(files / "1.png"), targets=["image"])
        assert found.hits[0].item.path.endswith("1.png") and found.hits[0].similarity > 0.999
        assert len(engine.search(text="a note about dogs")) == 4


def test_a_tower_bound_to_its_space_takes_the_place_of_its_own(
    encoder: ImageBindEncoder, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    sizes = {"imu_embed_dim": 16, "imu_num_blocks": 1, "imu_num_heads": 2}
    sensor = Sensor("vibration", Modality.IMU, encoder.name, encoder.identity, sizes)
    save(tmp_path, sensor, sensor.build(encoder.dim))
    bound = load_bound(tmp_path, lambda name, device: encoder, "cpu")
    shaken = ImuRecording(np.ones((50, 3), np.float32), np.ones((50, 3), np.float32), RATE_HZ)
    for media, modality in ((shaken, Modality.IMU), ("a drill", Modality.TEXT)):
        vector = bound.encode([bound.preprocess(media, modality)], modality)[0]
        own = encoder.encode([encoder.preprocess(media, modality)], modality)[0]
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
        assert np.allclose(vector, own) == (modality is Modality.TEXT)
