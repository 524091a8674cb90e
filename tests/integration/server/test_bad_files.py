"""Files that are broken, hostile or something else: a 4xx each, and a server that goes on."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from PIL import Image

from searchengine.demo import corpus
from tests.hash_encoder import HashEncoder
from tests.integration.server.serving import BASE, hashing, make_hash_library, serving


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    library = make_hash_library(tmp_path_factory.mktemp("attacked"), HashEncoder())
    with hashing(HashEncoder()), serving(library, worker=False) as client:
        yield client


def written(samples: np.ndarray, kind: str, rate_hz: int = 8_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=kind)
    return file.getvalue()


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def array(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def huge_png(side_px: int) -> bytes:
    """A few bytes that say they are as large as that."""
    header = struct.pack(">IIBBBBB", side_px, side_px, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 10_000_000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def zip_bomb() -> bytes:
    """An npz of which one array is 2 GB of zeros."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.npy", "w") as a,
    ):
        np.lib.format.write_array_header_1_0(
            a, {"descr": "<f8", "fortran_order": False, "shape": (16_000, 16_000)}
        )
        for _ in range(40):
            a.write(b"\0" * 1_000_000)
    return file.getvalue()


def many_channels() -> bytes:
    """A wav of 65,535 channels."""
    head = struct.pack("<HHIIHH", 1, 65_535, 8_000, 0xFFFFFFFF, 65_535, 8)
    data = b"fmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", 0x7FFFFFFF)
    return b"RIFF" + struct.pack("<I", 0x7FFFFFFF) + b"WAVE" + data + b"\1" * 1_000


def huge_array() -> bytes:
    head = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (2**20, 2**20)}
    np.lib.format.write_array_header_1_0(head, shape)
    return head.getvalue() + b"\0" * 100


def pickled() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], object), allow_pickle=True)
    return file.getvalue()


HOSTILE: dict[str, tuple[str, str, bytes]] = {
    "empty picture": ("image", "x.png", b""),
    "empty sound": ("audio", "x.wav", b""),
    "empty film": ("video", "x.mp4", b""),
    "empty motion": ("imu", "x.csv", b""),
    "empty text": ("text", "x.txt", b""),
    "a header alone": ("image", "x.jpg", b"\xff\xd8\xff\xe0"),
    "a sound as a picture": ("image", "x.png", written(np.zeros(800), "WAV")),
    "a picture as a sound": ("audio", "x.wav", picture("PNG")),
    "a picture as a film": ("video", "x.mp4", picture("JPEG")),
    "words as motion": ("imu", "x.csv", b"a,b\nc,d\n"),
    "words as depth": ("depth", "x.png", b"words"),
    "a page as a picture": ("image", "x.png", b"<svg onload='alert(1)'/>"),
    "a program": ("image", "x.png", b"MZ" + bytes(500)),
    "a picture of 100,000 pixels square": ("image", "x.png", huge_png(100_000)),
    "a picture of 30,000 pixels square": ("thermal", "x.png", huge_png(30_000)),
    "gzip": ("text", "x.pdf", gzip.compress(b"\0" * 10_000_000)),
    "a zip bomb": ("depth", "x.npz", zip_bomb()),
    "more channels than there are ears": ("audio", "x.wav", many_channels()),
    "an array of 8 TB": ("depth", "x.npy", huge_array()),
    "an array that would run": ("imu", "x.npy", pickled()),
    "not numbers": ("depth", "x.npy", array(np.full((9, 9), np.nan))),
    "no modality's shape": ("thermal", "x.npy", array(np.zeros((2, 3, 4, 5)))),
}


@pytest.mark.parametrize("what", list(HOSTILE))
def test_a_hostile_file_is_refused_wherever_it_is_sent(client: TestClient, what: str) -> None:
    modality, name, content = HOSTILE[what]
    sent = {"file": (name, content)}
    for answer in (
        client.post(f"{BASE}/search", files={modality: (name, content)}),
        client.post("/v1/preview", files=sent, params={"modality": modality}),
        client.post(f"{BASE}/items", files=sent, data={"modality": modality}),
    ):
        assert 400 <= answer.status_code < 500, (what, answer.status_code, answer.text[:300])
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"] and "/tmp" not in answer.text
    assert client.get("/healthz").status_code == 200


def sound() -> np.ndarray:
    return np.random.default_rng(0).normal(size=2_000) / 9


def originals() -> dict[str, tuple[str, bytes]]:
    """A small sound file of every format that is common."""

    def demo(name: str) -> bytes:
        return (corpus() / name).read_bytes()

    return {
        "x.png": ("image", picture("PNG")),
        "x.jpg": ("image", picture("JPEG")),
        "x.webp": ("image", picture("WEBP")),
        "x.gif": ("image", picture("GIF")),
        "x.tiff": ("image", picture("TIFF")),
        "x.wav": ("audio", written(sound(), "WAV")),
        "x.flac": ("audio", written(sound(), "FLAC")),
        "x.ogg": ("audio", written(sound(), "OGG")),
        "x.mp3": ("audio", written(sound(), "MP3", 16_000)),
        "x.mp4": ("video", demo("videos/surf.mp4")),
        "x.csv": ("imu", demo("motion/run.csv")[:4_000]),
        "x.npy": ("depth", array(np.ones((8, 9), np.float32))),
        "y.png": ("thermal", demo("thermal/crowd.png")),
        "x.md": ("text", demo("texts/dogs.md")),
        "x.html": ("text", b"<html><body><p>dogs bark</p></body></html>"),
        "x.srt": ("text", b"1\n00:00:01,000 --> 00:00:02,000\ndogs bark\n"),
    }


def mutated(content: bytes, luck: random.Random) -> bytes:
    """Bytes changed, cut off, left out or doubled."""
    bytes_ = bytearray(content)
    for _ in range(luck.choice((1, 1, 3, 20))):
        if not bytes_:
            break
        place = luck.randrange(min(len(bytes_), luck.choice((64, 1_000, len(bytes_)))))
        match luck.randrange(5):
            case 0 | 1:
                bytes_[place] = luck.randrange(256)
            case 2:
                del bytes_[luck.randrange(len(bytes_)) :]
            case 3:
                del bytes_[place : place + luck.randrange(1, 50)]
            case _:
                bytes_[place:place] = luck.choice((b"\xff" * 4, b"\0" * 8, bytes_[:40]))
    return bytes(bytes_)


def attack(client: TestClient, name: str, rounds: int) -> None:
    modality, content = originals()[name]
    luck = random.Random(name)
    for number in range(rounds):
        sent = {modality: (name, mutated(content, luck))}
        answer = client.post(f"{BASE}/search", files=sent)
        said = (name, number, answer.status_code, answer.text[:300])
        assert answer.status_code == 200 or 400 <= answer.status_code < 500, said
        assert answer.status_code == 200 or answer.json()["status"] == answer.status_code
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("name", list(originals()))
def test_a_file_with_errors_is_answered_or_refused(client: TestClient, name: str) -> None:
    attack(client, name, 12)


@pytest.mark.slow
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("name", list(originals()))
def test_five_thousand_files_with_errors_are_answered_or_refused(
    client: TestClient, name: str
) -> None:
    attack(client, name, 5_000)
