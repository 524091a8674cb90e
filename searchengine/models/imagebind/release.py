"""What Meta published: one file, known by its size and its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeAlias
from urllib.parse import urlsplit

from searchengine.errors import CheckpointError
from searchengine.models.imagebind.config import ImageBindConfig

#: Told what is going on (``downloading``, ``checking``, ``converting``), and how many bytes of
#: how many are done.
OnProgress: TypeAlias = Callable[[str, int, int], None]

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Release:
    """A published checkpoint. ``licence`` is its SPDX name; ``sha256`` is in lower-case hex."""

    name: str
    url: str
    size_bytes: int
    sha256: str
    licence: str
    licence_url: str
    config: ImageBindConfig

    @property
    def file_name(self) -> str:
        return PurePosixPath(urlsplit(self.url).path).name


#: Address and licence: README of https://github.com/facebookresearch/ImageBind. Size and digest:
#: those of the file at that address.
IMAGEBIND_HUGE = Release(
    name="imagebind-huge",
    url="https://dl.fbaipublicfiles.com/imagebind/imagebind_huge.pth",
    size_bytes=4_803_584_173,
    sha256="d6f6c22bedcc90708448d5d2fbb7b2db9c73f505dc89bd0b2e09b23af1b62157",
    licence="CC-BY-NC-SA-4.0",
    licence_url="https://creativecommons.org/licenses/by-nc-sa/4.0/",
    config=ImageBindConfig.huge(),
)

#: What can be fetched, by the name of the encoder that needs it.
RELEASES = {IMAGEBIND_HUGE.name: IMAGEBIND_HUGE}


class WrongFile(CheckpointError):
    """A file that is not the published one, whole and unaltered."""


def quietly(_step: str, _done_bytes: int, _total_bytes: int) -> None:
    """For those who do not want to know how it is going."""


def check(release: Release, path: Path, on_progress: OnProgress = quietly) -> None:
    """Raise WrongFile unless ``path`` is the published file, byte for byte."""
    try:
        check_size(release, path, path.stat().st_size)
        with path.open("rb") as file:
            digest = hashlib.sha256()
            for done_bytes in hashing(file, digest):
                on_progress("checking", done_bytes, release.size_bytes)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    check_digest(release, path, digest.hexdigest())


def check_size(release: Release, path: Path, size_bytes: int) -> None:
    """Raise WrongFile unless that is the size of the published file."""
    if size_bytes != release.size_bytes:
        raise WrongFile(
            f"{path}: {size_bytes} bytes, but {release.file_name} has {release.size_bytes}; "
            "fetch it again"
        )


def check_digest(release: Release, path: Path, sha256: str) -> None:
    """Raise WrongFile unless that is the digest of the published file."""
    if sha256 != release.sha256:
        raise WrongFile(
            f"{path}: altered, its SHA-256 is {sha256[:12]}... and that of {release.file_name} "
            f"{release.sha256[:12]}...; fetch it again"
        )


def hashing(file: BinaryIO, digest: hashlib._Hash) -> Iterator[int]:
    """Feed what is left of ``file`` to ``digest``; yields the bytes fed so far."""
    done_bytes = 0
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
        done_bytes += len(block)
        yield done_bytes
