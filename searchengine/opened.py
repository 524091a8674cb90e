"""What an ``Engine`` works with: its library, its encoder and a decoder, opened on first need."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from searchengine.encoders import registry
from searchengine.encoders.encoder import Encoder
from searchengine.errors import CollectionNotFound, EncoderMismatch
from searchengine.media.options import MediaOptions
from searchengine.media.outline import Cutting
from searchengine.media.sandbox import Sandbox
from searchengine.query.check import check_encoder
from searchengine.query.parse import Reader
from searchengine.store.library import Library
from searchengine.store.vectors.recipe import Recipe
from searchengine.types import Collection

DEFAULT_ENCODER = "starter"


@dataclass
class Opened:
    """Of the library at ``path`` and one ``collection`` of it. Threads may share it.

    ``chosen`` is an encoder or its name; None is what the collection was made with, or
    ``starter``. ``lent`` decodes files, and is not closed here. Nothing is loaded or created
    before it is asked for.
    """

    path: Path
    name: str
    chosen: str | Encoder | None
    device: str
    options: MediaOptions
    recipe: Recipe
    lent: Sandbox | None
    database_url: str | None
    _library: Library | None = None
    _encoder: Encoder | None = None
    _sandbox: Sandbox | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def close(self) -> None:
        with self._lock:
            if self._sandbox:
                self._sandbox.close()
            if self._library:
                self._library.close()
            self._sandbox = self._library = None

    def library(self, *, create: bool = False) -> Library:
        """Raises StoreError when there is none and it is not to be made."""
        with self._lock:
            if self._library is None:
                on = "cuda" if self.device == "cuda" else None  # auto leaves it to the networks
                self._library = Library(
                    self.path,
                    create=create,
                    recipe=self.recipe,
                    scanned_on=on,
                    database_url=self.database_url,
                )
            return self._library

    def encoder(self) -> Encoder:
        with self._lock:
            if self._encoder is None:
                self._encoder = self.load(self.chosen or self._made_by() or DEFAULT_ENCODER)
            return self._encoder

    def load(self, encoder: str | Encoder) -> Encoder:
        return registry.load(encoder, self.device) if isinstance(encoder, str) else encoder

    def decoder(self) -> Sandbox:
        """One child process decodes the files of queries."""
        if self.lent:
            return self.lent
        with self._lock:
            if self._sandbox is None:
                self._sandbox = Sandbox(1)
            return self._sandbox

    def reader(self) -> Reader:
        """It makes parts of a query of what callers give."""
        return Reader(self.encoder(), self.decoder(), self.options, Cutting())

    # -- the collection

    def collection(self) -> Collection:
        """Raises CollectionNotFound."""
        return self.library().catalog.collection(self.name)

    def found(self) -> Collection | None:
        """The collection, if there is one."""
        if not Library.exists(self.path):
            return None
        try:
            return self.collection()
        except CollectionNotFound:
            return None

    def fitting(self) -> tuple[Collection, Encoder]:
        """The collection and its encoder. Raises EncoderMismatch when they do not belong together,
        CollectionNotFound."""
        collection, encoder = self.collection(), self.encoder()
        self.check(collection, encoder)
        return collection, encoder

    def create(self, name: str, encoder: Encoder) -> Collection:
        """A new, empty collection. Raises CollectionExists."""
        with self.library(create=True).writer() as writer:
            identity, options = encoder.identity, self.options.identity()
            return writer.create(name, encoder.name, identity, options, encoder.dim)

    def check(self, collection: Collection, encoder: Encoder) -> None:
        """Vectors of different encoders, or of pictures read differently, never share a room.

        Raises EncoderMismatch.
        """
        check_encoder(encoder, collection)
        if self.options.identity() != collection.options:
            raise EncoderMismatch(
                f"the pictures of collection {collection.name!r} were read with "
                f"{collection.options}, not {self.options.identity()}; use the same MediaOptions"
            )

    def _made_by(self) -> str | None:
        made = self.found()
        return made.encoder if made else None
