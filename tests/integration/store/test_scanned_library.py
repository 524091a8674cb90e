"""A library whose vectors are scanned on a device answers as one that is searched by index."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from searchengine.store.change import Change
from searchengine.store.library import Library
from searchengine.types import Modality
from tests.integration.store.shelf import (
    SMALL,
    add,
    additions,
    make_collection,
    nearest,
    open_library,
    unit,
)


def test_a_scan_finds_exactly_what_an_exact_search_finds(tmp_path: Path) -> None:
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        add(library, collection, additions(unit(700)))
        add(library, collection, additions(unit(30, seed=1), "b"))
        with library.writer() as writer:
            writer.commit(collection, Change(removed=[1, 2, 3, 710]))
    queries, few = unit(12, seed=2), np.arange(50, 90)
    with Library(tmp_path, recipe=SMALL, scanned_on="cpu") as scanned:
        table = scanned.snapshot(collection).tables[Modality.IMAGE]
        assert table.method == "exact, on cpu"
        assert table.how([Modality.TEXT], Modality.IMAGE, None, exact=False) == "exact, on cpu"
        for query in queries:
            whole = nearest(scanned, collection, query, exact=True)
            assert nearest(scanned, collection, query) == whole
            allowed = nearest(scanned, collection, query, exact=True, allowed=few)
            assert nearest(scanned, collection, query, allowed=few) == allowed
        together = table.search(queries, 10, modality=Modality.IMAGE, asked=[Modality.IMAGE])
        exact = [nearest(scanned, collection, query, exact=True) for query in queries]
        assert [found.ids.tolist() for found in together] == exact


def test_lists_are_scanned_where_that_is_less_and_find_what_is_new_and_nothing_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("searchengine.store.vectors.scan.LAUNCHED", 0)
    monkeypatch.setattr("searchengine.store.vectors.scan.COPIED", 1)
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        add(library, collection, additions(unit(700)))
        add(library, collection, additions(unit(30, seed=1), "b"))
        with library.writer() as writer:
            writer.commit(collection, Change(removed=[1, 2, 3, 710]))
    queries = unit(12, seed=2)
    with Library(tmp_path, recipe=SMALL, scanned_on="cpu") as scanned:
        table = scanned.snapshot(collection).tables[Modality.IMAGE]
        how = table.how([Modality.IMAGE], Modality.IMAGE, None, exact=False)
        assert how.endswith("lists, on cpu") and table.delta == 29
        shares = []
        for query in queries:
            whole = nearest(scanned, collection, query, exact=True)
            found = nearest(scanned, collection, query)
            assert len(found) == len(whole) and not {1, 2, 3, 710} & set(found)
            shares.append(len(set(found) & set(whole)) / len(whole))
        assert np.mean(shares) >= 0.9
        for newest, vector in enumerate(unit(30, seed=1)[10:], 711):
            assert nearest(scanned, collection, vector, 1) == [newest]


def test_a_device_that_is_not_there_is_told_of_and_the_processor_searches(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        add(library, collection, additions(unit(20)))
    with Library(tmp_path, recipe=SMALL, scanned_on="cuda:99") as scanned:
        assert nearest(scanned, collection, unit(20)[3], 1) == [4]
        assert "searching on the processor" in caplog.text
