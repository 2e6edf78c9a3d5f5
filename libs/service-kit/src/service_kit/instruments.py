"""The metrics that every service has. What each is good for stands in docs/how-to/metrics.md."""

from __future__ import annotations

from service_kit.metrics import Metrics

BATCH = (1, 2, 5, 10, 20, 50, 100, 200, 500)
LAG = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Instruments:
    """Declared once a service; the parts of the kit set them."""

    def __init__(self, metrics: Metrics) -> None:
        self.handled = metrics.counter("messages_handled_total", "Commands and queries answered", "kind", "message", "outcome")
        self.handling = metrics.histogram(
            "message_handling_seconds", "Time from taking a command or query to its answer", "kind", "message"
        )
        self.rejections = metrics.counter("rejections_total", "Commands and queries refused, by the refusal's code", "code")
        self.append = metrics.histogram("append_seconds", "Time from queueing an append to its commit")
        self.appended_events = metrics.counter("appended_events_total", "Events stored in the event log")
        self.batch = metrics.histogram("append_batch_size", "Appends stored by one transaction", buckets=BATCH)
        self.conflicts = metrics.counter("append_conflicts_total", "Appends refused because another was faster")
        self.postgres_reconnects = metrics.counter(
            "postgres_reconnects_total", "New connections of the event log's writer after one was lost"
        )
        self.nats_reconnects = metrics.counter("nats_reconnects_total", "New connections to NATS after one was lost")
        self.feed_lag_events = metrics.gauge(
            "feed_lag_events", "Stored events that a running transaction keeps out of the feed (at most 10000 are counted)"
        )
        self.feed_lag = metrics.gauge("feed_lag_seconds", "Age of the oldest stored event that is not in the feed yet")
        self.relay_lag_events = metrics.gauge(
            "relay_lag_events", "Stored events that are not on the stream yet (at most 10000 are counted)"
        )
        self.relay_lag = metrics.gauge("relay_lag_seconds", "Age of the oldest stored event that is not on the stream yet")
        self.relay_delay = metrics.histogram("relay_delay_seconds", "Time from an event's append to its place on the stream")
        self.consumer_lag_events = metrics.gauge(
            "consumer_lag_events", "Events on the stream that a view or reaction has not applied yet", "consumer"
        )
        self.consumer_lag = metrics.gauge(
            "consumer_lag_seconds", "Age of the oldest event that a view or reaction has taken and not applied yet", "consumer"
        )
        self.consumer_following = metrics.gauge(
            "consumer_following", "1 while a view or reaction follows its stream, 0 while it cannot", "consumer"
        )
        self.dead_letters = metrics.counter("dead_letters_total", "Events put aside as dead letters", "consumer")
        self.leases_held = metrics.gauge("leases_held", "Leases this replica holds")
        self.leases_lost = metrics.counter("leases_lost_total", "Leases lost while they were held", "noun")
        self.restarts = metrics.counter("task_restarts_total", "Background tasks started again after a crash", "task")
        self.loop_lag = metrics.histogram(
            "event_loop_lag_seconds", "How much later than asked a timer fired, once a second", buckets=LAG
        )
        self.ready = metrics.gauge("ready", "1 when the service is ready, 0 when a readiness check says why not")
