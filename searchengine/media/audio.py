"""Sound files, and the soundtracks of videos, to waveforms."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

from searchengine.errors import DecodeError
from searchengine.types import FloatArray, Span, Waveform

#: Read by libsndfile, which gives exact samples; everything else goes through FFmpeg.
SOUNDFILE_SUFFIXES = frozenset({".wav", ".flac"})

#: Recordings with more channels are arrays of microphones, not something to listen to.
MAX_CHANNELS = 64


def read_audio(path: Path, span: Span | None = None) -> Waveform:
    """Decode a sound, or the part ``span`` (seconds) of it, keeping rate and channels.

    Raises DecodeError when the file is broken, has no sound, or holds NaN or infinity.
    """
    read = _read_soundfile if path.suffix.lower() in SOUNDFILE_SUFFIXES else _read_av
    try:
        waveform = read(path, span)
    except (OSError, ValueError, soundfile.LibsndfileError, av.FFmpegError) as error:
        raise DecodeError(str(path), f"not a readable sound ({error})") from error
    if waveform.samples.size == 0:
        raise DecodeError(str(path), "no sound in it: the recording has zero samples")
    if not np.isfinite(waveform.samples).all():
        raise DecodeError(str(path), "the samples hold NaN or infinity")
    return waveform


def _read_soundfile(path: Path, span: Span | None) -> Waveform:
    with soundfile.SoundFile(path) as sound:
        _check_channels(path, sound.channels)
        rate_hz = int(sound.samplerate)
        start, stop = 0, sound.frames
        if span is not None:
            start = min(int(span.start * rate_hz), sound.frames)
            stop = min(int(span.end * rate_hz), sound.frames)
        sound.seek(start)
        samples = sound.read(stop - start, dtype="float32", always_2d=True)
    return Waveform(np.ascontiguousarray(samples.T), rate_hz)


def _read_av(path: Path, span: Span | None) -> Waveform:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise DecodeError(str(path), "no soundtrack in it")
        stream = container.streams.audio[0]
        _check_channels(path, stream.channels)
        rate_hz = stream.rate
        start_s, end_s = (span.start, span.end) if span else (0.0, float("inf"))
        if start_s > 0 and stream.time_base is not None:
            container.seek(int(Fraction(start_s) / stream.time_base), stream=stream)
        chunks: list[FloatArray] = []
        begin, length, got = 0, float("inf"), 0  # samples to skip, wanted after those, decoded
        resampler = av.AudioResampler(format="fltp")
        for frame in container.decode(stream):
            if not chunks:
                begin = max(round((start_s - (frame.time or 0.0)) * rate_hz), 0)
                length = (end_s - start_s) * rate_hz
            if got >= begin + length:
                break
            for part in resampler.resample(frame):
                chunks.append(part.to_ndarray().astype(np.float32))
                got += chunks[-1].shape[1]
    if not chunks:
        return Waveform(np.zeros((1, 0), np.float32), rate_hz)
    stop = None if span is None else begin + round(length)
    return Waveform(np.ascontiguousarray(np.concatenate(chunks, axis=1)[:, begin:stop]), rate_hz)


def _check_channels(path: Path, channels: int) -> None:
    if channels > MAX_CHANNELS:
        raise DecodeError(str(path), f"{channels} channels is over the limit of {MAX_CHANNELS}")
