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
_waiting = Gauge(
    "searchengine_encoder_waiting", "Segments that wait for an encoder", registry=_registry
)


def note(method: str, route: str, status: int, seconds: float) -> None:
    """One answer; ``route`` is its template, never the path, so that there are few."""
    _requests.labels(method, route, str(status)).inc()
    _seconds.labels(route).observe(seconds)


def page(waiting: int) -> bytes:
    """The text format."""
    _waiting.set(waiting)
    return generate_latest(_registry)
