"""What programs read parses, whatever a name or a metadata row holds."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from searchengine.cli.formats import Format, chosen_format, write_hits, write_json
from searchengine.documents import hit_dict
from searchengine.types import Hit, Modality, SearchResult, Span, SpanUnit

MakeHit = Callable[..., Hit]
Captured = pytest.CaptureFixture[str]

#: Any name a POSIX file can have: bytes, without NUL and "/".
NAMES = st.binary(min_size=1, max_size=20).map(
    lambda name: name.replace(b"\0", b"0").replace(b"/", b"_").decode("utf-8", "surrogateescape")
)


def result(*hits: Hit) -> SearchResult:
    return SearchResult(hits, 3, {"encode": 0.01})


def test_the_json_document_is_the_contract(make_hit: MakeHit, capsys: Captured) -> None:
    asked = [{"modality": "text", "text": "rain", "weight": 1.0}]
    write_hits(result(make_hit(span=Span(5, 10), label="rain")), asked, Format.JSON)
    assert json.loads(capsys.readouterr().out) == {
        "query": asked,
        "hits": [
            {
                "rank": 1,
                "score": 0.75,
                "similarity": 0.25,
                "percentile": None,
                "modality": "audio",
                "id": 7,
                "path": "/media/rain.wav",
                "segment": {"id": 70, "start": 5, "end": 10, "unit": "s"},
                "metadata": {"label": "rain"},
            }
        ],
        "generation": 3,
        "seconds": {"encode": 0.01},
        "complete": True,
        "relevant": None,
        "reason": None,
    }


def test_a_whole_item_has_no_segment(make_hit: MakeHit) -> None:
    assert hit_dict(make_hit())["segment"] is None


def test_no_hits_are_still_a_document(capsys: Captured) -> None:
    write_hits(result(), [], Format.JSON)
    assert json.loads(capsys.readouterr().out)["hits"] == []


@given(names=st.lists(NAMES, min_size=1, max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_json_lines_and_csv_keep_every_name(make_hit: MakeHit, names: list[str]) -> None:
    hits = result(*(make_hit("/" + name, caption=name) for name in names))
    rows = [json.loads(line) for line in written(hits, Format.JSONL).split("\n")[:-1]]
    assert [row["path"][1:] for row in rows] == names
    assert [row["metadata"]["caption"] for row in rows] == names
    table = list(csv.DictReader(io.StringIO(written(hits, Format.CSV), newline="")))
    escaped = [name.encode("utf-8", "backslashreplace").decode() for name in names]
    assert [row["path"] for row in table] == ["/" + name for name in escaped]


def written(hits: SearchResult, form: Format) -> str:
    """What a stream gets that is set up as `app` sets up stdout."""
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace", newline="")
    with redirect_stdout(stream):
        write_hits(hits, [], form)
    stream.seek(0)
    return stream.read()


def test_csv_has_a_column_for_everything(make_hit: MakeHit, capsys: Captured) -> None:
    span = Span(0, 240, SpanUnit.CHARACTERS)
    write_hits(result(make_hit('/a, "b"\n.txt', 1, Modality.TEXT, span, year=2020)), [], Format.CSV)
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))
    assert row == {
        "rank": "1",
        "score": "0.75",
        "similarity": "0.25",
        "modality": "text",
        "id": "7",
        "path": '/a, "b"\n.txt',
        "start": "0",
        "end": "240",
        "unit": "chars",
        "metadata": '{"year": 2020}',
    }


@pytest.mark.parametrize(("form", "end"), [(Format.PATHS, b"\n"), (Format.ZERO, b"\0")])
def test_paths_are_the_bytes_of_the_file_system(
    make_hit: MakeHit, capfdbinary: pytest.CaptureFixture[bytes], form: Format, end: bytes
) -> None:
    write_hits(result(make_hit("/caf\udce9.wav"), make_hit("/雨\n.wav")), [], form)
    sys.stdout.flush()
    expected = b"/caf\xe9.wav" + end + "/雨\n.wav".encode() + end
    assert capfdbinary.readouterr().out == expected


def test_what_json_has_not_becomes_null(capsys: Captured) -> None:
    write_json({"a": float("nan"), "b": [float("inf"), 1.5], "c": {"d": -float("inf")}})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 1.5], "c": {"d": None}}


def test_a_console_that_is_not_utf8_still_gets_json() -> None:
    code = "from searchengine.cli.formats import write_json; write_json({'雨': '🐕'})"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONIOENCODING": "latin-1"}, capture_output=True
    )
    assert json.loads(done.stdout) == {"雨": "🐕"}


def test_two_formats_at_once_are_a_usage_error() -> None:
    with pytest.raises(typer.BadParameter, match="--json and -0 exclude each other"):
        chosen_format({Format.JSON: True, Format.CSV: False, Format.ZERO: True})
    assert chosen_format({Format.JSON: False}) is Format.TABLE
