"""The filter grammar: ``year >= 2020 and (tag = night or not label ~ "street dog")``.

::

    filter     = and_part ("or" and_part)*
    and_part   = not_part ("and" not_part)*
    not_part   = "not" not_part | "(" filter ")" | comparison
    comparison = field ("=" | "!=" | "<" | "<=" | ">" | ">=" | "~") value
               | field "in" "(" value ("," value)* ")"
    value      = number | true | false | "quoted" | 'quoted' | word

A field is a name in the item's metadata, or one of id, path, modality, mime_type, size_bytes,
duration_s, sha256. ``~`` is contained in, ``!=`` also holds where the field is missing. Words of
the grammar may be in capitals.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import pyparsing as pp

from searchengine.errors import InvalidFilter
from searchengine.types import And, Comparison, Condition, Not, Operator, Or

#: Nesting beyond this is not a question but an attack on the stacks of parsers, ours and SQLite's
#: (which overflows at 12 of them, each with a ``not`` and a long chain).
MAX_DEPTH = 8

#: In all; those that follow one another cancel out.
MAX_NOTS = 50

#: Longer filters are lists of ids; ask for those in several queries.
MAX_CHARACTERS = 20_000


def parse_filter(text: str) -> Condition:
    """Raises InvalidFilter with the place of the mistake."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidFilter(text[:40] + "...", 0, f"longer than {MAX_CHARACTERS} characters")
    _check_depth(text)
    try:
        with _parsing:
            parsed: Condition = _grammar().parse_string(text, parse_all=True)[0]
    except pp.ParseBaseException as error:
        raise InvalidFilter(text, error.loc, _reason(text, error.loc)) from error
    return parsed


def _reason(text: str, position: int) -> str:
    rest = text[position:].strip()
    if not rest:
        return "ends too early; expected field = value"
    return f"does not understand {rest.split()[0]!r}; expected field = value, and, or, not"


def _check_depth(text: str) -> None:
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth > MAX_DEPTH:
            raise InvalidFilter(text, position, f"more than {MAX_DEPTH} brackets deep")
    if text.lower().split().count("not") > MAX_NOTS:
        raise InvalidFilter(text, 0, f"more than {MAX_NOTS} times 'not'")


#: pyparsing finds out at its first use how its actions are called; two threads at once spoil that.
_parsing = threading.Lock()


@functools.cache
def _grammar() -> pp.ParserElement:
    keyword = pp.MatchFirst([pp.CaselessKeyword(word) for word in ("and", "or", "not", "in")])
    field = ~keyword + pp.Regex(r"[^\W\d][\w.-]*")
    number = pp.Regex(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?(?![\w.:/-])")
    truth = pp.CaselessKeyword("true") | pp.CaselessKeyword("false")
    quoted = pp.QuotedString('"', esc_char="\\") | pp.QuotedString("'", esc_char="\\")
    word = ~keyword + pp.Regex(r"[^\s()=!<>~,\"']+")
    value = (
        number.set_parse_action(lambda found: float(found[0]))
        | truth.set_parse_action(lambda found: found[0] == "true")
        | quoted
        | word
    )
    operator = pp.one_of([str(o) for o in Operator])
    compared = (field + operator + value).set_parse_action(
        lambda found: Comparison(found[0], Operator(found[1]), found[2])
    )
    one_of = (
        field + pp.CaselessKeyword("in").suppress() + pp.Suppress("(")
        + pp.DelimitedList(value) + pp.Suppress(")")
    ).set_parse_action(_any_of)  # fmt: skip
    condition = pp.Forward()
    single = pp.Suppress("(") + condition + pp.Suppress(")") | one_of | compared
    negated = pp.Forward()
    negated <<= (pp.CaselessKeyword("not").suppress() + negated).set_parse_action(
        lambda f: Not(f[0])
    ) | single
    both = _joined(negated, "and", And)
    condition <<= _joined(both, "or", Or)
    return condition.parse_with_tabs()  # or a mistake would be located in expanded text


def _joined(part: pp.ParserElement, word: str, node: type[And] | type[Or]) -> pp.ParserElement:
    def join(found: pp.ParseResults) -> Condition:
        parts = tuple(found)
        return parts[0] if len(parts) == 1 else node(parts)

    joined: pp.ParserElement = part + (pp.CaselessKeyword(word).suppress() + part)[...]
    joined.set_parse_action(join)
    return joined


def _any_of(found: Any) -> Condition:
    field, *values = found
    return Or(tuple(Comparison(field, Operator.EQ, value) for value in values))
