"""The sandbox venue: mapped hosts are redirected, all others refused."""

from __future__ import annotations

import pytest
from aiohttp import FormData
from contracts.rejections import Unavailable
from engine_kit.venue import Venue, VenueClosed, form

SANDBOX = Venue("http://127.0.0.1:8080")


@pytest.mark.parametrize(
    ("asked", "called"),
    [
        ("https://api.binance.com/api/v3/order", "http://127.0.0.1:8080/api/v3/order"),
        ("https://fapi.binance.com/fapi/v1/order", "http://127.0.0.1:8080/fapi/v1/order"),
    ],
)
def test_sandbox_redirects_rest(asked: str, called: str) -> None:
    assert SANDBOX.rest_url(asked) == called


@pytest.mark.parametrize(
    ("asked", "called"),
    [
        ("wss://stream.binance.com:9443/ws", "ws://127.0.0.1:8080/ws"),
        ("wss://ws-api.binance.com:443/ws-api/v3", "ws://127.0.0.1:8080/ws-api/v3"),
        ("wss://fstream.binance.com/private/ws?listenKey=x", "ws://127.0.0.1:8080/private/ws?listenKey=x"),
    ],
)
def test_sandbox_redirects_streams(asked: str, called: str) -> None:
    assert SANDBOX.stream_url(asked) == called


@pytest.mark.parametrize(
    "asked",
    [
        "https://api.kraken.com/0/public/Time",
        "https://api.binance.com.evil.example/api/v3/order",
        "https://api.binance.us/api/v3/order",
        "https://api.coinalpha.com/reporting",
        "http://169.254.169.254/latest",
    ],
)
def test_sandbox_refuses_every_other_host(asked: str) -> None:
    with pytest.raises(VenueClosed, match="sandbox mode"):
        SANDBOX.rest_url(asked)
    with pytest.raises(VenueClosed):
        SANDBOX.stream_url(asked)


def test_sandbox_serves_only_its_connectors() -> None:
    SANDBOX.admit("binance")
    with pytest.raises(Unavailable, match="sandbox mode"):
        SANDBOX.admit("kraken")


def test_live_changes_nothing() -> None:
    live = Venue()
    assert live.rest_url("https://api.kraken.com/0") == "https://api.kraken.com/0"
    live.admit("kraken")


def test_a_form_is_as_aiohttp_makes_it() -> None:
    fields = {"symbol": "BTCUSDT", "newClientOrderId": "x-a_b", "note": "a b&c=ä/+", "timestamp": 1763916000000, "last": True}
    ours, theirs = form(fields), FormData(fields)()
    assert ours.decode() == theirs.decode()
    assert ours.headers == theirs.headers


@pytest.mark.parametrize("data", [None, '{"a": 1}', b"x", {"a": None}, {"file": b"x"}, {"many": [1, 2]}])
def test_what_is_no_plain_form_is_left_to_aiohttp(data: object) -> None:
    assert form(data) is data
