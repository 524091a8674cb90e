"""CLIP's byte-pair tokenizer (Radford et al. 2021), as ImageBind's text tower was trained with.

``merges.txt.gz`` is ``bpe_simple_vocab_16e6.txt.gz`` of OpenAI's CLIP (MIT).
"""

from __future__ import annotations

import functools
import gzip
import html
import re
from collections.abc import Sequence
from pathlib import Path

import ftfy
import numpy as np
import numpy.typing as npt
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers

from searchengine.models.imagebind.stems import CONTEXT

MERGES = Path(__file__).with_name("merges.txt.gz")

#: Merges in use; the file holds more.
MERGE_COUNT = 48_894

START, END = "<|startoftext|>", "<|endoftext|>"
START_ID, END_ID = 49_406, 49_407

_WORDS = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+")


def tokenize(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """Token ids (n, 77): start mark, at most 75 pieces, end mark, zeros."""
    ids = np.zeros((len(texts), CONTEXT), np.int64)
    for row, encoding in zip(ids, _tokenizer().encode_batch(list(map(clean, texts))), strict=True):
        pieces = [START_ID, *encoding.ids][: CONTEXT - 1]
        row[: len(pieces) + 1] = [*pieces, END_ID]
    return ids


def clean(text: str) -> str:
    """Mended, unescaped (twice), blanks collapsed, in lower case."""
    mended = html.unescape(html.unescape(ftfy.fix_text(text))).strip()
    return re.sub(r"\s+", " ", mended).strip().lower()


@functools.cache
def _tokenizer() -> Tokenizer:
    with gzip.open(MERGES, "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")[1 : MERGE_COUNT + 1]
    merges = [(left, right) for left, right in (line.split() for line in lines)]
    symbols = _byte_symbols()
    pieces = [*symbols, *(s + "</w>" for s in symbols), *(a + b for a, b in merges), START, END]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    made = Tokenizer(models.BPE(vocabulary, merges, end_of_word_suffix="</w>"))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_WORDS, "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.add_special_tokens([AddedToken(mark, special=True) for mark in (START, END)])
    return made


def _byte_symbols() -> list[str]:
    """A visible character for every byte: itself where it is visible, in GPT-2's order."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    visible += range(ord("®"), ord("ÿ") + 1)
    hidden = [byte for byte in range(256) if byte not in visible]
    return [*map(chr, visible), *(chr(256 + number) for number in range(len(hidden)))]
