"""One file to pieces an encoder can take, or to the reason why nothing need be encoded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from indexer.compare import Compared, State, row_text, same_embedding
from indexer.pieces import Claims, Done, Failed, Outcome, Pending, Piece, Settings, Twin
from searchengine.encoders.encoder import Encoder
from searchengine.errors import DecodeError, MediaError, SearchEngineError, UnsupportedModality
from searchengine.media.decode import Wanted
from searchengine.media.modality import Decision, decide
from searchengine.media.options import MediaOptions
from searchengine.media.sandbox import Sandbox
from searchengine.store.change import Addition, Update
from searchengine.store.known import Known
from searchengine.store.library import Library
from searchengine.types import Collection, Failure, MediaInfo, Modality

#: Segments decoded in one go: enough to read a long video forwards, few enough to hold.
AHEAD = 8


class Preparer:
    """Prepares files; several threads share one."""

    def __init__(
        self,
        library: Library,
        collection: Collection,
        encoder: Encoder,
        sandbox: Sandbox,
        settings: Settings,
        claims: Claims,
    ) -> None:
        self._library = library
        self._collection = collection
        self._encoder = encoder
        self._sandbox = sandbox
        self._settings = settings
        self._recipe = settings.recipe()
        self._claims = claims
        self._moved: set[int] = set()

    def __call__(self, compared: Compared | Failure) -> Iterator[Piece | Outcome]:
        """Never raises for what a file holds: that becomes a ``Failed``."""
        if isinstance(compared, Failure):
            yield Failed(compared)
        elif compared.state is State.RETAGGED and compared.known:
            yield Done(compared, _update(compared, compared.known))
        else:
            yield from self._read(compared)

    def _read(self, compared: Compared) -> Iterator[Piece | Outcome]:
        key = ""
        try:
            modality = choose(compared, self._settings.declared, self._encoder).modality
            sha256 = _digest(compared.file.path)
            known = compared.known
            if known and self._alike(compared, modality, known) and sha256 == known.sha256:
                yield Done(compared, _update(compared, known))
                return
            key = f"{sha256} {modality} {self._options(compared).recipe()}"
            if failed := self._claims.failed(key):
                yield Failed(replace(failed, path=compared.file.path))
                return
            if not self._claims.take(key):
                yield Twin(compared)
                return
            stored = self._stored(compared, modality, sha256)
            if stored:
                yield Done(compared, stored, key)
            else:
                yield from self._embed(compared, key, sha256, modality)
        except SearchEngineError as error:
            yield Failed(failure(compared.file.path, error), key)

    def _alike(self, compared: Compared, modality: Modality, known: Known) -> bool:
        """Whether equal bytes would give the vectors that ``known`` has."""
        return (
            known.recipe == self._recipe
            and known.modality is modality
            and same_embedding(compared.file.row, known.row)
        )

    def _stored(
        self, compared: Compared, modality: Modality, sha256: str
    ) -> Update | Addition | None:
        """The same bytes elsewhere: a file that has moved, or one to copy the vectors of."""
        twins = [
            known
            for known in self._library.catalog.with_hash(self._collection, sha256)
            if self._alike(compared, modality, known)
        ]
        for twin in twins:
            if not compared.known and not os.path.lexists(twin.path) and self._first(twin.id):
                return _update(compared, twin)
        return self._copy(compared, twins[0]) if twins else None

    def _first(self, item_id: int) -> bool:
        """Whether no other new file has taken this item's place in this run."""
        taken = item_id in self._moved
        self._moved.add(item_id)
        return not taken

    def _copy(self, compared: Compared, twin: Known) -> Addition | None:
        try:
            item, segments = self._library.catalog.item(self._collection, twin.id)
        except KeyError:
            return None
        tables = self._library.snapshot(self._collection).tables
        vectors = [tables[s.modality].vectors(np.array([s.id])) for s in segments]
        if not all(map(len, vectors)):
            return None
        info = MediaInfo(
            item.modality,
            item.mime_type,
            item.duration_s,
            metadata=self._library.catalog.own_metadata(twin.id),
        )
        spans = [(s.modality, s.span) for s in segments]
        said = self._library.catalog.passages([s.id for s in segments])
        passages = [said.get(s.id) for s in segments]
        stacked = np.concatenate(vectors)
        copy = Pending(compared, "", twin.sha256, item.modality, info, spans, stacked, 0, passages)
        return copy.addition(self._recipe)

    def _embed(
        self, compared: Compared, key: str, sha256: str, modality: Modality
    ) -> Iterator[Piece | Failed]:
        path, options = Path(compared.file.path), self._options(compared)
        cutting = self._settings.cutting
        outline = self._sandbox.outline(path, modality, options, cutting)
        tracks = [(modality, outline)]
        if self._wants_sound(modality) and outline.info.has_sound:
            try:
                sound = self._sandbox.outline(path, Modality.AUDIO, options, cutting)
                tracks.append((Modality.AUDIO, sound))
            except MediaError as error:  # the pictures may be fine
                reason = f"its soundtrack is left out: {error.reason}"
                yield Failed(Failure(str(path), type(error).__name__, reason))
        segments = [(track, span) for track, found in tracks for span in found.spans]
        vectors = np.empty((len(segments), self._encoder.dim), np.float32)
        pending = Pending(
            compared, key, sha256, modality, outline.info, segments, vectors, len(segments)
        )
        pending.passages = [None] * len(segments)
        start = 0
        for track, found in tracks:
            yield from self._pieces(pending, start, track, found.info, options)
            start += len(found.spans)

    def _pieces(
        self, pending: Pending, start: int, track: Modality, info: MediaInfo, options: MediaOptions
    ) -> Iterator[Piece]:
        path = Path(pending.compared.file.path)
        spans = [span for modality, span in pending.segments if modality is track]
        for first in range(0, len(spans), AHEAD):
            part = spans[first : first + AHEAD]
            wanted = [Wanted(span, self._encoder.sampling(info, span)) for span in part]
            for position, media in enumerate(
                self._sandbox.decode(path, track, wanted, options), start + first
            ):
                if isinstance(media, str):
                    pending.passages[position] = media
                yield Piece(pending, position, self._encoder.preprocess(media, track))

    def _wants_sound(self, modality: Modality) -> bool:
        able = Modality.AUDIO in self._encoder.modalities
        return modality is Modality.VIDEO and self._settings.soundtrack and able

    def _options(self, compared: Compared) -> MediaOptions:
        return self._settings.options.with_row(compared.file.row)


def choose(compared: Compared, declared: Modality | None, encoder: Encoder) -> Decision:
    """A file's modality: declared now, or as it was indexed before, or by the rules.

    Raises UnsupportedMedia when no rule speaks, UnsupportedModality when the encoder cannot.
    """
    file = compared.file
    if declared is None and compared.known and "modality" not in file.row:
        decision = Decision(compared.known.modality, "indexed so before")
    else:
        decision = decide(Path(file.path), declared, file.row, Path(file.root))
    if decision.modality not in encoder.modalities:
        able = ", ".join(m for m in Modality if m in encoder.modalities)
        raise UnsupportedModality(
            f"{encoder.name} cannot encode {decision.modality} ({decision.rule}); it encodes {able}"
        )
    return decision


def failure(path: str, error: SearchEngineError) -> Failure:
    """The error as a value, without repeating the path."""
    return Failure(path, type(error).__name__, str(getattr(error, "reason", error)))


def _update(compared: Compared, known: Known) -> Update:
    return Update(
        known.id, compared.file.path, compared.file.modified_ns, row_text(compared.file.row)
    )


def _digest(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DecodeError(path, f"cannot be read ({error.strerror})") from error
