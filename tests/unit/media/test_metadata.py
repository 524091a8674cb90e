"""Reading ``metadata.jsonl``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from searchengine.media import metadata
from searchengine.media.metadata import read_metadata


def _write(folder: Path, *lines: str | bytes) -> None:
    content = b"\n".join(line.encode() if isinstance(line, str) else line for line in lines)
    (folder / "metadata.jsonl").write_bytes(content)


def test_rows_are_found_by_their_file_name(tmp_path: Path) -> None:
    _write(
        tmp_path,
        '\ufeff{"file_name": "a.jpg", "label": "cat", "year": 2020}',
        "",
        '{"file_name": "./sub/b.png", "tags": ["x", null, 1.5]}\r',
        '{"file_name": "win\\\\c.png"}',
    )
    read = read_metadata(tmp_path)
    assert read.rows == {
        "a.jpg": {"label": "cat", "year": 2020},
        "sub/b.png": {"tags": ["x", None, 1.5]},
        "win/c.png": {},
    }
    assert read.failures == ()


def test_a_folder_without_metadata_has_no_rows(tmp_path: Path) -> None:
    assert read_metadata(tmp_path) == metadata.Rows()


def test_a_folder_in_its_place_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").mkdir()
    assert "cannot be read" in read_metadata(tmp_path).failures[0].reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"label": "cat"}', 'no "file_name"'),
        ('{"file_name": 3}', 'no "file_name"'),
        ('{"file_name": " "}', 'no "file_name"'),
        ('{"file_name": "../a.jpg"}', "no path inside"),
        ('{"file_name": "a/../../b.jpg"}', "no path inside"),
        ('{"file_name": "/etc/passwd"}', "no path inside"),
        ('{"file_name": "..\\\\a.jpg"}', "no path inside"),
        ('{"file_name": "C:\\\\a.jpg"}', "no path inside"),
        ('{"file_name": "."}', "no path inside"),
        ('{"file_name": "a\\u0000b"}', "no path inside"),
        ('{"file_name": "a.jpg", "x": NaN}', "NaN"),
        ('{"file_name": "a.jpg", "x": -Infinity}', "-Infinity"),
        ('{"file_name": "a.jpg", "x": 1e999}', "too large"),
        ('{"file_name": "a.jpg", "x": "\\ud800"}', "not UTF-8"),
        (b'{"file_name": "\xff.jpg"}', "not UTF-8"),
        ("[" * 100_000, "too deeply"),
        ("9" * 5000, "digits"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_kept(
    tmp_path: Path, line: str | bytes, reason: str
) -> None:
    _write(tmp_path, '{"file_name": "ok1.jpg"}', line, '{"file_name": "ok2.jpg"}')
    read = read_metadata(tmp_path)
    assert list(read.rows) == ["ok1.jpg", "ok2.jpg"]
    (failure,) = read.failures
    assert failure.path == str(tmp_path / "metadata.jsonl")
    assert failure.error == "DecodeError"
    assert failure.reason.startswith("line 2: ") and reason in failure.reason


def test_of_a_file_named_twice_the_last_row_counts_and_is_reported(tmp_path: Path) -> None:
    _write(tmp_path, '{"file_name": "a.jpg", "n": 1}', '{"file_name": "./a.jpg", "n": 2}')
    read = read_metadata(tmp_path)
    assert read.rows == {"a.jpg": {"n": 2}}
    assert "line 2" in read.failures[0].reason and "a.jpg" in read.failures[0].reason


def test_an_endless_line_is_skipped_without_being_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "MAX_LINE_BYTES", 100)
    long = '{"file_name": "long.jpg", "x": "' + "y" * 1000 + '"}'
    _write(tmp_path, long, '{"file_name": "ok.jpg"}', long)
    read = read_metadata(tmp_path)
    assert list(read.rows) == ["ok.jpg"]
    assert [f.reason for f in read.failures] == [
        "line 1: longer than 100 bytes",
        "line 3: longer than 100 bytes",
    ]


def test_a_file_over_the_limit_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "MAX_FILE_BYTES", 10)
    _write(tmp_path, '{"file_name": "a.jpg"}')
    assert "larger than" in read_metadata(tmp_path).failures[0].reason


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(value=_VALUES, ascii_only=st.booleans())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_value_comes_back_as_written(tmp_path: Path, value: Any, ascii_only: bool) -> None:
    _write(tmp_path, json.dumps({"file_name": "a.jpg", "v": value}, ensure_ascii=ascii_only))
    read = read_metadata(tmp_path)
    assert read.failures == ()
    assert read.rows["a.jpg"]["v"] == value


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_without_an_exception(tmp_path: Path, content: bytes) -> None:
    _write(tmp_path, content)
    read_metadata(tmp_path)
