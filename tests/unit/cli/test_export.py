"""Every way out of the library keeps the vectors, and what each one stands for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from searchengine.cli.export import Row, _writer
from searchengine.errors import StoreCorrupt
from searchengine.types import MediaItem, Modality, Segment, Span

VECTORS = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)


def rows() -> Iterator[Row]:
    item = MediaItem(1, "/media/caf\udce9.wav", Modality.AUDIO, "audio/wav", 9, 0, "ab")
    whole = MediaItem(2, "/media/雨.png", Modality.IMAGE, "image/png", 9, 0, "cd")
    yield item, Segment(10, 1, 0, Modality.AUDIO, Span(0, 5)), VECTORS[0]
    yield item, Segment(11, 1, 1, Modality.AUDIO, Span(5, 10)), VECTORS[1]
    yield whole, Segment(12, 2, 0, Modality.IMAGE), VECTORS[2]


def test_npz_has_an_array_a_field_and_needs_no_pickle(tmp_path: Path) -> None:
    output = tmp_path / "vectors.npz"
    assert _writer(output)(rows()) == 3
    with np.load(output) as arrays:
        assert np.array_equal(arrays["vectors"], VECTORS)
        assert arrays["segment"].tolist() == [10, 11, 12]
        assert arrays["id"].tolist() == [1, 1, 2]
        assert arrays["path"].tolist() == ["/media/caf\udce9.wav"] * 2 + ["/media/雨.png"]
        assert arrays["modality"].tolist() == ["audio", "audio", "image"]
        assert arrays["unit"].tolist() == ["s", "s", ""]
        assert np.array_equal(arrays["start"], [0, 5, np.nan], equal_nan=True)


def test_json_lines_keep_every_bit_of_a_vector(tmp_path: Path) -> None:
    output = tmp_path / "vectors.jsonl"
    assert _writer(output)(rows()) == 3
    found = [json.loads(line) for line in output.read_text().splitlines()]
    assert np.array_equal(np.array([row["vector"] for row in found], np.float32), VECTORS)
    assert found[2] == {
        "segment": 12,
        "id": 2,
        "path": "/media/雨.png",
        "modality": "image",
        "start": None,
        "end": None,
        "unit": None,
        "vector": found[2]["vector"],
    }
    assert found[0]["path"] == "/media/caf\udce9.wav"


def test_parquet_keeps_rows_and_vectors(tmp_path: Path) -> None:
    output = tmp_path / "vectors.parquet"
    assert _writer(output)(rows()) == 3
    table = pyarrow.parquet.read_table(output)
    assert np.array_equal(np.stack(table["vector"].to_numpy()), VECTORS)
    assert table["segment"].to_pylist() == [10, 11, 12]
    assert table["path"].to_pylist()[0] == r"/media/caf\udce9.wav"
    assert table["start"].to_pylist() == [0.0, 5.0, None]


@pytest.mark.parametrize("suffix", [".npz", ".jsonl", ".parquet"])
def test_an_empty_collection_is_an_empty_file(tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"vectors{suffix}"
    assert _writer(output)(iter(())) == 0
    assert output.exists()


@pytest.mark.parametrize("suffix", [".npz", ".jsonl", ".parquet"])
def test_a_failure_leaves_what_was_there(tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"vectors{suffix}"
    output.write_text("before")

    def broken() -> Iterator[Row]:
        yield from rows()
        raise StoreCorrupt("a.shard", "altered")

    with pytest.raises(StoreCorrupt):
        _writer(output)(broken())
    assert output.read_text() == "before"
    assert list(tmp_path.iterdir()) == [output]
