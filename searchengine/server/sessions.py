"""Cookies of pages that showed a key: media elements cannot send headers."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass

from searchengine.store.keys import AccessKey

#: How long a page stays logged in.
LIFE_S = 12 * 3600


@dataclass(frozen=True, slots=True)
class _Session:
    key: AccessKey
    until: float


class Sessions:
    """They end with the server, with their key, and after LIFE_S. Only digests are kept, and
    looked up: what a guess takes longer for is a digest, of which nothing can be chosen."""

    def __init__(self) -> None:
        self._open: dict[str, _Session] = {}

    def open(self, key: AccessKey) -> str:
        """A new token."""
        now = time.monotonic()
        self._open = {d: one for d, one in self._open.items() if one.until > now}
        token = secrets.token_urlsafe(32)
        self._open[_digest(token)] = _Session(key, now + LIFE_S)
        return token

    def close(self, token: str) -> None:
        self._open.pop(_digest(token), None)

    def find(self, token: str) -> AccessKey | None:
        """The key that was shown; whether it still is one is for the caller to ask."""
        found = self._open.get(_digest(token))
        return found.key if found and found.until > time.monotonic() else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
