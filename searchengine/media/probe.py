"""What a file says of itself, without being decoded whole."""

from __future__ import annotations

import mimetypes
import warnings
from pathlib import Path
from typing import Any

import av
import pypdf
import soundfile
from PIL import ExifTags, Image

from searchengine.errors import DecodeError
from searchengine.media import imu
from searchengine.media.audio import SOUNDFILE_SUFFIXES
from searchengine.media.image import open_picture
from searchengine.media.options import MediaOptions
from searchengine.media.video import duration_s, frame_rate_hz
from searchengine.types import MediaInfo, Modality

#: Tags of containers and photos worth filtering by.
TAGS = frozenset(
    {"title", "artist", "album", "genre", "date", "comment", "creation_time"}
    | {"taken_at", "camera_make", "camera_model"}
)

#: A tag longer than this is not a label.
MAX_TAG = 500


def probe(path: Path, modality: Modality, options: MediaOptions) -> MediaInfo:
    """Raises DecodeError when the file is not what its modality needs."""
    try:
        match modality:
            case Modality.AUDIO:
                return _audio(path)
            case Modality.VIDEO:
                return _video(path)
            case Modality.IMU:
                return imu.describe(path, options)
            case Modality.IMAGE:
                return MediaInfo(modality, _mime(path), metadata=_image(path))
            case Modality.TEXT:
                return MediaInfo(modality, _mime(path), metadata=_text(path))
            case _:
                return MediaInfo(modality, _mime(path))
    except (OSError, ValueError, soundfile.LibsndfileError, av.FFmpegError) as error:
        raise DecodeError(str(path), f"not readable as {modality} ({error})") from error


def _mime(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _audio(path: Path) -> MediaInfo:
    if path.suffix.lower() in SOUNDFILE_SUFFIXES:
        with soundfile.SoundFile(path) as sound:
            rate, count = sound.samplerate, sound.frames
            tags = {k: v for k, v in sound.copy_metadata().items() if k in TAGS}
        return MediaInfo(
            Modality.AUDIO, _mime(path), count / rate, rate, count, metadata=_tags(tags)
        )
    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise DecodeError(str(path), "no soundtrack in it")
        stream = container.streams.audio[0]
        seconds = duration_s(container, stream) or _counted_s(container, stream)
        count = round(seconds * stream.rate)
        return MediaInfo(
            Modality.AUDIO,
            _mime(path),
            seconds,
            float(stream.rate),
            count,
            metadata=_tags({**container.metadata, **stream.metadata}),
        )


def _video(path: Path) -> MediaInfo:
    with av.open(str(path)) as container:
        if not container.streams.video:
            raise DecodeError(str(path), "no picture in it")
        stream = container.streams.video[0]
        rate = frame_rate_hz(stream)
        seconds = duration_s(container, stream) or _counted_s(container, stream)
        size = {"width": stream.width, "height": stream.height}
        return MediaInfo(
            Modality.VIDEO,
            _mime(path),
            seconds,
            rate,
            stream.frames or round(seconds * rate),
            has_sound=bool(container.streams.audio),
            metadata={**size, **_tags(container.metadata)},
        )


def _counted_s(container: Any, stream: Any) -> float:
    """The end of the last packet, for streams that do not say how long they are."""
    end = 0
    for packet in container.demux(stream):
        if packet.pts is not None:
            end = max(end, packet.pts + (packet.duration or 0))
    return float((end - (stream.start_time or 0)) * stream.time_base)


def _image(path: Path) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a broken EXIF block is no reason to refuse a photo
        with open_picture(path) as picture:
            size = {"width": picture.width, "height": picture.height}
            try:
                return {**size, **_exif(picture.getexif())}
            except Exception:  # hostile EXIF raises anything; the pixels may be fine
                return size


def _exif(exif: Image.Exif) -> dict[str, Any]:
    """When, where and with what a photo was taken (EXIF 2.32)."""
    details = exif.get_ifd(ExifTags.IFD.Exif)
    taken = details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    found: dict[str, Any] = {}
    if isinstance(taken, str) and len(taken) >= 19:
        found["taken_at"] = f"{taken[:10].replace(':', '-')}T{taken[11:19]}"
    for name, base in (("camera_make", ExifTags.Base.Make), ("camera_model", ExifTags.Base.Model)):
        if isinstance(value := exif.get(base), str):
            found[name] = value.strip("\0 ")
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    for name, tag, negative in (("latitude", 2, "S"), ("longitude", 4, "W")):
        if tag in gps:
            degrees, minutes, seconds = (float(part) for part in gps[tag])
            sign = -1 if gps.get(tag - 1) == negative else 1
            found[name] = round(sign * (degrees + minutes / 60 + seconds / 3600), 6)
    return _tags(found)


def _text(path: Path) -> dict[str, Any]:
    if path.suffix.lower() != ".pdf":
        return {}
    try:
        reader = pypdf.PdfReader(path)
        title = reader.metadata.title if reader.metadata else None
        return _tags({"pages": len(reader.pages), "title": title})
    except Exception as error:  # pypdf raises all kinds on broken files
        raise DecodeError(str(path), f"not a readable PDF ({error})") from error


def _tags(found: dict[str, Any]) -> dict[str, Any]:
    """Short texts and finite numbers only, under lower-case names."""
    kept: dict[str, Any] = {}
    for name, value in found.items():
        if isinstance(value, str) and value.strip() and name.lower() in TAGS:
            kept[name.lower()] = value.strip()[:MAX_TAG].encode("utf-8", "replace").decode()
        elif isinstance(value, int | float) and abs(value) < 1e15:  # False for NaN
            kept[name.lower()] = value
    return kept
