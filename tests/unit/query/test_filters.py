"""Filters mean what they look like, and a mistake is shown where it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchengine.errors import InvalidFilter
from searchengine.query.filters import parse_filter
from searchengine.types import And, Comparison, Not, Operator, Or


def test_and_binds_tighter_than_or_and_not_tightest() -> None:
    assert parse_filter("a=1 or not b=2 and c=x") == Or(
        (
            Comparison("a", Operator.EQ, 1.0),
            And((Not(Comparison("b", Operator.EQ, 2.0)), Comparison("c", Operator.EQ, "x"))),
        )
    )


def test_brackets_change_the_order() -> None:
    parsed = parse_filter("(a=1 OR b=2) AND c=3")
    assert isinstance(parsed, And) and isinstance(parsed.conditions[0], Or)


@pytest.mark.parametrize(
    ("text", "operator", "value"),
    [
        ("year>=2020", Operator.GE, 2020.0),
        ("year <= -1.5e3", Operator.LE, -1500.0),
        ("tag=night", Operator.EQ, "night"),
        ("date > 2024-05-01", Operator.GT, "2024-05-01"),
        ("label ~ 'street dog'", Operator.CONTAINS, "street dog"),
        (r'title != "say \"hi\""', Operator.NE, 'say "hi"'),
        ("ok = TRUE", Operator.EQ, True),
        ("name = 3rd", Operator.EQ, "3rd"),
    ],
)
def test_values_are_numbers_truths_or_texts(text: str, operator: Operator, value: object) -> None:
    parsed = parse_filter(text)
    assert isinstance(parsed, Comparison)
    assert (parsed.operator, parsed.value) == (operator, value)


def test_in_is_any_of() -> None:
    assert parse_filter("tag in (night, 'dusk')") == Or(
        (Comparison("tag", Operator.EQ, "night"), Comparison("tag", Operator.EQ, "dusk"))
    )


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("year>=", 6),
        ("year>=2020 nd tag=x", 11),
        ("(a=1", 4),
        ("a=1)", 3),
        ("=3", 0),
        ("\ta=1 x", 5),
    ],
)
def test_a_mistake_is_located(text: str, position: int) -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse_filter(text)
    assert caught.value.position == pytest.approx(position, abs=1)


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_a_clear_error(text: str) -> None:
    try:
        parse_filter(text)
    except InvalidFilter as error:
        assert 0 <= error.position <= len(text)


@pytest.mark.parametrize("text", ["(" * 100_000, "(" * 60 + "a=1" + ")" * 60, "not " * 500])
def test_deep_nesting_is_refused_without_harm(text: str) -> None:
    with pytest.raises(InvalidFilter):
        parse_filter(text)
