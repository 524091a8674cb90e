"""What many queries are made of, encoded in batches before they are asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from searchengine.encoders.encoder import Encoder, Prepared
from searchengine.encoders.wrapped import Wrapped
from searchengine.errors import SearchEngineError
from searchengine.types import FloatArray, Media, Modality, Query

#: Segments that go through a network at once.
ENCODED = 64


class Ahead(Wrapped):
    """An encoder that has encoded what ``queries`` are made of; see ``Encoder``.

    Media that could not be are tried again by themselves, so that only their query fails.
    """

    def __init__(self, encoder: Encoder, queries: Iterable[Query]) -> None:
        super().__init__(encoder)
        self._vectors: dict[tuple[int, Modality], FloatArray] = {}
        media: dict[Modality, list[Media]] = defaultdict(list)
        for part in (part for query in queries for part in query.parts):
            if part.modality is not None:
                media[part.modality] += part.media
        for modality, every in media.items():
            for start in range(0, len(every), ENCODED):
                self._encode(every[start : start + ENCODED], modality)

    def preprocess(self, media: Media, modality: Modality) -> Prepared:
        found = self._vectors.get((id(media), modality))
        if found is None:
            prepared = self._encoder.preprocess(media, modality)
            found = self._encoder.encode([prepared], modality)[0]
        return found

    def encode(self, batch: Sequence[Prepared], modality: Modality) -> FloatArray:
        return np.stack(batch)

    def _encode(self, media: Sequence[Media], modality: Modality) -> None:
        kept, prepared = [], []
        for one in media:
            try:
                prepared.append(self._encoder.preprocess(one, modality))
                kept.append((id(one), modality))
            except SearchEngineError:
                continue
        try:
            vectors = self._encoder.encode(prepared, modality) if prepared else ()
        except SearchEngineError:
            return
        self._vectors.update(zip(kept, vectors, strict=True))
