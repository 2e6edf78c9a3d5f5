"""Faults: what goes wrong on purpose, where, for whom and how often. Times are milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256

DRAWS = 2**64


class Kind(StrEnum):
    """What goes wrong."""

    LATENCY = "latency"
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    UNKNOWN_AFTER = "unknown_after"
    DROP_EVENTS = "drop_events"
    DUPLICATE_EVENTS = "duplicate_events"
    REORDER_EVENTS = "reorder_events"
    CUT_SOCKET = "cut_socket"
    RATE_LIMIT = "rate_limit"
    CLOCK_SKEW = "clock_skew"
    PARTIAL_FILLS = "partial_fills"
    MAINTENANCE = "maintenance"
    HALT = "halt"


class Endpoint(StrEnum):
    """Where it goes wrong. `OTHER` are the calls without a name of their own: only `ALL` reaches them."""

    ALL = "all"
    ORDER_PLACE = "order.place"
    ORDER_CANCEL = "order.cancel"
    ORDER_QUERY = "order.query"
    ACCOUNT = "account"
    TRADES = "trades"
    OPEN_ORDERS = "open_orders"
    EXCHANGE_INFO = "exchange_info"
    DEPTH = "depth"
    KLINES = "klines"
    USER_STREAM = "user_stream"
    MARKET_STREAM = "market_stream"
    OTHER = "other"


BEFORE = (Kind.MAINTENANCE, Kind.RATE_LIMIT, Kind.TIMEOUT_BEFORE, Kind.ERROR_BEFORE)
AFTER = (Kind.TIMEOUT_AFTER, Kind.UNKNOWN_AFTER, Kind.ERROR_AFTER)
STREAMS = frozenset({Endpoint.USER_STREAM, Endpoint.MARKET_STREAM})
_CALLS = frozenset(Endpoint) - STREAMS - {Endpoint.OTHER}
_USER_EVENTS = frozenset({Endpoint.ALL, Endpoint.USER_STREAM})
_PLACEMENT = frozenset({Endpoint.ALL, Endpoint.ORDER_PLACE})
REACH: dict[Kind, frozenset[Endpoint]] = {
    **dict.fromkeys(Kind, frozenset(Endpoint) - {Endpoint.OTHER}),
    **dict.fromkeys(AFTER, _CALLS),
    **dict.fromkeys((Kind.DROP_EVENTS, Kind.DUPLICATE_EVENTS, Kind.REORDER_EVENTS), _USER_EVENTS),
    Kind.CUT_SOCKET: STREAMS | {Endpoint.ALL},
    Kind.PARTIAL_FILLS: _PLACEMENT,
    Kind.HALT: _PLACEMENT,
}
"""The endpoints a kind of fault can be asked for."""

_TIMED = frozenset({"milliseconds"})
OPTIONS: dict[Kind, frozenset[str]] = {
    **dict.fromkeys(Kind, frozenset()),
    **dict.fromkeys((Kind.TIMEOUT_BEFORE, Kind.TIMEOUT_AFTER, Kind.REORDER_EVENTS, Kind.CLOCK_SKEW), _TIMED),
    **dict.fromkeys((Kind.ERROR_BEFORE, Kind.ERROR_AFTER, Kind.UNKNOWN_AFTER), frozenset({"status"})),
    Kind.LATENCY: _TIMED | {"jitter"},
    Kind.RATE_LIMIT: frozenset({"status", "retry_after"}),
    Kind.PARTIAL_FILLS: frozenset({"pieces"}),
}
"""The settings a kind of fault has, besides those of every fault."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """One moment at which a fault may fire: a request, an event told, a match. Empty when it has no account or symbol."""

    endpoint: Endpoint
    account: str = ""
    api_key: str = ""
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A fault as it was asked for. None as `api_key` or `symbol` means any; as `count` or `expires_at`, without end.

    `jitter` is added to `milliseconds`, evenly drawn from zero up. `status`, `retry_after` (seconds) and `pieces` belong
    to the kinds that OPTIONS names.
    """

    kind: Kind
    endpoint: Endpoint = Endpoint.ALL
    api_key: str | None = None
    symbol: str | None = None
    probability: Decimal = Decimal(1)
    count: int | None = None
    expires_at: int | None = None
    seed: int = 0
    milliseconds: int = 0
    jitter: int = 0
    status: int = 0
    retry_after: int = 0
    pieces: int = 1

    def concerns(self, occasion: Occasion) -> bool:
        """Whether the fault may fire at an occasion, by place, account and symbol."""
        return (
            self.endpoint in (Endpoint.ALL, occasion.endpoint)
            and self.api_key in (None, occasion.api_key)
            and self.symbol in (None, occasion.symbol)
        )

    def draw(self, occasion: Occasion, number: int, purpose: str) -> int:
        """A number below DRAWS that depends on the seed, the kind of fault, and the occasion's place and number only.

        An API key is different in every run, so it is the account's id that counts.
        """
        text = f"{self.seed}:{self.kind}:{self.endpoint}:{occasion.account}:{occasion.endpoint}:{number}:{purpose}"
        return int.from_bytes(sha256(text.encode()).digest()[:8])


@dataclass(slots=True)
class Fault:
    """A fault in force, with what it has done. Occasions are counted per account and endpoint."""

    id: str
    wanted: Wanted
    fired: int = 0
    occasions: int = 0
    _numbers: dict[tuple[str, Endpoint], int] = field(default_factory=dict)

    def is_active(self, now: int) -> bool:
        """Whether it can still fire."""
        if self.wanted.count is not None and self.fired >= self.wanted.count:
            return False
        return self.wanted.expires_at is None or now < self.wanted.expires_at

    def meet(self, occasion: Occasion, now: int) -> Firing | None:
        """Count an occasion that the fault concerns; the firing when it fires."""
        if not self.is_active(now) or not self.wanted.concerns(occasion):
            return None
        key = (occasion.account, occasion.endpoint)
        number = self._numbers[key] = self._numbers.get(key, 0) + 1
        self.occasions += 1
        if self.wanted.draw(occasion, number, "fire") >= self.wanted.probability * DRAWS:
            return None
        self.fired += 1
        jitter = self.wanted.jitter * self.wanted.draw(occasion, number, "jitter") // DRAWS
        return Firing(self.wanted, self.wanted.milliseconds + jitter)


@dataclass(frozen=True, slots=True)
class Firing:
    """A fault that fires now; `milliseconds` with the jitter drawn."""

    wanted: Wanted
    milliseconds: int
