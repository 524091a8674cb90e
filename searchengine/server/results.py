"""Search results as they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from searchengine.documents import hit_dict, result_dict
from searchengine.server.reading import SearchIn, echo
from searchengine.types import Hit, SearchResult


def place_of(collection: str, item_id: int) -> str:
    """The path of an item's URL; a collection may have any name."""
    return f"/v1/collections/{quote(collection, safe='')}/items/{item_id}"


def result_document(
    collection: str, result: SearchResult, asked: SearchIn, said: Mapping[int, str]
) -> dict[str, Any]:
    """As ``query --json`` prints it; of each hit also the rest of its item and segment. ``said``
    are the words of segments that are texts."""
    hits = [{**hit_dict(hit), **_more(collection, hit, said)} for hit in result]
    return {**result_dict(result, echo(asked)), "hits": hits}


def _more(collection: str, hit: Hit, said: Mapping[int, str]) -> dict[str, Any]:
    item = place_of(collection, hit.item.id)
    more: dict[str, Any] = {
        "item_modality": hit.item.modality.value,
        "mime_type": hit.item.mime_type,
        "duration_s": hit.item.duration_s,
        "size_bytes": hit.item.size_bytes,
        "modified_ns": hit.item.modified_ns,
        "sha256": hit.item.sha256,
        "segment_id": hit.segment.id,
        "ordinal": hit.segment.ordinal,
        "media_url": f"{item}/media",
        "preview_url": f"{item}/preview?segment={hit.segment.id}",
    }
    if hit.segment.id in said:
        more["text"] = said[hit.segment.id]
    return more
