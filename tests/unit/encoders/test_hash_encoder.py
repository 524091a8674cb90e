"""The stand-in of other tests keeps the promises of ``Encoder`` itself."""

from __future__ import annotations

import numpy as np
import pytest

from searchengine.errors import EncoderError, UnsupportedModality
from searchengine.types import (
    DepthMap,
    Frames,
    ImuRecording,
    Media,
    Modality,
    ThermalImage,
    ThermalUnit,
    Waveform,
)
from tests.hash_encoder import HashEncoder

FLAT = np.ones((4, 4), np.float32)
MEDIA: dict[Modality, Media] = {
    Modality.TEXT: "a dog in the snow",
    Modality.IMAGE: np.zeros((4, 4, 3), np.uint8),
    Modality.VIDEO: Frames(np.zeros((2, 4, 4, 3), np.uint8), np.arange(2.0), 1.0, 2),
    Modality.AUDIO: Waveform(FLAT, 8_000),
    Modality.DEPTH: DepthMap(FLAT, FLAT > 0),
    Modality.THERMAL: ThermalImage(FLAT, ThermalUnit.KELVIN),
    Modality.IMU: ImuRecording(FLAT[:, :3], FLAT[:, :3], 50.0),
}


def vectors(encoder: HashEncoder, modality: Modality, *media: Media) -> np.ndarray:
    return encoder.encode([encoder.preprocess(one, modality) for one in media], modality)


@pytest.mark.parametrize("modality", Modality)
def test_every_modality_has_unit_vectors_that_only_its_content_decides(modality: Modality) -> None:
    first, again = HashEncoder(dim=16), HashEncoder(dim=16)
    one = vectors(first, modality, MEDIA[modality])
    assert one.shape == (1, 16) and one.dtype == np.float32
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-6)
    assert (one == vectors(again, modality, MEDIA[modality])).all()


def test_texts_that_share_words_are_nearer_than_texts_that_do_not() -> None:
    dog, puppy, rain = vectors(
        HashEncoder(), Modality.TEXT, "a dog in snow", "a dog in rain", "loud thunder tonight"
    )
    assert dog @ puppy > dog @ rain + 0.3


def test_what_it_encoded_is_counted_and_nothing_is_fine() -> None:
    encoder = HashEncoder(dim=8)
    assert encoder.encode([], Modality.TEXT).shape == (0, 8)
    vectors(encoder, Modality.TEXT, "one", "two", "three")
    assert encoder.encoded == 3


def test_it_refuses_an_empty_text_and_what_it_was_not_given() -> None:
    with pytest.raises(EncoderError, match="empty"):
        HashEncoder().preprocess(" \n", Modality.TEXT)
    deaf = HashEncoder(modalities=frozenset({Modality.TEXT}))
    with pytest.raises(UnsupportedModality, match="audio"):
        deaf.preprocess(MEDIA[Modality.AUDIO], Modality.AUDIO)
