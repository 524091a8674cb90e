"""Words to the space: all-MiniLM-L6-v2 (Apache-2.0), int8, on onnxruntime.

Sentence vectors are the mean of the token vectors, normalised, as the model card has it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from searchengine.models.starter.graph import open_session, session_options
from searchengine.models.starter.packaged import held, packaged_file
from searchengine.types import FloatArray

#: BERT's uncased vocabulary, one piece a line (Apache-2.0; see NOTICE).
VOCABULARY = Path(__file__).with_name("vocabulary.txt")

#: The model was tuned on texts of up to 128 tokens (its model card).
MAX_TOKENS = 128

DIM = 384

#: A run reads 42 MB of weights, which takes as long as computing 9 tokens (one core: 4.5 ms, and
#: 0.5 ms a token); in runs of more than 256 tokens that no longer counts.
READING_TOKENS, TOKENS_AT_ONCE = 8, 256

#: Far more than ever makes MAX_TOKENS pieces of prose; the rest need not be read.
MAX_CHARACTERS = 20_000


class TextNet:
    """Tokens to unit vectors. Threads may share one."""

    def __init__(self) -> None:
        path = packaged_file("model.onnx")
        self._session = open_session(held(path), session_options(), path)

    def __call__(self, tokens: Sequence[Sequence[int]]) -> FloatArray:
        """Vectors float32 (n, 384), those of like length together."""
        vectors = np.empty((len(tokens), DIM), np.float32)
        for chosen in _alike([len(one) for one in tokens]):
            vectors[chosen] = self._encode([tokens[number] for number in chosen])
        return vectors

    def _encode(self, tokens: Sequence[Sequence[int]]) -> FloatArray:
        ids = np.zeros((len(tokens), max(map(len, tokens))), np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(tokens):
            ids[row, : len(one)], mask[row, : len(one)] = one, 1
        (states,) = self._session.run(
            None,
            {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)},
        )
        means: FloatArray = (states * mask[..., None]).sum(axis=1) / mask.sum(axis=1)[:, None]
        vectors: FloatArray = means / np.linalg.norm(means, axis=1, keepdims=True)
        return vectors


def _alike(lengths: Sequence[int]) -> list[list[int]]:
    """Which texts go together: a longer one joins when padding the others to its length costs
    less than reading the weights once more."""
    groups: list[list[int]] = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        last = groups[-1] if groups else []
        padding = len(last) * (lengths[number] - lengths[last[-1]]) if last else 0
        fits = (len(last) + 1) * lengths[number] <= TOKENS_AT_ONCE
        if last and fits and padding <= READING_TOKENS:
            last.append(number)
        else:
            groups.append([number])
    return groups


@functools.cache
def tokenizer() -> Tokenizer:
    """BERT's uncased word pieces with [CLS] and [SEP] (Devlin et al. 2019)."""
    pieces = held(VOCABULARY).decode().removesuffix("\n").split("\n")
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    marks = [(mark, vocabulary[mark]) for mark in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=marks)
    made.enable_truncation(MAX_TOKENS)
    return made


def tokenize(text: str) -> list[int]:
    """Token ids of a text, at most MAX_TOKENS."""
    sound = text[:MAX_CHARACTERS].encode("utf-8", "replace").decode()  # no lone surrogates
    ids: list[int] = tokenizer().encode(sound).ids
    return ids
