"""Who sent a request: API keys, timestamps and HMAC signatures, checked and refused as Binance does."""

from __future__ import annotations

import hmac
import re
from hashlib import sha256

from sandbox_exchange.domain.refusals import Refused, missing
from sandbox_exchange.domain.spot.accounts import Account
from sandbox_exchange.domain.spot.exchange import Exchange
from sandbox_exchange.handlers.parameters import Parameters

DEFAULT_WINDOW, LONGEST_WINDOW, AHEAD = 5000, 60_000, 1000
_SIGNATURE = re.compile(r"(?:^|&)signature=[^&]*")
_KEY = re.compile(r"^[A-Za-z0-9]{16,128}$")


def authenticate(exchange: Exchange, api_key: str | None, parameters: Parameters, signed: str, now: int) -> Account:
    """The account of a signed request. `signed` is exactly what was sent, without the signature. Raises Refused."""
    if api_key is None or not _KEY.match(api_key):
        raise Refused(-2014, "API-key format invalid.", 401)
    account = exchange.account(api_key)
    check_time(parameters, now)
    expected = hmac.new(account.api_secret.encode(), signed.encode(), sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), parameters.text("signature").encode()):
        raise Refused(-1022, "Signature for this request is not valid.")
    return account


def check_time(parameters: Parameters, now: int) -> None:
    """Refuse a timestamp outside the request's window. `now` is in ms."""
    window = parameters.integer("recvWindow")
    if window is not None and window > LONGEST_WINDOW:
        raise Refused(-1131, "recvWindow must be less than 60000.")
    timestamp = parameters.integer("timestamp")
    if timestamp is None:
        raise missing("timestamp")
    if timestamp >= now + AHEAD:
        raise Refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now - timestamp > (DEFAULT_WINDOW if window is None else window):
        raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")


def without_signature(text: str) -> str:
    """A query string or form body without its signature parameter, wherever that stands."""
    return _SIGNATURE.sub("", text).removeprefix("&")
