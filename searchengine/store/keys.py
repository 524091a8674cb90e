"""Keys that let programs and people use a server."""

from __future__ import annotations

import enum
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

import sqlalchemy
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from searchengine.errors import ConfigError
from searchengine.store.tables import KeyRow

#: Tells what a leaked string is.
PREFIX = "sk-"


class Scope(enum.StrEnum):
    """What a key may do: look, or also change the library."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """What is kept of a key: never the key itself. ``created_at`` is Unix seconds."""

    name: str
    scope: Scope
    created_at: float


class Keys:
    """The keys of a library."""

    def __init__(self, engine: sqlalchemy.Engine) -> None:
        self._engine = engine

    def create(self, name: str, scope: Scope) -> str:
        """A new key, shown this once. Raises ConfigError when the name is taken."""
        secret = PREFIX + secrets.token_urlsafe(32)
        row = KeyRow(name=name, digest=_digest(secret), scope=str(scope), created_at=time.time())
        with Session(self._engine) as session:
            session.add(row)
            try:
                session.commit()
            except IntegrityError:
                said = f"there is a key {name!r} already; revoke it, or choose a name"
                raise ConfigError(said) from None
        return secret

    def all(self) -> tuple[AccessKey, ...]:
        with Session(self._engine) as session:
            rows = session.scalars(select(KeyRow).order_by(KeyRow.name)).all()
            return tuple(AccessKey(row.name, Scope(row.scope), row.created_at) for row in rows)

    def revoke(self, name: str) -> None:
        """Raises ConfigError when there is none of that name."""
        with Session(self._engine) as session:
            gone = session.execute(delete(KeyRow).where(KeyRow.name == name))
            session.commit()
        if not gone.rowcount:  # type: ignore[attr-defined]
            raise ConfigError(f"no key {name!r}")

    def find(self, secret: str) -> AccessKey | None:
        """Whose key it is. Every digest is compared in full, so time tells nothing."""
        digest, found = _digest(secret), None
        with Session(self._engine) as session:
            for row in session.scalars(select(KeyRow)):
                if hmac.compare_digest(row.digest, digest):
                    found = AccessKey(row.name, Scope(row.scope), row.created_at)
        return found


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
