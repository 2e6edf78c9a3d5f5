"""What the client is told when a fault fires: Binance's codes and texts."""

from __future__ import annotations

from sandbox_exchange.domain.faults.fault import Endpoint, Firing, Kind
from sandbox_exchange.domain.refusals import Refused

UNKNOWN = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
OVERLOADED = "Unknown error, please check your request or try again later."
FAILED = "An unknown error occurred while processing the request."


def told(firing: Firing, endpoint: Endpoint, now: int) -> Refused:
    """The error a fault is answered with. `now` is in ms: a ban says when it ends."""
    status = firing.wanted.status
    match firing.wanted.kind:
        case Kind.MAINTENANCE:
            return Refused(-1016, "This service is no longer available.", 503)
        case Kind.UNKNOWN_AFTER:
            return Refused(-1007, UNKNOWN, status)
        case Kind.RATE_LIMIT:
            code, text = _limit(firing, endpoint, now)
            return Refused(code, text, status)
        case _:
            return Refused(-1000, OVERLOADED if status == 503 else FAILED, status)


def _limit(firing: Firing, endpoint: Endpoint, now: int) -> tuple[int, str]:
    if firing.wanted.status == 418:
        return -1003, f"Way too much request weight used; IP banned until {now + firing.wanted.retry_after * 1000}."
    if endpoint is Endpoint.ORDER_PLACE:
        return -1015, "Too many new orders; current limit is 100 orders per 10 SECOND."
    return -1003, "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."
