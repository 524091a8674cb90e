"""Sound files, and the soundtracks of videos, to waveforms."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import soundfile

from searchengine.errors import DecodeError
from searchengine.media.containers import opened
from searchengine.types import FloatArray, Span, Waveform

#: Read by libsndfile, which gives exact samples; everything else goes through FFmpeg.
SOUNDFILE_SUFFIXES = frozenset({".wav", ".flac"})

#: Recordings with more channels are arrays of microphones, not something to listen to.
MAX_CHANNELS = 64

#: Decoded samples held at once, which takes twice as much while they are joined.
MAX_SOUND_BYTES = 800_000_000

#: Codecs with overlapping windows need a few packets before they sound as from the start.
RUN_UP_S = 0.2


def read_audio(path: Path, span: Span | None = None) -> Waveform:
    """Decode a sound, or the part ``span`` (seconds) of it, keeping rate and channels.

    Raises DecodeError when the file is broken, has no sound there, holds NaN or infinity, or
    what is asked for does not fit into memory.
    """
    read = _read_soundfile if is_plain(path) else _read_av
    try:
        waveform = read(path, span)
    except (OSError, ValueError, soundfile.LibsndfileError) as error:
        raise DecodeError(str(path), f"not a readable sound ({error})") from error
    if waveform.samples.size == 0:
        part = f" from {span.start:.6g} to {span.end:.6g} s" if span else ""
        raise DecodeError(str(path), f"no sound in it{part}: the recording has zero samples there")
    if not np.isfinite(waveform.samples).all():
        raise DecodeError(str(path), "the samples hold NaN or infinity")
    return waveform


def is_plain(path: Path) -> bool:
    """Whether libsndfile reads it; what is only called .wav may be anything FFmpeg knows."""
    if path.suffix.lower() not in SOUNDFILE_SUFFIXES:
        return False
    try:
        soundfile.SoundFile(path).close()
    except soundfile.LibsndfileError:
        return False
    return True


def _read_soundfile(path: Path, span: Span | None) -> Waveform:
    with soundfile.SoundFile(path) as sound:
        _check_channels(path, sound.channels)
        rate_hz = int(sound.samplerate)
        start, stop = 0, sound.frames
        if span is not None:
            start = min(int(span.start * rate_hz), sound.frames)
            stop = min(int(span.end * rate_hz), sound.frames)
        _check_size(path, (stop - start) * sound.channels)
        sound.seek(start)
        samples = sound.read(stop - start, dtype="float32", always_2d=True)
    return Waveform(np.ascontiguousarray(samples.T), rate_hz)


def _read_av(path: Path, span: Span | None) -> Waveform:
    start_s, end_s = (span.start, span.end) if span else (0.0, float("inf"))
    with opened(path, "audio") as recording:
        stream = recording.stream
        _check_channels(path, stream.channels)
        rate_hz = stream.rate
        chunks: list[FloatArray] = []
        begin, got = 0, 0  # samples to leave out before ``start_s``, and all that are decoded
        resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=rate_hz)
        for time_s, frame in recording.frames_from(start_s - RUN_UP_S):
            if not chunks:
                begin = max(round((start_s - time_s) * rate_hz), 0) if span else 0
            if got >= begin + (end_s - start_s) * rate_hz:
                break
            for part in resampler.resample(frame):
                chunks.append(part.to_ndarray().astype(np.float32, copy=False))
                got += chunks[-1].shape[1]
            _check_size(path, got * stream.channels)
    if not chunks:
        return Waveform(np.zeros((1, 0), np.float32), rate_hz)
    stop = None if span is None else begin + round((end_s - start_s) * rate_hz)
    return Waveform(np.ascontiguousarray(np.concatenate(chunks, axis=1)[:, begin:stop]), rate_hz)


def _check_channels(path: Path, channels: int) -> None:
    if channels > MAX_CHANNELS:
        raise DecodeError(str(path), f"{channels} channels is over the limit of {MAX_CHANNELS}")


def _check_size(path: Path, samples: int) -> None:
    if samples * 4 > MAX_SOUND_BYTES:
        raise DecodeError(
            str(path), f"its samples need more than {MAX_SOUND_BYTES // 10**6} MB; ask for less"
        )
