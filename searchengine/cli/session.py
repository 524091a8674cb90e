"""What the global options decided, for every command of one run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import typer

from searchengine.config import Settings
from searchengine.media.options import MediaOptions

if TYPE_CHECKING:
    from searchengine.client import Client
    from searchengine.engine import Engine


@dataclass(frozen=True, slots=True)
class Session:
    """The settings of this run, and the door to the engine."""

    settings: Settings

    def using(
        self, collection: str | None = None, encoder: str | None = None, device: str | None = None
    ) -> Session:
        """This session with the flags of one command; None keeps what is set."""
        flags = {"collection": collection, "encoder": encoder, "device": device}
        given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
        return Session(replace(self.settings, **given))

    def door(self, server: str | None) -> Engine | Client:
        """The library on this disk, or the server at that URL, to be asked alike."""
        if server is None:
            return self.engine()
        from searchengine.client import Client

        settings = self.settings
        return Client(server, api_key=settings.api_key, collection=settings.collection)

    def engine(
        self, options: MediaOptions | None = None, memory_budget: str | None = None
    ) -> Engine:
        """Open the library. Imported here: the engine loads FAISS, and `--help` must not."""
        from searchengine.engine import Engine

        settings = self.settings
        return Engine(
            settings.library,
            encoder=settings.encoder,
            collection=settings.collection,
            device=settings.device,
            options=options or MediaOptions(),
            memory_budget=memory_budget,
        )


def session_of(ctx: typer.Context) -> Session:
    """The session that the global options made."""
    session = ctx.obj
    assert isinstance(session, Session)
    return session
