"""Which calls are tried again, when, and how often.

Only what cannot have happened, or may happen twice: a call that never reached the server, one
that it refused unseen (429), and a question that failed on its way or met a server that is busy.
"""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from searchengine.client.problems import problem_of
from searchengine.client.steps import Call, Pause, Steps
from searchengine.errors import SearchEngineError, ServerError

#: Pauses are a random share of 0.25, 0.5, 1, ... seconds ("full jitter": M. Brooker, "Exponential
#: Backoff and Jitter", AWS Architecture Blog, 2015), so that many clients do not come back at once.
FIRST_S, LONGEST_S = 0.25, 8.0

#: A server that wants to be left alone for longer is an error at once.
PATIENCE_S = 30.0

NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
NEVER_BEGUN = 429
#: A server, or a gateway before it, that may well answer soon.
PASSING = (502, 503, 504)


def answer_of(call: Call, retries: int) -> Steps[httpx.Response]:
    """The answer, after at most ``retries`` more tries. Raises the error that it is."""
    for attempt in itertools.count():
        outcome = yield call
        error = problem_of(call, outcome)
        if error is None:
            assert isinstance(outcome, httpx.Response)
            return outcome
        if attempt == retries or not _may_repeat(call, outcome, error):
            raise error
        wanted_s = _retry_after_s(outcome)
        if wanted_s > PATIENCE_S:
            raise error
        yield Pause(wanted_s + random.uniform(0, min(LONGEST_S, FIRST_S * 2**attempt)))
    raise AssertionError("never counted to the end")


def _may_repeat(call: Call, outcome: object, error: SearchEngineError) -> bool:
    if isinstance(outcome, NEVER_SENT):
        return True
    if isinstance(outcome, httpx.Response):
        # a ServerError: for weights that are missing, also a 503, there is no use in waiting
        busy = outcome.status_code in PASSING and isinstance(error, ServerError)
        return outcome.status_code == NEVER_BEGUN or (call.repeatable and busy)
    # whoever calls has said how long an answer may take
    return call.repeatable and not isinstance(outcome, httpx.TimeoutException)


def _retry_after_s(outcome: object) -> float:
    """Seconds, or a date (RFC 9110, 10.2.3); 0 when nothing is said that makes sense."""
    said = outcome.headers.get("retry-after", "") if isinstance(outcome, httpx.Response) else ""
    if said.strip().isdecimal():
        return float(said)
    try:
        until = parsedate_to_datetime(said)
    except ValueError:
        return 0.0
    return max(0.0, (until.astimezone(UTC) - datetime.now(UTC)).total_seconds())
