"""Whatever a text is wrapped in, its words come out, with their times where there are any."""

from __future__ import annotations

import time
from pathlib import Path

import pypdf
import pytest

from searchengine.errors import DecodeError
from searchengine.media.decode import Wanted, decode
from searchengine.media.options import MediaOptions
from searchengine.media.outline import Cutting, outline
from searchengine.media.sandbox import Limits, Sandbox
from searchengine.media.text import read_text
from searchengine.types import Modality

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>A dog</i> barks.

2
00:00:03,000 --> 00:00:04,000
Rain begins
to fall.
"""


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_any_common_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "x.txt", "Ein schöner Tag".encode(encoding))
    assert read_text(path).text == "Ein schöner Tag"


def test_a_page_gives_its_words_without_scripts_and_styles(tmp_path: Path) -> None:
    page = "<html><style>p{}</style><script>x=1</script><p>Dogs &amp; <b>cats</b></p></html>"
    words = read_text(write(tmp_path / "x.html", page)).text.split()
    assert words == ["Dogs", "&", "cats"]


@pytest.mark.parametrize("name", ["x.srt", "x.vtt"])
def test_subtitles_keep_the_time_of_each_line(tmp_path: Path, name: str) -> None:
    source = SRT if name == "x.srt" else "WEBVTT\n\n" + SRT.replace(",", ".")
    document = read_text(write(tmp_path / name, source))
    assert document.text == "A dog barks.\nRain begins to fall."
    assert [(c.start_s, c.end_s) for c in document.cues] == [(1.0, 2.5), (3.0, 4.0)]
    last = document.cues[1]
    assert document.text[last.start_char : last.end_char] == "Rain begins to fall."


def test_a_pdf_gives_its_text(tmp_path: Path) -> None:
    stream = b"BT /F1 24 Tf 72 720 Td (The owl hunts at night.) Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    data, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    data += b"xref\n0 6\n0000000000 65535 f \n%strailer\n<< /Size 6 /Root 1 0 R >>\n" % table
    data += b"startxref\n%d\n%%%%EOF\n" % data.index(b"xref\n")
    assert read_text(write(tmp_path / "x.pdf", data)).text.strip() == "The owl hunts at night."


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.txt", b"\x00\x01\x02\x03"),
        ("x.txt", bytes(range(1, 256)) * 20),
        ("x.txt", b"  \n "),
        ("x.srt", b"no times here"),
        ("x.html", b"<script>only code</script>"),
        ("x.pdf", b"%PDF-1.4 broken"),
        ("x.pdf", b""),
        ("x.html", b"<b>" * 600_000),
    ],
)
def test_what_holds_no_text_is_a_decode_error_naming_it(
    tmp_path: Path, name: str, content: bytes
) -> None:
    with pytest.raises(DecodeError, match=name):
        read_text(write(tmp_path / name, content))


def test_deeply_nested_tags_do_no_harm(tmp_path: Path) -> None:
    path = write(tmp_path / "deep.html", "<div>" * 20_000 + "words")
    try:
        assert "words" in read_text(path).text
    except DecodeError as error:
        assert "nested" in error.reason


def test_a_locked_pdf_and_a_scanned_one_say_what_to_do(tmp_path: Path) -> None:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_metadata({"/Title": "A blank page"})
    writer.write(tmp_path / "scan.pdf")
    with pytest.raises(DecodeError, match="a scan"):
        read_text(tmp_path / "scan.pdf")
    writer.encrypt("secret")
    writer.write(tmp_path / "locked.pdf")
    for read in (read_text, lambda path: outline(path, Modality.TEXT, MediaOptions(), Cutting())):
        with pytest.raises(DecodeError, match="remove its password"):
            read(tmp_path / "locked.pdf")


def test_cues_out_of_order_reversed_or_without_length_all_keep_their_words(tmp_path: Path) -> None:
    times = [(9, 9), (1, 2), (5, 3), (1, 1), (7, 8), (7, 20), (8, 9)]
    blocks = [f"00:00:{a:02}.000 --> 00:00:{b:02}.000\nword{n}" for n, (a, b) in enumerate(times)]
    path = write(tmp_path / "x.vtt", "WEBVTT\n\n" + "\n\n".join(blocks))
    spans = outline(path, Modality.TEXT, MediaOptions(), Cutting(text_tokens=2)).spans
    assert len(spans) > 1 and all(span and span.start < span.end for span in spans)
    passages = decode(path, Modality.TEXT, [Wanted(span) for span in spans], MediaOptions())
    heard = {word for passage in passages for word in str(passage).split()}
    assert heard == {f"word{n}" for n in range(len(times))}


@pytest.mark.parametrize("markup", ["<", "{\\"])
def test_markup_that_never_ends_costs_no_time(tmp_path: Path, markup: str) -> None:
    path = write(tmp_path / "x.srt", SRT + "\n00:00:05,000 --> 00:00:06,000\n" + markup * 200_000)
    start = time.perf_counter()
    assert "dog" in read_text(path).text
    assert time.perf_counter() - start < 2


def test_a_page_that_keeps_the_parser_busy_for_hours_ends_at_the_deadline(tmp_path: Path) -> None:
    path = write(tmp_path / "x.html", '<a x="' * 50_000)
    with Sandbox(1, Limits(seconds=1)) as sandbox:
        start = time.perf_counter()
        with pytest.raises(DecodeError, match=r"x\.html: took longer than 1 s"):
            sandbox.decode(path, Modality.TEXT, [Wanted()], MediaOptions())
        assert time.perf_counter() - start < 10


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "x.txt", "one")
    assert read_text(path).text == "one"
    assert read_text(write(path, "another")).text == "another"
