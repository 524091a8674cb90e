"""An encoder without weights: what is alike in bytes, or in words, is near."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass

import numpy as np

from searchengine.encoders.encoder import Prepared
from searchengine.errors import EncoderError, UnsupportedModality
from searchengine.types import FloatArray, Media, MediaInfo, Modality, Sampling, Span


class HashEncoder:
    """Encodes all seven modalities. ``encoded`` counts segments; ``delay_s`` slows a batch."""

    def __init__(
        self,
        dim: int = 64,
        delay_s: float = 0.0,
        modalities: frozenset[Modality] = frozenset(Modality),
        identity: str = "hash@1",
    ) -> None:
        self.name = "hash"
        self.identity = identity
        self.dim = dim
        self.modalities = modalities
        self.centers: Mapping[Modality, FloatArray] = {}
        self.encoded = 0
        self._delay_s = delay_s
        self._lock = threading.Lock()

    def sampling(self, info: MediaInfo, span: Span | None) -> Sampling:
        return Sampling()

    def preprocess(self, media: Media, modality: Modality) -> Prepared:
        if modality not in self.modalities:
            raise UnsupportedModality(f"this hash encoder encodes no {modality}")
        words = media.lower().split() if isinstance(media, str) else [_digest(media)]
        if not words:
            raise EncoderError("the text is empty")
        return np.sum([_normal(word, self.dim) for word in words], axis=0)

    def encode(self, batch: Sequence[Prepared], modality: Modality) -> FloatArray:
        time.sleep(self._delay_s)
        with self._lock:
            self.encoded += len(batch)
        vectors = np.array(batch, np.float32).reshape(len(batch), self.dim)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _normal(word: str, dim: int) -> Prepared:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
    return np.random.default_rng(seed).normal(size=dim)


def _digest(media: Media) -> str:
    parts = [getattr(media, f.name) for f in fields(media)] if is_dataclass(media) else [media]
    return hashlib.sha256(b"".join(np.asarray(part).tobytes() for part in parts)).hexdigest()
