"""Which modality a file is of, and by which rule: never a guess from what it looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchengine.errors import DecodeError, UnsupportedMedia
from searchengine.media.imu_columns import has_accelerometer, split_header
from searchengine.types import Modality

TEXT = frozenset({".txt", ".md", ".markdown", ".html", ".htm", ".srt", ".vtt", ".pdf"})
IMAGE = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"}
    | {".heic", ".heif", ".ppm"}
)
#: Without .ts and .mts: far more of those are TypeScript than transport streams.
VIDEO = frozenset(
    {".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".m2ts", ".ogv"}
    | {".wmv", ".flv", ".3gp"}
)
AUDIO = frozenset(
    {".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma", ".aif", ".aiff"}
)
TABLES = frozenset({".csv", ".tsv"})

#: What can be read as each modality when something says that it is one.
READABLE: dict[Modality, frozenset[str]] = {
    Modality.TEXT: TEXT,
    Modality.IMAGE: IMAGE,
    Modality.VIDEO: VIDEO,
    Modality.AUDIO: AUDIO | VIDEO,
    Modality.DEPTH: frozenset({".png", ".tif", ".tiff", ".npy", ".npz", ".pfm", ".exr"}),
    Modality.THERMAL: frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".npy", ".npz"}),
    Modality.IMU: TABLES | {".npy", ".npz", ".parquet"},
}

#: What an extension means by itself. Tables need a look; .npy, .npz, .parquet say nothing.
BY_SUFFIX: dict[str, Modality] = {
    **dict.fromkeys(TEXT, Modality.TEXT),
    **dict.fromkeys(IMAGE, Modality.IMAGE),
    **dict.fromkeys(VIDEO, Modality.VIDEO),
    **dict.fromkeys(AUDIO, Modality.AUDIO),
    **dict.fromkeys((".pfm", ".exr"), Modality.DEPTH),
}

#: The word in ``x.WORD.png`` or the name of a folder, whole and in any case. "rgb" is here for
#: photos that lie below a folder of thermal or depth frames.
WORDS = {
    "thermal": Modality.THERMAL,
    "depth": Modality.DEPTH,
    "imu": Modality.IMU,
    "rgb": Modality.IMAGE,
}

METADATA_NAME = "metadata.jsonl"

_CANDIDATES = frozenset().union(*READABLE.values())

_HOW_TO_TELL = (
    "tell by a folder (thermal/, depth/, imu/), a name (x.depth{suffix}), "
    "a metadata.jsonl row, or --modality"
)


@dataclass(frozen=True, slots=True)
class Decision:
    """A file's modality and the rule that gave it, such as "folder thermal/"."""

    modality: Modality
    rule: str


def is_candidate(path: Path) -> bool:
    """Whether the name is one that some rule could make readable; the file is not opened.

    Hidden files and ``metadata.jsonl`` never are.
    """
    return not path.name.startswith(".") and path.suffix.lower() in _CANDIDATES


def decide(
    path: Path,
    declared: Modality | None = None,
    row: Mapping[str, Any] | None = None,
    root: Path | None = None,
) -> Decision:
    """The modality of a file by the first rule that speaks.

    In order: ``declared`` (a flag), the ``metadata.jsonl`` ``row``, the file's name
    (``x.depth.png``), the nearest folder up to and including ``root`` (``thermal/``), the
    extension. Without ``root`` only the file's own folder counts. Names and folders that
    cannot be meant (``imu/plot.jpg``, ``depth/notes.txt``) are passed over, but a picture or a
    video in a thermal or depth place is refused rather than taken for a photo.

    Raises UnsupportedMedia, with the way out, when no rule speaks or the extension cannot be of
    that modality; DecodeError when a table cannot be opened for a look at its header.
    """
    if declared is not None:
        return _checked(path, Decision(declared, f"flag --modality {declared}"))
    if row is not None and row.get("modality") is not None:
        return _checked(path, Decision(_named(path, row["modality"]), METADATA_NAME))
    for decision in (_by_name(path), _by_folder(path, root)):
        if decision is not None and _is_meant(path, decision):
            return _checked(path, decision)
    return _by_extension(path)


def _named(path: Path, value: Any) -> Modality:
    try:
        return Modality(value)
    except ValueError as error:
        known = ", ".join(Modality)
        raise UnsupportedMedia(
            str(path), f"{METADATA_NAME} says modality {value!r}, which is none of {known}"
        ) from error


def _by_name(path: Path) -> Decision | None:
    modality = WORDS.get(Path(path.stem).suffix[1:].lower())
    return Decision(modality, "file name") if modality else None


def _by_folder(path: Path, root: Path | None) -> Decision | None:
    for folder in _folders(path, root):
        modality = WORDS.get(folder.name.lower())
        if modality:
            return Decision(modality, f"folder {folder.name}/")
    return None


def _folders(path: Path, root: Path | None) -> list[Path]:
    """The folders around a file, nearest first, ending with ``root``."""
    folders = list(path.absolute().parents)
    top = root.absolute() if root is not None else folders[0]
    return folders[: folders.index(top) + 1] if top in folders else folders[:1]


def _is_meant(path: Path, decision: Decision) -> bool:
    """False for a file that a name or folder cannot mean, like a readme among depth maps."""
    suffix = path.suffix.lower()
    if suffix in READABLE[decision.modality] or suffix not in BY_SUFFIX:
        return True
    seen = BY_SUFFIX[suffix] in (Modality.IMAGE, Modality.VIDEO)
    return seen and decision.modality in (Modality.THERMAL, Modality.DEPTH)


def _checked(path: Path, decision: Decision) -> Decision:
    suffix, readable = path.suffix.lower(), READABLE[decision.modality]
    if suffix and suffix not in readable:
        raise UnsupportedMedia(
            str(path),
            f"a {suffix} is never {decision.modality} ({decision.rule}); "
            f"that is read from {', '.join(sorted(readable))}",
        )
    return decision


def _by_extension(path: Path) -> Decision:
    suffix = path.suffix.lower()
    if suffix in TABLES:
        return _by_header(path)
    if suffix in BY_SUFFIX:
        doubt = " (16-bit grey: if depth or thermal, say so)" if _is_grey16_png(path) else ""
        return Decision(BY_SUFFIX[suffix], f"extension {suffix}{doubt}")
    if suffix in _CANDIDATES:
        raise UnsupportedMedia(
            str(path), f"a {suffix} may hold anything: {_HOW_TO_TELL.format(suffix=suffix)}"
        )
    raise UnsupportedMedia(str(path), f"files ending in {suffix or 'nothing'} are not read")


def _by_header(path: Path) -> Decision:
    suffix = path.suffix.lower()
    line = _start(path, 65_536).partition(b"\n")[0].decode("utf-8-sig", "replace")
    if has_accelerometer(split_header(line)[0]):
        return Decision(Modality.IMU, f"extension {suffix}, accelerometer columns")
    raise UnsupportedMedia(
        str(path),
        "a table, but no accelerometer columns accel_{x,y,z}_m_s2 (or _g); if it is a motion "
        "recording, name its columns with --imu-columns and use --modality imu",
    )


def _is_grey16_png(path: Path) -> bool:
    """By the header alone (PNG, section 11.2.1): bit depth 16, colour type 0."""
    if path.suffix.lower() != ".png":
        return False
    try:
        start = _start(path, 26)
    except DecodeError:
        return False  # the reader will say what is wrong with it
    return start[:8] == b"\x89PNG\r\n\x1a\n" and start[24:26] == b"\x10\x00"


def _start(path: Path, size_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size_bytes)
    except OSError as error:
        raise DecodeError(str(path), f"cannot be opened ({error.strerror})") from error
