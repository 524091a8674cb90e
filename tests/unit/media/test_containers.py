"""Any second of any container, however its frames are ordered, stamped, indexed or damaged."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from searchengine.errors import DecodeError
from searchengine.media.audio import read_audio
from searchengine.media.options import MediaOptions
from searchengine.media.probe import probe
from searchengine.media.video import read_frames
from searchengine.types import Modality, Sampling, Span

STEP, FRAMES, RATE_HZ = 6, 36, 10
OPTIONS = MediaOptions()


def film(
    path: Path,
    codec: str,
    *,
    b_frames: int = 0,
    gop: int = 12,
    times_ms: list[int] | None = None,
    left: int = 0,
    format: str | None = None,
) -> Path:
    """Frame n has the brightness 20 + 6 n, on all but the ``left`` columns, which are white."""
    with av.open(str(path), "w", format=format) as container:
        stream = container.add_stream(codec, rate=RATE_HZ)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.bit_rate = 2_000_000
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.gop_size = gop
        if times_ms:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(FRAMES):
            pixels = np.full((48, 64, 3), 20 + number * STEP, np.uint8)
            pixels[:, :left] = 255
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if times_ms:
                frame.pts, frame.time_base = times_ms[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def numbers(path: Path, *indices: int) -> list[int]:
    frames = read_frames(path, None, Sampling(frame_indices=indices))
    return [round((float(one.mean()) - 20) / STEP) for one in frames.pixels]


@pytest.mark.parametrize(
    ("name", "codec", "b_frames"),
    [
        ("x.mp4", "libx264", 3),
        ("x.mkv", "libx264", 3),
        ("x.mov", "mpeg4", 3),  # its index is by the time of decoding, behind that of showing
        ("x.avi", "mpeg4", 3),  # has no times at all
        ("y.avi", "libx264", 3),
        ("x.m2ts", "libx264", 3),  # has no index, and does not start at 0
        ("x.webm", "libvpx-vp9", 0),
        ("x.flv", "flv1", 0),
        ("x.wmv", "wmv2", 0),
    ],
)
def test_any_frame_can_be_asked_for_by_itself(
    tmp_path: Path, name: str, codec: str, b_frames: int
) -> None:
    format = "mpegts" if name.endswith("m2ts") else None
    path = film(tmp_path / name, codec, b_frames=b_frames, format=format)
    assert [numbers(path, n, n) for n in range(FRAMES)] == [[n, n] for n in range(FRAMES)]
    frames = read_frames(path, Span(1.1, 2.3))
    assert frames.times_s.tolist() == pytest.approx([n / 10 for n in range(11, 23)], abs=0.01)
    info = probe(path, Modality.VIDEO, OPTIONS)
    assert info.rate_hz == RATE_HZ and info.count == pytest.approx(FRAMES, abs=1)
    assert info.duration_s == pytest.approx(FRAMES / RATE_HZ, abs=0.11)


def test_frames_of_a_varying_rate_keep_their_own_times(tmp_path: Path) -> None:
    times_ms = [n * 40 if n < 18 else 720 + (n - 18) * 200 for n in range(FRAMES)]
    path = film(tmp_path / "x.mkv", "libx264", b_frames=2, times_ms=times_ms)
    frames = read_frames(path)
    assert frames.times_s.tolist() == pytest.approx([t / 1000 for t in times_ms], abs=0.002)
    # index i is what is shown at i / rate_hz
    index = round(2.0 * frames.rate_hz)
    (shown,) = numbers(path, index)
    assert times_ms[shown] / 1000 == pytest.approx(2.0, abs=0.2)


def test_a_video_that_ends_early_is_filled_with_its_last_frame(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mkv", "libx264", gop=6)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    (last,) = numbers(path, FRAMES - 1)
    assert 6 < last < FRAMES - 1
    assert numbers(path, 3, FRAMES - 1, FRAMES + 50) == [3, last, last]


def test_damage_in_the_middle_costs_only_what_is_damaged(tmp_path: Path) -> None:
    path = film(tmp_path / "x.m2ts", "libx264", gop=6, format="mpegts")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    path.write_bytes(data)
    assert numbers(path, 0, FRAMES - 1) == [0, FRAMES - 1]


def test_a_turned_phone_video_is_shown_upright(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4", "libx264", left=16)
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # ISO 14496-12, 8.3.2: a quarter turn clockwise
    quarter = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    data[matrix : matrix + 36] = b"".join(v.to_bytes(4, "big", signed=True) for v in quarter)
    path.write_bytes(data)
    (pixels,) = read_frames(path, None, Sampling(frame_indices=(0,))).pixels
    assert pixels.shape == (64, 48, 3)
    assert pixels[:12].min() > 240 and pixels[20:].max() < 40


def test_a_video_too_large_for_memory_is_refused_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("searchengine.media.video.MAX_FRAME_BYTES", 10 * 48 * 64 * 3)
    path = film(tmp_path / "x.mkv", "mpeg4")
    assert len(read_frames(path, Span(0, 1)).pixels) == 10
    with pytest.raises(DecodeError, match="ask for less"):
        read_frames(path)


@pytest.mark.parametrize(
    "content",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{secret}\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile {secret}\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    ],
)
def test_a_file_cannot_make_its_reader_open_another(tmp_path: Path, content: bytes) -> None:
    film(tmp_path / "secret.mp4", "libx264")
    path = tmp_path / "x.mp4"
    path.write_bytes(content.replace(b"{secret}", b"secret.mp4"))
    with pytest.raises(DecodeError, match=r"x\.mp4: not a readable recording"):
        read_frames(path)


@pytest.mark.parametrize("name", ["x:y.mp4", "pipe:0.mp4", "a%03d.mp4", "-i.mp4"])
def test_names_that_mean_something_to_ffmpeg_are_only_names(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    film(tmp_path / "plain.mp4", "libx264").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert numbers(Path(name), 5) == [5]


def _sing(path: Path, codec: str, seconds: float = 8.0, format: str | None = None) -> Path:
    """A tone whose pitch rises by 200 Hz each second, from 300."""
    rate = 48_000 if codec == "libopus" else 44_100
    time_s = np.arange(int(seconds * rate)) / rate
    pitch = 300 + 200 * np.floor(time_s)
    wave = (0.5 * np.sin(2 * np.pi * pitch * time_s)).astype(np.float32)[None]
    with av.open(str(path), "w", format=format) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout="mono", rate=rate, frame_size=1024
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("x.m4a", "aac"),
        ("x.aac", "aac"),
        ("x.mp3", "libmp3lame"),
        ("x.opus", "libopus"),
        ("x.wma", "wmav2"),
        ("x.aiff", "pcm_s16be"),
        ("x.m2ts", "aac"),
        ("x.mkv", "libopus"),
    ],
)
def test_any_second_of_any_sound_is_that_second(tmp_path: Path, name: str, codec: str) -> None:
    path = _sing(tmp_path / name, codec, format="mpegts" if name.endswith("m2ts") else None)
    info = probe(path, Modality.AUDIO, OPTIONS)
    assert info.duration_s == pytest.approx(8, abs=0.15) and info.rate_hz
    for second in range(7):
        sound = read_audio(path, Span(second + 0.2, second + 0.8))
        assert sound.samples.shape[1] == round(0.6 * sound.rate_hz)
        heard = np.abs(np.fft.rfft(sound.samples[0])).argmax() / 0.6
        assert heard == pytest.approx(300 + 200 * second, abs=4)


def test_a_span_after_the_end_of_a_sound_says_so(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="from 20 to 25 s"):
        read_audio(_sing(tmp_path / "x.m4a", "aac"), Span(20, 25))


def test_the_length_of_an_mp3_is_counted_not_guessed_from_its_bit_rate(tmp_path: Path) -> None:
    path = _sing(tmp_path / "x.mp3", "libmp3lame")
    data = path.read_bytes()
    start = data.index(b"\xff\xfb", data.index(b"Lavc") if b"Lavc" in data[:2000] else 0)
    silent_start = b"\xff\xfb\x10\x64" + bytes(100)  # a frame of 32 kbit/s before those of 64
    path.write_bytes(silent_start + data[start:])
    assert probe(path, Modality.AUDIO, OPTIONS).duration_s == pytest.approx(8, abs=0.2)


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "x.mp3"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame", rate=44_100, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        pixels = np.full((48, 64, 3), 90, np.uint8)
        container.mux(cover.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(cover.encode())
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 44_100), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 44_100
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    assert read_audio(path).duration_s == pytest.approx(1, abs=0.1)
    with pytest.raises(DecodeError, match="no picture"):
        read_frames(path)


def test_a_sound_under_a_wrong_name_is_read_for_what_it_is(tmp_path: Path) -> None:
    path = _sing(tmp_path / "x.mp3", "libmp3lame", 2.0).rename(tmp_path / "x.wav")
    assert probe(path, Modality.AUDIO, OPTIONS).duration_s == pytest.approx(2, abs=0.1)
    assert read_audio(path).duration_s == pytest.approx(2, abs=0.1)
    m4a = _sing(tmp_path / "y.m4a", "aac", 2.0).rename(tmp_path / "y.flac")
    assert read_audio(m4a, Span(0.5, 1)).duration_s == pytest.approx(0.5, abs=0.01)
