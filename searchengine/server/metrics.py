"""What ``/metrics`` shows, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_registry = CollectorRegistry()
_requests = Counter(
    "searchengine_requests_total", "Answers", ["method", "route", "status"], registry=_registry
)
_seconds = Histogram(
    "searchengine_request_seconds",
    "Seconds until an answer was sent",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
    registry=_registry,
)
_together = Histogram(
    "searchengine_queries_together",
    "Queries answered together",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
    registry=_registry,
)
_waiting = Gauge(
    "searchengine_queries_waiting", "Queries that nobody has begun to answer", registry=_registry
)

#: What has a name here; a client may send any.
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})


def note(method: str, route: str, status: int, seconds: float) -> None:
    """One answer; ``route`` is its template, never the path, so that there are few."""
    _requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
    _seconds.labels(route).observe(seconds)


def answered(queries: int) -> None:
    """Together."""
    _together.observe(queries)


def page(waiting: int) -> bytes:
    """The text format."""
    _waiting.set(waiting)
    return generate_latest(_registry)
