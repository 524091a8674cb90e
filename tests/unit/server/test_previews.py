"""What previews show: the right thing at the right place, in the right unit, whatever comes."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from searchengine.errors import QueryError
from searchengine.server.previews import colours
from searchengine.server.previews.kinds import KINDS, Kind, draw, kind_for
from searchengine.server.previews.sheet import Preview, Sheet
from searchengine.server.previews.ticks import clock, ticks, time_ticks
from searchengine.types import (
    DepthMap,
    Frames,
    ImuRecording,
    Modality,
    ThermalImage,
    ThermalUnit,
    Waveform,
)

RATE_HZ = 16_000


def seen(preview: Preview) -> npt.NDArray[np.int16]:
    """RGBA (h, w, 4)."""
    assert preview.mime_type == "image/webp"
    picture = Image.open(io.BytesIO(preview.content))
    assert picture.format == "WEBP"
    return np.asarray(picture.convert("RGBA")).astype(np.int16)


def light(pixels: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    return pixels[..., :3] @ np.array([0.2126, 0.7152, 0.0722])


def tone(pitch_hz: float, seconds: float = 1.0, loud: float = 0.5) -> Waveform:
    times_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    samples = loud * np.sin(2 * np.pi * pitch_hz * times_s)
    return Waveform(samples.astype(np.float32)[None], RATE_HZ)


def motion(readings: npt.NDArray[np.float32]) -> ImuRecording:
    return ImuRecording(readings, -readings, 50.0)


def film(colours_of: list[tuple[int, int, int]], height: int = 90, width: int = 160) -> Frames:
    pixels = np.array([np.full((height, width, 3), c) for c in colours_of], np.uint8)
    return Frames(pixels, np.arange(len(pixels)) * 2.0, 25.0, 500)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that is written on a sheet."""
    written: list[str] = []
    write = Sheet.text

    def listen(sheet: Sheet, x: float, y: float, text: str, **how: Any) -> float:
        written.append(text)
        return write(sheet, x, y, text, **how)

    monkeypatch.setattr(Sheet, "text", listen)
    return written


# -- what is shown


def test_a_photo_is_made_smaller_and_never_larger() -> None:
    photo = np.zeros((300, 600, 3), np.uint8)
    assert seen(draw(photo, Kind.THUMB, 320)).shape[:2] == (160, 320)
    assert seen(draw(photo[:20, :30], Kind.THUMB, 320)).shape[:2] == (20, 30)


def test_a_video_is_seen_by_its_first_frame_or_by_five_in_order() -> None:
    shades = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (250, 0, 250)]
    poster = seen(draw(film(shades), Kind.THUMB, 320))
    assert np.abs(poster[45, 80, :3] - shades[0]).max() < 12
    strip = seen(draw(film(shades), Kind.STRIP, 320))
    for place, shade in enumerate(shades):
        assert np.abs(strip[15, 32 + 64 * place, :3] - shade).max() < 40, place


def test_frames_of_a_strip_carry_their_times(said: list[str]) -> None:
    draw(film([(0, 0, 0)] * 5), Kind.STRIP, 320)
    assert said == ["0:00", "0:02", "0:04", "0:06", "0:08"]


def test_a_waveform_is_wide_where_the_sound_is_loud(said: list[str]) -> None:
    samples = np.concatenate([tone(440).samples, 0.05 * tone(440).samples], axis=1)
    shown = seen(draw(Waveform(samples, RATE_HZ), Kind.WAVEFORM, 320))
    covered = (shown[:87, :, 3] > 60).sum(axis=0)
    assert covered[20:150].min() > 70 and covered[170:300].max() < 12
    assert "peak -6 dB" in said


def test_quiet_sounds_fill_the_height_and_say_how_quiet_they_are(said: list[str]) -> None:
    shown = seen(draw(tone(440, loud=0.001), Kind.WAVEFORM, 320))
    assert (shown[:87, 160, 3] > 60).sum() > 70
    assert "peak -60 dB" in said
    draw(tone(440, loud=0.0), Kind.WAVEFORM, 320)
    assert said[-1] == "silence"


def test_a_sounds_thumb_is_the_wave_alone_so_that_it_can_be_a_mask(said: list[str]) -> None:
    shown = seen(draw(tone(440), Kind.THUMB, 320))
    assert said == [] and shown.shape[:2] == (87, 320)
    assert (shown[..., 3] > 60).any(axis=0).all()


def test_times_are_those_of_the_file_not_of_the_segment(said: list[str]) -> None:
    draw(tone(440, seconds=4), Kind.WAVEFORM, 320, start_s=3600.0)
    assert said[:2] == ["1:00:00", "1:00:01"]


@pytest.mark.parametrize("pitch_hz", [100.0, 440.0, 1000.0, 6000.0])
def test_a_spectrogram_is_brightest_at_the_pitch(pitch_hz: float) -> None:
    shown = light(seen(draw(tone(pitch_hz), Kind.SPECTROGRAM, 320)))[3:143, 60:300]
    row = int(shown.mean(axis=1).argmax())
    found_hz = 8000 * (50 / 8000) ** (row / 139)
    assert abs(math.log2(found_hz / pitch_hz)) < 0.25


def test_near_is_lighter_than_far_and_the_unmeasured_is_faint(said: list[str]) -> None:
    metres = np.tile(np.linspace(1, 5, 160, dtype=np.float32), (120, 1))
    valid = np.ones_like(metres, bool)
    valid[:60, :40] = False
    shown = seen(draw(DepthMap(metres * valid, valid), Kind.MAP, 320))
    shades = light(shown[200])[10:310]
    assert shades[0] - shades[-1] > 100 and np.diff(shades[::20]).max() < 2
    assert shown[40, 30, 3] < 120 < 250 < shown[200, 30, 3]
    assert said == ["2", "3", "4 m"]


def test_kelvin_are_shown_as_degrees_celsius(said: list[str]) -> None:
    kelvin = np.tile(np.linspace(293.15, 313.15, 160, dtype=np.float32), (120, 1))
    shown = seen(draw(ThermalImage(kelvin, ThermalUnit.KELVIN), Kind.MAP, 320))
    assert said == ["25", "30", "35 °C"]
    assert light(shown[100, 300:301])[0] - light(shown[100, 20:21])[0] > 100


def test_relative_heat_has_no_unit_and_one_value_one_mark(said: list[str]) -> None:
    draw(ThermalImage(np.full((8, 8), 0.5, np.float32), ThermalUnit.RELATIVE), Kind.MAP, 320)
    assert said == ["0.50 relative"]


def test_a_map_without_anything_measured_says_so(said: list[str]) -> None:
    nothing = np.zeros((12, 16), bool)
    draw(DepthMap(nothing.astype(np.float32), nothing), Kind.MAP, 320)
    assert said == ["nothing measured"]


def test_motion_is_six_lines_and_a_gap_where_nothing_was_read(said: list[str]) -> None:
    readings = np.tile(np.array([3.0, 0.0, -3.0], np.float32), (500, 1))
    readings[200:300] = np.nan
    shown = seen(draw(motion(readings), Kind.TRACES, 320))
    for colour in colours.AXES:
        for half in (shown[18:86], shown[108:176]):
            mine = np.abs(half[..., :3] - colour[:3]).max(axis=-1) < 30
            lit = (mine & (half[..., 3] > 150)).any(axis=0)
            assert lit[35:140].all() and lit[215:318].all(), colour
            assert not lit[152:195].any(), colour
    assert {"acceleration, m/s", "turning rate, rad/s", "x", "y", "z"} <= set(said)


def test_a_long_recording_keeps_its_spikes() -> None:
    readings = np.zeros((200_000, 3), np.float32)
    readings[100_000, 0] = 50.0
    shown = seen(draw(motion(readings), Kind.TRACES, 320))
    middle = round(30 + 290 / 2)
    column = shown[16:86, middle - 2 : middle + 3]
    spike = np.abs(column[..., :3] - colours.AXES[0][:3]).max(axis=-1) < 30
    assert spike.any(axis=1).sum() > 50


def test_words_stay_as_they_are_and_are_cut_between_two() -> None:
    assert draw("Ein Satz.\nNoch einer: ü", Kind.TEXT, 320).content == (
        "Ein Satz.\nNoch einer: ü".encode()
    )
    cut = draw("word " * 1000, Kind.TEXT, 320).content.decode()
    assert cut.endswith("word …") and len(cut) <= 2002
    assert len(draw("x" * 5000, Kind.TEXT, 320).content.decode()) == 2002


# -- whatever comes

FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)


def _plane() -> st.SearchStrategy[npt.NDArray[np.float32]]:
    return arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=FLOATS)


@settings(max_examples=60)
@given(_plane(), st.sampled_from([32, 100, 320]), st.sampled_from(list(ThermalUnit)))
def test_any_map_is_drawn(values: npt.NDArray[np.float32], size_px: int, unit: ThermalUnit) -> None:
    for media in (DepthMap(values, values > 0), ThermalImage(values, unit)):
        assert max(seen(draw(media, Kind.MAP, size_px)).shape[:2]) <= size_px + 1


@settings(max_examples=60)
@given(arrays(np.float32, st.tuples(st.integers(1, 2), st.integers(0, 50)), elements=FLOATS))
def test_any_sound_is_drawn(samples: npt.NDArray[np.float32]) -> None:
    for kind in (Kind.WAVEFORM, Kind.SPECTROGRAM):
        seen(draw(Waveform(samples, 8000), kind, 100, start_s=5.0))


@settings(max_examples=60)
@given(arrays(np.float32, st.tuples(st.integers(0, 40), st.just(3)), elements=FLOATS))
def test_any_motion_is_drawn(readings: npt.NDArray[np.float32]) -> None:
    seen(draw(motion(readings), Kind.TRACES, 100))


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (1, 1)])
def test_very_long_pictures_are_drawn(shape: tuple[int, int]) -> None:
    values = np.ones(shape, np.float32)
    for media in (
        np.zeros((*shape, 3), np.uint8),
        DepthMap(values, values > 0),
        ThermalImage(values, ThermalUnit.KELVIN),
        Frames(np.zeros((2, *shape, 3), np.uint8), np.arange(2.0), 1.0, 2),
    ):
        for kind in (Kind.STRIP, Kind.THUMB) if isinstance(media, Frames) else (Kind.THUMB,):
            assert max(seen(draw(media, kind, 320)).shape[:2]) <= 320


@pytest.mark.parametrize(
    "media",
    [
        Waveform(np.zeros((0, 10), np.float32), RATE_HZ),
        Waveform(np.zeros((2, 0), np.float32), RATE_HZ),
        DepthMap(np.zeros((0, 4), np.float32), np.zeros((0, 4), bool)),
        ThermalImage(np.zeros((4, 0), np.float32), ThermalUnit.KELVIN),
        motion(np.zeros((0, 3), np.float32)),
        np.zeros((0, 0, 3), np.uint8),
        Frames(np.zeros((0, 4, 4, 3), np.uint8), np.zeros(0), 25.0, 0),
    ],
    ids=lambda media: type(media).__name__,
)
def test_nothing_at_all_is_drawn_as_nothing(media: Any) -> None:
    for kind in Kind:
        seen(draw(media, kind, 320))


@pytest.mark.parametrize("size_px", [32, 1280])
def test_larger_is_the_same_picture_and_sharper(size_px: int) -> None:
    small = seen(draw(tone(440), Kind.WAVEFORM, size_px))
    assert small.shape[1] == size_px
    assert small.shape[0] == pytest.approx(size_px * 104 / 320, abs=1)


def test_the_same_media_give_the_same_bytes() -> None:
    make: Callable[[], Preview] = lambda: draw(tone(700), Kind.SPECTROGRAM, 200)  # noqa: E731
    assert make().content == make().content


# -- which there are


def test_every_modality_has_its_own_kinds_and_refuses_others() -> None:
    assert set(KINDS) == set(Modality)
    assert kind_for(Modality.AUDIO) is Kind.THUMB
    assert kind_for(Modality.DEPTH, "thumb") is Kind.MAP
    with pytest.raises(QueryError, match="of audio there is only thumb, waveform, spectrogram"):
        kind_for(Modality.AUDIO, "strip")
    with pytest.raises(QueryError, match="of text there is only thumb, text"):
        kind_for(Modality.TEXT, "<script>")


# -- colours and marks


def test_the_ink_can_be_read_on_white_and_on_black() -> None:
    def luminance(rgba: colours.Rgba) -> float:
        channels = np.array(rgba[:3]) / 255
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return float(linear @ np.array([0.2126, 0.7152, 0.0722]))

    for colour, least in (
        (colours.INK, 4.5),
        (colours.BLUE, 3.0),
        *((c, 3.0) for c in colours.AXES),
    ):
        mine = luminance(colour)
        assert 1.05 / (mine + 0.05) >= least and (mine + 0.05) / 0.05 >= least, colour


@pytest.mark.parametrize("ramp", [colours.NEARNESS, colours.HEAT, colours.LOUDNESS])
def test_ramps_grow_steadily_lighter_or_darker(ramp: colours.Ramp) -> None:
    shades = light(ramp(np.linspace(0, 1, 64)).astype(np.int16))
    steps = np.diff(shades) * np.sign(shades[-1] - shades[0])
    assert steps.min() > 0 and abs(shades[-1] - shades[0]) > 150
    assert (ramp(np.array([-1.0, 2.0])) == ramp(np.array([0.0, 1.0]))).all()


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(1, 8))
def test_marks_are_round_few_and_within(low: float, width: float, steps: int) -> None:
    high = low + width
    marks = ticks(low, high, steps)
    assert len(marks) <= steps + 1
    values = [mark.value for mark in marks]
    assert values == sorted(values)
    air = 1e-5 * (high - low)
    assert all(low - air <= value <= high + air for value in values)


@given(st.floats(0, 1e6), st.floats(1e-4, 1e6))
def test_times_are_marked_in_order_without_a_double(start_s: float, length_s: float) -> None:
    labels = [mark.label for mark in time_ticks(start_s, start_s + length_s, 5)]
    assert len(labels) <= 6
    if length_s > 0.1:
        assert len(set(labels)) == len(labels)


def test_marks_of_nothing_are_none() -> None:
    assert ticks(1, 1, 3) == ticks(math.nan, 1, 3) == ticks(0, math.inf, 3) == []
    assert time_ticks(5, 5, 3) == time_ticks(0, math.inf, 3) == []


def test_times_read_as_people_write_them() -> None:
    assert [clock(5), clock(65), clock(3723), clock(1.5, 0.5)] == [
        "0:05",
        "1:05",
        "1:02:03",
        "1.5 s",
    ]
