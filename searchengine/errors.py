"""Everything that can go wrong, as one tree.

::

    SearchEngineError            catch this to catch all of ours
      ConfigError                a setting is missing or wrong
      MediaError                 one file; an index run reports it and goes on
        UnsupportedMedia         not a kind we read
        DecodeError              a kind we read, but broken, hostile or too large
      EncoderError               a model, or what it was asked to do
        UnknownEncoder           no encoder of that name
        CheckpointError          weights missing, altered or foreign
        UnsupportedModality      the encoder cannot encode that kind of media
      StoreError                 the library on disk
        CollectionNotFound
        CollectionExists
        EncoderMismatch          the collection was made by another encoder
        NothingPublished         the collection has nothing to search yet
        SchemaOutdated           the library is older or newer than this program
        StoreCorrupt             a file of the library is missing or altered
        StoreLocked              another process is writing
      QueryError                 what was asked
        ItemNotFound             no item of that id
        EmptyQuery
        InvalidFilter            the filter does not parse; says where
      ServerError                a server cannot be reached, refuses, is busy or fails
"""

from __future__ import annotations


class SearchEngineError(Exception):
    """Base of all errors here. ``str(error)`` is one line: what, where, and the way out."""


class ConfigError(SearchEngineError):
    """A setting is missing or wrong; the text names it."""


class MediaError(SearchEngineError):
    """A file cannot be used.

    ``path`` is the file as given; ``reason`` says why without repeating the path.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type[MediaError], tuple[str, str]]:
        return type(self), (self.path, self.reason)  # crosses process borders whole


class UnsupportedMedia(MediaError):
    """The file is of no kind we read."""


class DecodeError(MediaError):
    """The file claims a kind we read, but cannot be decoded within the limits."""


class EncoderError(SearchEngineError):
    """A model, or what it was asked to do."""


class UnknownEncoder(EncoderError):
    """No encoder has that name; the text lists those that exist."""


class CheckpointError(EncoderError):
    """Weights are missing, altered or of another model; the text names the file and the cure."""


class UnsupportedModality(EncoderError):
    """The encoder cannot encode that kind of media; the text says which encoder can."""


class StoreError(SearchEngineError):
    """The library on disk."""


class CollectionNotFound(StoreError):
    """No collection has that name; the text lists those that exist."""


class CollectionExists(StoreError):
    """A collection of that name is already there."""


class EncoderMismatch(StoreError):
    """The collection's vectors come from another encoder or other preprocessing."""


class NothingPublished(StoreError):
    """The collection has nothing to search yet."""


class BudgetTooSmall(StoreError):
    """The vectors do not fit in the memory they may take. Both sizes are in bytes."""

    def __init__(self, budget_bytes: int, least_bytes: int, vectors: int) -> None:
        super().__init__(
            f"a memory budget of {budget_bytes / 1e6:.1f} MB is too small: an index of "
            f"{vectors:,} vectors takes at least {least_bytes / 1e6:.1f} MB; what was indexed "
            "before is kept; raise --memory-budget or SEARCHENGINE_MEMORY_BUDGET"
        )
        self.budget_bytes = budget_bytes
        self.least_bytes = least_bytes
        self.vectors = vectors

    def __reduce__(self) -> tuple[type[BudgetTooSmall], tuple[int, int, int]]:
        return type(self), (self.budget_bytes, self.least_bytes, self.vectors)


class SchemaOutdated(StoreError):
    """The library was made by an older or a newer version of this program."""


class StoreCorrupt(StoreError):
    """A file of the library is missing, truncated or altered. ``path`` names it."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class StoreLocked(StoreError):
    """Another process is writing to the library."""


class QueryError(SearchEngineError):
    """What was asked cannot be answered as it stands."""


class ItemNotFound(QueryError):
    """The collection has no item of that id."""


class EmptyQuery(QueryError):
    """The query has no part that could be searched for."""


class InvalidFilter(QueryError):
    """The filter does not parse. ``position`` is the offset of the mistake in characters."""

    def __init__(self, text: str, position: int, reason: str) -> None:
        super().__init__(f"filter: {reason} at character {position + 1}: {text!r}")
        self.text = text
        self.position = position
        self.reason = reason


class ServerError(SearchEngineError):
    """A server cannot be reached, refuses, is busy or fails.

    ``server`` is where it is, ``status`` that of its answer, None without one.
    """

    def __init__(self, server: str, reason: str, status: int | None = None) -> None:
        super().__init__(f"{server}: {reason}")
        self.server = server
        self.reason = reason
        self.status = status

    def __reduce__(self) -> tuple[type[ServerError], tuple[str, str, int | None]]:
        return type(self), (self.server, self.reason, self.status)
