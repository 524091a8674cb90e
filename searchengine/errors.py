"""Everything that can go wrong, as one tree.

::

    SearchEngineError            catch this to catch all of ours
      ConfigError                a setting is missing or wrong
      MediaError                 one file; an index run reports it and goes on
        UnsupportedMedia         not a kind we read
        DecodeError              a kind we read, but broken, hostile or too large
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
