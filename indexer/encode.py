"""Pieces to vectors, in batches of one modality, as many as are waiting."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence

import numpy as np

from indexer.channel import Source
from indexer.pieces import Failed, Outcome, Pending, Piece
from indexer.prepare import failure
from searchengine.encoders.encoder import Encoder
from searchengine.errors import EncoderError
from searchengine.types import FloatArray, Modality

log = logging.getLogger(__name__)

#: Segments of one batch at most: beyond it a GPU gains little and a CPU nothing.
BATCH = 32


class EncodeStage:
    """Encodes what is waiting. ``busy_s`` counts the time inside the encoder."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.busy_s = 0.0

    def __call__(self, source: Source[Piece | Outcome]) -> Iterator[Pending | Outcome]:
        """Files whose last vector is there, and everything that needs no encoding."""
        while items := source.take(BATCH):
            yield from (item for item in items if not isinstance(item, Piece))
            pieces = [item for item in items if isinstance(item, Piece)]
            for modality in dict.fromkeys(piece.modality for piece in pieces):
                mine = [piece for piece in pieces if piece.modality is modality]
                yield from self._encode(mine, modality)

    def _encode(self, pieces: Sequence[Piece], modality: Modality) -> Iterator[Pending | Failed]:
        """A batch; when it fails, one by one, so that only the bad ones are lost."""
        start = time.perf_counter()
        try:
            vectors = self._checked(pieces, modality)
        except Exception as error:
            if len(pieces) > 1:
                log.warning("a batch of %s failed (%s); trying one by one", modality, error)
                for piece in pieces:
                    yield from self._encode([piece], modality)
                return
            yield _failed(pieces[0], error)
            return
        finally:
            self.busy_s += time.perf_counter() - start
        for piece, vector in zip(pieces, vectors, strict=True):
            piece.pending.vectors[piece.position] = vector
            piece.pending.missing -= 1
            if piece.pending.missing == 0:
                yield piece.pending

    def _checked(self, pieces: Sequence[Piece], modality: Modality) -> FloatArray:
        vectors = self._encoder.encode([piece.prepared for piece in pieces], modality)
        if not np.isfinite(vectors).all():
            raise EncoderError(f"{self._encoder.name} gave a vector that is not finite")
        return vectors


def _failed(piece: Piece, error: Exception) -> Failed:
    wrapped = error if isinstance(error, EncoderError) else EncoderError(f"{error!r}")
    return Failed(failure(piece.pending.compared.file.path, wrapped), piece.pending.key)
