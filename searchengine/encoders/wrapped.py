"""An encoder that stands before another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from searchengine.encoders.encoder import Encoder, Prepared
from searchengine.types import FloatArray, Media, MediaInfo, Modality, Sampling, Span


class Wrapped:
    """See ``Encoder``: all is as the one behind it does it. Made to be changed in part."""

    def __init__(self, encoder: Encoder) -> None:
        self.name = encoder.name
        self.identity = encoder.identity
        self.dim = encoder.dim
        self.modalities = encoder.modalities
        self.centers: Mapping[Modality, FloatArray] = encoder.centers
        self._encoder = encoder

    def sampling(self, info: MediaInfo, span: Span | None) -> Sampling:
        return self._encoder.sampling(info, span)

    def preprocess(self, media: Media, modality: Modality) -> Prepared:
        return self._encoder.preprocess(media, modality)

    def encode(self, batch: Sequence[Prepared], modality: Modality) -> FloatArray:
        return self._encoder.encode(batch, modality)
