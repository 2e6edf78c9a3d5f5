"""How many WebSocket connections and subscriptions there are, and what is sent on them."""

from __future__ import annotations

from service_kit.metrics import Metrics


class SocketTraffic:
    """Counts by path and kind of subscription, never by id."""

    def __init__(self, metrics: Metrics) -> None:
        self._connections = metrics.gauge("sockets", "WebSocket connections that are logged in", "path")
        self._subscriptions = metrics.gauge("socket_subscriptions", "Open subscriptions of WebSockets", "path", "type")
        self._frames = metrics.counter("socket_frames_total", "Frames sent on WebSockets", "path")
        self._dropped = metrics.counter(
            "socket_states_dropped_total", "States or entries that readers of WebSockets were too slow for", "path"
        )
        self._refused = metrics.counter("socket_refusals_total", "WebSockets that were not let in", "path", "reason")

    def connections(self, path: str, change: int) -> None:
        """One more, or one less."""
        self._connections.labels(path).inc(change)

    def subscriptions(self, path: str, kind: str, change: int) -> None:
        """One more, or one less."""
        self._subscriptions.labels(path, kind).inc(change)

    def sent(self, path: str) -> None:
        """A frame went out."""
        self._frames.labels(path).inc()

    def dropped(self, path: str, states: int) -> None:
        """A reader was too slow for so many."""
        if states:
            self._dropped.labels(path).inc(states)

    def refused(self, path: str, reason: str) -> None:
        """`credentials`, `lockout`, `limit` or `stopping`."""
        self._refused.labels(path, reason).inc()
