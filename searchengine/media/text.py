"""Text files to plain text; subtitles keep the time of every line."""

from __future__ import annotations

import codecs
import functools
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

from searchengine.errors import DecodeError

if TYPE_CHECKING:  # parsers are loaded for what needs them: most runs and queries have none of it
    import pypdf

#: The Bible is 4 MB; what is larger than this is a database dump.
MAX_BYTES = 50_000_000

#: PDFs carry their pictures and fonts too.
MAX_PDF_BYTES = 500_000_000

#: Some 30 s of parsing; the longest pages there are have a tenth of it.
MAX_TAGS = 500_000

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: ``00:01:02,500 --> 00:01:04,000``: SubRip has commas and hours, WebVTT dots and may omit hours.
_TIMES = re.compile(
    r"(?:(\d+):)?(\d{1,2}):(\d{2})[.,](\d{3})\s*-->\s*(?:(\d+):)?(\d{1,2}):(\d{2})[.,](\d{3})"
)

#: ``<i>``, ``<00:01.500>``, and the ``{\\an8}`` of SubStation.
_MARKUP = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Cue:
    """A line of subtitles: when it is shown, and which characters of the text it is."""

    start_s: float
    end_s: float
    start_char: int
    end_char: int


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a file, and its cues where it has times."""

    text: str
    cues: tuple[Cue, ...] = ()


def read_text(path: Path) -> Document:
    """The text of .txt, .md, .html, .srt, .vtt and .pdf files; by their suffix, else as plain.

    Raises DecodeError for what is binary, too large, encrypted, or has no text in it. Pages of
    hostile tags can take the parser hours: decode what you do not trust in a ``Sandbox``.
    """
    status = path.stat()
    return _read_text(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=1)
def _read_text(path: Path, _modified_ns: int, _size_bytes: int) -> Document:
    """Kept, since a file is read for its outline and again for each of its passages."""
    suffix = path.suffix.lower()
    if suffix == ".pdf":
        document = Document(_sound(_pdf_text(path)))
    else:
        text = _decoded(path, _read(path, MAX_BYTES))
        if suffix in (".html", ".htm"):
            document = Document(_html_text(path, text))
        elif suffix in (".srt", ".vtt"):
            document = _read_cues(path, text)
        else:
            document = Document(text)
    if not document.text.strip():
        raise DecodeError(str(path), "no text in it")
    return document


def _read(path: Path, most: int) -> bytes:
    size = path.stat().st_size
    if size > most:
        raise DecodeError(str(path), f"{size} bytes is over the limit of {most} for its kind")
    return path.read_bytes()


def _decoded(path: Path, data: bytes) -> str:
    """UTF-8, UTF-16 with its mark, else Windows-1252, in which every text has a reading."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data.decode(encoding, "replace")
    if b"\0" in data:
        raise DecodeError(str(path), "binary, not text")
    try:
        return data.decode()
    except UnicodeDecodeError:
        control = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in data[:4096])
        if control > len(data[:4096]) // 50:
            raise DecodeError(str(path), "binary, not text") from None
        return data.decode("cp1252", "replace")


def _html_text(path: Path, source: str) -> str:
    from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning, ParserRejectedMarkup

    if source.count("<") > MAX_TAGS:
        raise DecodeError(str(path), f"more than {MAX_TAGS} tags")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
            page = BeautifulSoup(source, "html.parser")
        for hidden in page(["script", "style", "noscript", "template"]):
            hidden.decompose()
        return re.sub(r"\n\s*\n+", "\n\n", page.get_text("\n")).strip()
    except RecursionError as error:
        raise DecodeError(str(path), "its tags are nested too deeply") from error
    except (ParserRejectedMarkup, AssertionError) as error:
        raise DecodeError(str(path), "not readable as HTML") from error


def _read_cues(path: Path, source: str) -> Document:
    """The cues by time, their lines joined by line ends."""
    lines, cues, length = [], [], 0
    for start_s, end_s, line in sorted(_cues(source), key=lambda cue: cue[0]):
        cues.append(Cue(start_s, max(start_s, end_s), length, length + len(line)))
        lines.append(line)
        length += len(line) + 1
    if not cues:
        raise DecodeError(str(path), "no subtitles in it")
    return Document("\n".join(lines), tuple(cues))


def _cues(source: str) -> Iterator[tuple[float, float, str]]:
    """Blocks between blank lines that have times; other blocks are notes and styles."""
    for block in re.split(r"\n\s*\n", source.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.strip().split("\n")
        for number, line in enumerate(lines[:3]):
            times = _TIMES.search(line)
            if times:
                words = _MARKUP.sub("", " ".join(lines[number + 1 :]))
                if words.strip():
                    start, end = times.groups()[:4], times.groups()[4:]
                    yield _seconds(start), _seconds(end), unescape(words.strip())
                break


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, milliseconds = (int(part or 0) for part in parts)
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000


def open_pdf(path: Path) -> pypdf.PdfReader:
    """Raises DecodeError for what is too large, broken, or opens only with a password."""
    import pypdf

    if path.stat().st_size > MAX_PDF_BYTES:
        raise DecodeError(str(path), f"over the limit of {MAX_PDF_BYTES} bytes")
    try:
        reader = pypdf.PdfReader(path)
        locked = reader.is_encrypted and not reader.decrypt("")
    except Exception as error:  # pypdf raises all kinds on broken files
        raise DecodeError(str(path), f"not a readable PDF ({error})") from error
    if locked:
        raise DecodeError(str(path), "encrypted; remove its password first")
    return reader


def _pdf_text(path: Path) -> str:
    """The pages with a blank line between them."""
    try:
        text = "\n\n".join(page.extract_text() for page in open_pdf(path).pages)
    except DecodeError:
        raise
    except Exception as error:
        raise DecodeError(str(path), f"not a readable PDF ({error})") from error
    if not text.strip():
        raise DecodeError(str(path), "no text in it: a scan? recognise its text first")
    return text


def _sound(text: str) -> str:
    """Without what fonts of a PDF may map to: halves of surrogate pairs, and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")
