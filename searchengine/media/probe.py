"""What a file says of itself, without being decoded whole."""

from __future__ import annotations

import mimetypes
import re
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import soundfile
from PIL import ExifTags, Image

from searchengine.errors import DecodeError
from searchengine.media import imu
from searchengine.media.audio import is_plain
from searchengine.media.containers import opened
from searchengine.media.image import open_picture
from searchengine.media.options import MediaOptions
from searchengine.media.text import open_pdf
from searchengine.media.video import frame_rate_hz
from searchengine.types import MediaInfo, Modality

#: Tags of containers and photos worth filtering by.
TAGS = frozenset(
    {"title", "artist", "album", "genre", "date", "comment", "creation_time"}
    | {"taken_at", "camera_make", "camera_model"}
)

#: A tag longer than this is not a label.
MAX_TAG = 500

#: Where Python's table has nothing, or not in every version that we run on.
TYPES = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".srt": "application/x-subrip",
    ".vtt": "text/vtt",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".exr": "image/x-exr",
    ".mkv": "video/x-matroska",
    ".m4v": "video/x-m4v",
    ".m2ts": "video/mp2t",
    ".ogv": "video/ogg",
    ".wmv": "video/x-ms-wmv",
    ".flv": "video/x-flv",
    ".3gp": "video/3gpp",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".wma": "audio/x-ms-wma",
    ".tsv": "text/tab-separated-values",
    ".parquet": "application/vnd.apache.parquet",
}

#: ``2024:05:01 12:30:00``, EXIF's way to write a time.
_TAKEN = re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d")

_PYTHONS = mimetypes.MimeTypes()


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
                return _image(path)
            case Modality.TEXT:
                return MediaInfo(modality, _mime(path), metadata=_text(path))
            case _:
                return MediaInfo(modality, _mime(path))
    except (OSError, ValueError, soundfile.LibsndfileError) as error:
        said = str(error).replace(f" {str(path)!r}", "")  # a reason does not repeat the path
        raise DecodeError(str(path), f"not readable as {modality} ({said})") from error


def _mime(path: Path) -> str:
    """By suffix: Python's own table, not the machine's, so that it is the same everywhere."""
    suffix = path.suffix.lower()
    return TYPES.get(suffix) or _PYTHONS.guess_type(f"x{suffix}")[0] or "application/octet-stream"


def _audio(path: Path) -> MediaInfo:
    if is_plain(path):
        with soundfile.SoundFile(path) as sound:
            rate, seconds = float(sound.samplerate), sound.frames / sound.samplerate
            tags = dict(sound.copy_metadata())
    else:
        with opened(path, "audio") as recording:
            rate, seconds = float(recording.stream.rate), recording.length_s()
            tags = {**recording.container.metadata, **recording.stream.metadata}
    if seconds <= 0:
        raise DecodeError(str(path), "no sound in it: the recording has zero samples")
    return MediaInfo(
        Modality.AUDIO, _mime(path), seconds, rate, round(seconds * rate), metadata=_tags(tags)
    )


def _video(path: Path) -> MediaInfo:
    with opened(path, "video") as recording:
        container, stream = recording.container, recording.stream
        rate = frame_rate_hz(stream)
        # a single frame may have no length; it is shown for a period
        seconds = max(recording.length_s(), 1 / rate)
        size = {"width": stream.width, "height": stream.height}
        return MediaInfo(
            Modality.VIDEO,
            _mime(path),
            seconds,
            rate,
            stream.frames or max(round(seconds * rate), 1),
            has_sound=any(sound.codec_context for sound in container.streams.audio),
            metadata={**size, **_tags(container.metadata)},
        )


def _image(path: Path) -> MediaInfo:
    """The type is that of the content, since a browser is to show it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a broken EXIF block is no reason to refuse a photo
        with open_picture(path) as picture:
            kind = "JPEG" if picture.format == "MPO" else picture.format or ""  # with a second view
            mime = Image.MIME.get(kind) or _mime(path)
            metadata: dict[str, Any] = {"width": picture.width, "height": picture.height}
            with suppress(Exception):  # hostile EXIF raises anything; the pixels may be fine
                metadata |= _exif(picture.getexif())
    return MediaInfo(Modality.IMAGE, mime, metadata=metadata)


def _exif(exif: Image.Exif) -> dict[str, Any]:
    """When, where and with what a photo was taken (EXIF 2.32)."""
    details = exif.get_ifd(ExifTags.IFD.Exif)
    taken = details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    found: dict[str, Any] = {}
    if isinstance(taken, str) and _TAKEN.match(taken):
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
    reader = open_pdf(path)
    try:
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
