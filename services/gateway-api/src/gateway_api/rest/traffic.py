"""How many HTTP requests were served, how, and how fast."""

from __future__ import annotations

from service_kit.metrics import Counter, Histogram, Metrics

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Traffic:
    """Counts requests by the template of their route, never by their path: paths hold names."""

    def __init__(self, metrics: Metrics) -> None:
        self._requests = metrics.counter("http_requests_total", "HTTP requests answered", "method", "route", "status")
        self._seconds = metrics.histogram(
            "http_request_seconds", "Time from a request's head to the end of its answer", "method", "route"
        )
        # Looking a label up costs more than counting: as many as there are routes and statuses.
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def served(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request; `route` is a template, or `unmatched`."""
        # Anyone can send any method: only the standard ones become labels.
        method = method if method in METHODS else "other"
        known = self._known.get((method, route, status))
        if known is None:
            known = self._requests.labels(method, route, str(status)), self._seconds.labels(method, route)
            self._known[method, route, status] = known
        known[0].inc()
        known[1].observe(seconds)
