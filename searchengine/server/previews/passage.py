"""The words of a text, as far as a page has room."""

from __future__ import annotations

from searchengine.server.previews.sheet import Preview

#: About a page; segments of text are a tenth of it.
MOST_CHARACTERS = 2_000


def passage(text: str) -> Preview:
    """The words as they are, cut between two when there are too many."""
    if len(text) > MOST_CHARACTERS:
        cut = text[:MOST_CHARACTERS]
        text = (cut.rsplit(maxsplit=1)[0] if len(cut.split(maxsplit=1)) > 1 else cut) + " …"
    return Preview(text.encode("utf-8", "replace"), "text/plain; charset=utf-8")
