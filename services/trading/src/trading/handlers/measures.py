"""What trading measures besides the kit: how fast orders go, what is unknown, how the sessions are."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from contracts.trading import OrderCompleted, OrderEvent, OrderSubmitted
from eventlog.log import EventLog
from service_kit.metrics import Metrics

from trading.views.order_book import unknown_orders

LABELLED_SESSIONS = 200
"""Sessions with a series of their own; the others only count."""
ORDER_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0)
LATE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)


class SessionCondition(StrEnum):
    """How a session is on this replica."""

    READY = "ready"
    STARTING = "starting"
    """Has the lease; connects and reconciles."""
    FAILED = "failed"
    """The last attempt failed; it is tried again."""
    WAITING = "waiting"
    """Has no lease: another replica serves it, or it begins just now."""


type Conditions = Mapping[tuple[str, str], SessionCondition]
type Clocks = Mapping[tuple[str, str], float]


class Measures:
    """Declared once a service."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._stages = metrics.histogram(
            "order_stage_seconds",
            "Time from storing an order's intent until it was submitted, acknowledged and filled",
            "stage",
            buckets=ORDER_SECONDS,
        )
        self._session_state = metrics.gauge(
            "session_state", "1 for the state a session is in on this replica", "account", "connector", "state"
        )
        self._sessions = metrics.gauge("sessions", "Sessions of this replica in a state", "state")
        self._late = metrics.histogram(
            "executor_step_late_seconds", "How much later than its second an executor's step began", buckets=LATE_SECONDS
        )
        self._clocks = metrics.gauge(
            "exchange_clock_ahead_seconds", "How far a session's exchange is ahead of this machine", "account", "connector"
        )
        self._unknown = metrics.gauge("unknown_orders", "Orders with an effect whose outcome is not proven")
        self._unknown_age = metrics.gauge(
            "unknown_order_age_seconds", "Time since anything was heard of the longest unknown order"
        )

    def submitted(self, stored_at: float | None) -> None:
        """An order whose intent was stored at this monotonic time is sent now; None: stored by an earlier session."""
        self._reached("submitted", stored_at)

    def recorded(self, stored_at: float | None, events: Iterable[OrderEvent]) -> None:
        """These events of such an order were stored."""
        for event in events:
            if isinstance(event, OrderSubmitted):
                self._reached("acknowledged", stored_at)
            elif isinstance(event, OrderCompleted):
                self._reached("filled", stored_at)

    def stepped(self, late: float) -> None:
        """An executor that nothing woke took its step so many seconds after it was due."""
        self._late.observe(late)

    def watch(self, log: EventLog, conditions: Callable[[], Conditions]) -> None:
        """Look at sessions and unknown orders at each scrape."""

        async def orders() -> None:
            count, seconds = await unknown_orders(log)
            self._unknown.set(count)
            self._unknown_age.set(seconds)

        async def sessions() -> None:
            self._show(conditions())

        self._metrics.on_scrape(orders, self._unknown, self._unknown_age)
        self._metrics.on_scrape(sessions)

    def watch_clocks(self, clocks: Callable[[], Clocks]) -> None:
        """Look at the exchanges' clocks at each scrape."""

        async def read() -> None:
            self._clocks.clear()
            for (account, connector), ahead in sorted(clocks().items())[:LABELLED_SESSIONS]:
                self._clocks.labels(account, connector).set(ahead)

        self._metrics.on_scrape(read)

    def _show(self, conditions: Conditions) -> None:
        self._session_state.clear()
        for account, connector in sorted(conditions)[:LABELLED_SESSIONS]:
            self._session_state.labels(account, connector, conditions[account, connector].value).set(1)
        counts = Counter(conditions.values())
        for condition in SessionCondition:
            self._sessions.labels(condition.value).set(counts[condition])

    def _reached(self, stage: str, stored_at: float | None) -> None:
        if stored_at is not None:
            self._stages.labels(stage).observe(time.monotonic() - stored_at)
