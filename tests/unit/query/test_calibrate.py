"""Calibration: one scale for every pair of modalities, in the order that each has by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchengine.errors import EmptyQuery
from searchengine.query.calibrate import Backgrounds
from searchengine.query.embed import Part, composed, unit
from searchengine.types import FloatArray, Modality

DIM = 32


@dataclass
class Table:
    """What calibration reads of a table of vectors."""

    background: FloatArray


class Generation:
    def __init__(self, **vectors: FloatArray) -> None:
        self.tables = {Modality(name): Table(values) for name, values in vectors.items()}
        self.modalities = tuple(self.tables)


def cone(seed: int, count: int, spread: float) -> FloatArray:
    """Unit vectors around a direction of their own: a modality."""
    random = np.random.default_rng(seed)
    centre = random.standard_normal(DIM) / np.sqrt(DIM)
    vectors = centre + spread * random.standard_normal((count, DIM)) / np.sqrt(DIM)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def unit_rows(rows: FloatArray) -> FloatArray:
    scaled: FloatArray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def backgrounds(**vectors: FloatArray) -> Backgrounds:
    return Backgrounds(Generation(**vectors), {})  # type: ignore[arg-type]


def text(seed: int = 9) -> Part:
    return Part(cone(seed, 1, 1.0)[0], Modality.TEXT, 1.0)


def test_strangers_of_every_modality_score_about_nought() -> None:
    images, sounds, texts = cone(1, 400, 0.4), cone(2, 400, 1.5), cone(3, 400, 1.0)
    learnt = backgrounds(image=images, audio=sounds, text=texts)
    for target, vectors in ((Modality.IMAGE, images), (Modality.AUDIO, sounds)):
        aims = [learnt.aim([Part(one, Modality.TEXT, 1.0)], target) for one in texts[::8]]
        scores = np.concatenate([aim.scores(vectors @ aim.direction) for aim in aims])
        assert abs(scores.mean()) < 0.2
        assert 0.3 < scores.std() < 3


def test_a_modality_about_one_thing_is_not_its_own_background() -> None:
    """Half of all infrared frames show cars; one of a car finds these first."""
    random = np.random.default_rng(5)
    car, person = np.eye(DIM)[0], np.eye(DIM)[1]
    noise = 0.05 * random.standard_normal((200, DIM))
    frames = unit_rows(np.where(np.arange(200)[:, None] % 2, car, person) + noise)
    photos = unit_rows(random.standard_normal((200, DIM)))
    learnt = backgrounds(image=photos, thermal=frames)
    asked = [Part(frames[1], Modality.THERMAL, 1.0)]
    near, far = learnt.aim(asked, Modality.THERMAL), learnt.aim(asked, Modality.IMAGE)
    cars = near.scores(frames[3::2] @ near.direction)
    assert cars.mean() > np.quantile(far.scores(photos @ far.direction), 0.95)


def test_words_keep_the_order_of_raw_cosines_within_a_modality() -> None:
    images = cone(1, 200, 0.7)
    aim = backgrounds(image=images, audio=cone(2, 200, 0.7)).aim([text()], Modality.IMAGE)
    scores = aim.scores(images @ aim.direction)
    np.testing.assert_array_equal(np.argsort(scores), np.argsort(images @ text().vector))


def test_a_sound_is_left_as_it_is_among_sounds_and_centred_among_pictures() -> None:
    sounds = cone(2, 200, 0.7)
    learnt = backgrounds(image=cone(1, 200, 0.7), audio=sounds)
    part = Part(sounds[7], Modality.AUDIO, 1.0)
    np.testing.assert_allclose(learnt.aim([part], Modality.AUDIO).direction, sounds[7], atol=1e-6)
    centred = learnt.aim([part], Modality.IMAGE).direction
    np.testing.assert_allclose(centred, unit(sounds[7] - sounds.mean(axis=0)), atol=1e-5)


def test_the_percentile_is_the_share_of_the_background_below() -> None:
    images = cone(1, 100, 0.7)
    aim = backgrounds(image=images).aim([text()], Modality.IMAGE)
    closeness = np.sort(images @ aim.direction)
    assert aim.percentile(float(closeness[-1]) + 1e-4) == 1.0
    assert aim.percentile(float(closeness[0]) - 1e-4) == 0.0
    assert aim.percentile(float(closeness[49:51].mean())) == pytest.approx(0.5)


@given(seed=st.integers(0, 10_000), count=st.integers(1, 40), asking=st.booleans())
def test_a_nearer_hit_never_has_a_lower_percentile(seed: int, count: int, asking: bool) -> None:
    """Of those that the background holds and of those that it does not."""
    images, more = cone(seed, count, 0.7), cone(seed + 1, 40, 0.7)
    part = Part(images[0], Modality.IMAGE, 1.0) if asking else text(seed)
    aim = backgrounds(image=images).aim([part], Modality.IMAGE)
    near = np.sort(np.concatenate([images, more]) @ aim.direction)
    shares = [share for one in near.tolist() if (share := aim.percentile(one)) is not None]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)


@given(seed=st.integers(0, 10_000), count=st.integers(3, 40))
def test_a_hit_is_no_stranger_to_itself(seed: int, count: int) -> None:
    """Whether the background holds it makes no difference: the nearest of a few is at the top."""
    images = cone(seed, count, 0.7)
    whole = backgrounds(image=images).aim([text(seed)], Modality.IMAGE)
    order = np.argsort(images @ whole.direction)
    for place in (0, count // 2, count - 1):
        near = float(images[order[place]] @ whole.direction)
        rest = np.delete(images, order[place], axis=0)
        without = backgrounds(image=rest).aim([text(seed)], Modality.IMAGE)
        assert whole.percentile(near) == without.percentile(near)
    assert whole.percentile(near) == 1.0


def test_what_asks_is_no_stranger_to_its_neighbours() -> None:
    images = cone(1, 20, 0.7)
    aim = backgrounds(image=images).aim([Part(images[0], Modality.IMAGE, 1.0)], Modality.IMAGE)
    nearest = np.sort(images @ aim.direction)[-2]
    assert aim.percentile(float(nearest)) == 1.0


def test_the_only_one_of_its_kind_has_nothing_to_be_compared_with() -> None:
    film = cone(4, 1, 0.7)
    aim = backgrounds(image=cone(1, 50, 0.7), video=film).aim([text()], Modality.VIDEO)
    assert aim.percentile(float(film[0] @ aim.direction)) is None


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_modality_of_few_is_scored_by_what_is_known_of_the_others(count: int) -> None:
    few = cone(4, count, 0.7)
    learnt = backgrounds(image=cone(1, 200, 0.7), video=few)
    aim = learnt.aim([text()], Modality.VIDEO)
    assert np.isfinite(aim.scores(few @ aim.direction)).all()
    assert aim.deviation == pytest.approx(learnt.pair(Modality.IMAGE, Modality.IMAGE).deviation)


def test_one_vector_in_all_is_still_scored() -> None:
    only = cone(1, 1, 0.7)
    aim = backgrounds(image=only).aim([text()], Modality.IMAGE)
    assert np.isfinite(aim.scores(only @ aim.direction)).all()


def test_what_an_encoder_knows_beforehand_serves_where_the_library_has_none() -> None:
    mean = cone(2, 200, 0.7).mean(axis=0)
    known = Backgrounds(Generation(image=cone(1, 50, 0.7)), {Modality.AUDIO: mean})  # type: ignore[arg-type]
    heard = cone(2, 1, 0.7)[0]
    aim = known.aim([Part(heard, Modality.AUDIO, 1.0)], Modality.IMAGE)
    np.testing.assert_allclose(aim.direction, unit(heard - mean), atol=1e-5)


def test_parts_that_cancel_out_are_no_question() -> None:
    one = text()
    with pytest.raises(EmptyQuery, match="cancel out"):
        composed([one, Part(one.vector, one.modality, -1.0)])
