"""The seam between media and vectors: what every encoder is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy.typing as npt

from searchengine.types import FloatArray, Media, MediaInfo, Modality, Sampling, Span

#: One preprocessed segment, as the encoder's own network wants it.
Prepared: TypeAlias = npt.NDArray[Any]


class Encoder(Protocol):
    """Turns media of some modalities into vectors of one space.

    ``name`` is what users type. ``identity`` also names the weights and every preprocessing
    option: vectors of different identities are never compared. ``dim`` is the length of a
    vector. ``centers`` are the means of a modality's vectors, float32 (dim,), for those that are
    known beforehand. Threads may share an encoder.
    """

    name: str
    identity: str
    dim: int
    modalities: frozenset[Modality]
    centers: Mapping[Modality, FloatArray]

    def sampling(self, info: MediaInfo, span: Span | None) -> Sampling:
        """What must be decoded of that part (None: all) of a file."""
        ...

    def preprocess(self, media: Media, modality: Modality) -> Prepared:
        """One segment, ready for the network. CPU work, called from several threads.

        Raises UnsupportedModality for a modality that is not in ``modalities``.
        """
        ...

    def encode(self, batch: Sequence[Prepared], modality: Modality) -> FloatArray:
        """Vectors float32 (len(batch), dim), each of length 1 and finite, in order."""
        ...
