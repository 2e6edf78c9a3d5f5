"""How many HTTP requests were served, how, and how fast."""

from __future__ import annotations

from service_kit.metrics import Metrics

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Traffic:
    """Counts requests by the template of their route, never by their path: paths hold names."""

    def __init__(self, metrics: Metrics) -> None:
        self._requests = metrics.counter("http_requests_total", "HTTP requests answered", "method", "route", "status")
        self._seconds = metrics.histogram(
            "http_request_seconds", "Time from a request's head to the end of its answer", "method", "route"
        )

    def served(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request; `route` is a template, or `unmatched`."""
        # Anyone can send any method: only the standard ones become labels.
        method = method if method in METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
