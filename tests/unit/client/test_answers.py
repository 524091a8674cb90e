"""What a server says of its nouns, a client has whole."""

from __future__ import annotations

import json

from searchengine.client import answers
from searchengine.server.routes.library import _document
from searchengine.types import (
    Collection,
    CollectionStatus,
    IndexStatus,
    Modality,
    OperatingPoint,
)


def test_a_tuned_collection_is_described_whole() -> None:
    point = OperatingPoint(Modality.TEXT, 0.25, 8, 0.96, 200)
    index = IndexStatus(Modality.IMAGE, 5, 7, "IVF", 2, 1, 900, (point,))
    collection = Collection(3, "big", "starter", "starter@1", "{}", 384, 12)
    status = CollectionStatus(collection, 5, (index,), ("/media",), 900)
    said = json.loads(json.dumps(_document(status)))
    assert answers.collection_status(said) == status
    assert answers.collection(said) == collection


def test_what_a_newer_server_adds_is_passed_over() -> None:
    said = {"found": 3, "done": 1, "segments": 2, "failures": 0, "scanned": True, "path": "x"}
    assert answers.progress({**said, "weather": "fine"}) == answers.progress(said)
