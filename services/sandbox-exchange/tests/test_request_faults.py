"""Faults of requests over the wire: what the client sees, and what the ledger says all the same."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "50000"}
OTHER = "a" * 64


async def add(client: Any, kind: str, **options: object) -> dict[str, Any]:
    status, fault = await client.admin("POST", "/admin/faults", {"kind": kind, **options})
    assert status == 201, fault
    return dict(fault)


async def fired(client: Any) -> list[int]:
    status, faults = await client.admin("GET", "/admin/faults")
    assert status == 200
    return [fault["fired"] for fault in faults]


async def placed(client: Any) -> list[str]:
    """The client ids of the orders in the ledger."""
    return [order["clientOrderId"] for order in (await client.ledger())["orders"]]


async def test_a_fault_is_listed_with_its_settings_and_ended(client: Any) -> None:
    wanted = {"endpoint": "order.place", "api_key": client.key, "symbol": "BTC-USDT", "probability": "0.25", "seed": 7}
    fault = await add(client, "latency", **wanted, milliseconds=5, jitter=3, count=2, seconds=60)
    assert fault.pop("expires_at") > 0
    assert fault == {
        **wanted, "fault_id": "fault1", "kind": "latency", "symbol": "BTCUSDT", "milliseconds": 5, "jitter": 3, "count": 2,
        "occasions": 0, "fired": 0, "active": True,
    }  # fmt: skip
    await add(client, "maintenance")
    assert await client.admin("DELETE", "/admin/faults/fault1") == (200, {"removed": ["fault1"]})
    assert (await client.admin("DELETE", "/admin/faults/fault1"))[0] == 404
    assert await client.admin("DELETE", "/admin/faults") == (200, {"removed": ["fault2"]})
    assert await client.admin("GET", "/admin/faults") == (200, [])
    assert (await client.admin("GET", "/admin/faults", token="wrong"))[0] == 401


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "kind: Field required"),
        ({"kind": "earthquake"}, "kind: Input should be"),
        ({"kind": "latency", "volume": 11}, "volume: Extra inputs are not permitted"),
        ({"kind": "latency", "endpoint": "nowhere"}, "endpoint: Input should be"),
        ({"kind": "latency", "probability": "2"}, "probability: Input should be less than or equal to 1"),
        ({"kind": "latency", "count": 0}, "count: Input should be greater than or equal to 1"),
        ({"kind": "latency", "seconds": 0}, "seconds: Input should be greater than 0"),
        ({"kind": "latency", "milliseconds": -1}, "milliseconds: only a clock_skew can be negative"),
        ({"kind": "maintenance", "milliseconds": 5}, "milliseconds: maintenance has no such setting"),
        ({"kind": "drop_events", "endpoint": "order.place"}, "endpoint: drop_events can be asked for all, user_stream"),
        ({"kind": "timeout_after", "endpoint": "user_stream"}, "endpoint: timeout_after can be asked for account, all"),
        ({"kind": "error_after", "status": 404}, "status: must be from 500 to 599"),
        ({"kind": "rate_limit", "status": 500}, "status: must be 429 or 418"),
        ({"kind": "halt", "probability": "0.5"}, "probability: a halt is in force for everybody"),
        ({"kind": "latency", "symbol": "FOOUSDT"}, "Invalid symbol."),
    ],
)
async def test_a_fault_that_cannot_be_is_refused_by_name(client: Any, body: Any, named: str) -> None:
    status, refusal = await client.admin("POST", "/admin/faults", body)
    assert status == 400
    assert refusal["msg"].startswith(named)
    assert (await client.admin("POST", "/admin/faults", {"kind": "latency", "api_key": OTHER}))[0] == 404


async def test_latency_holds_a_request_back_and_lets_it_through(client: Any) -> None:
    await add(client, "latency", endpoint="account", milliseconds=50, jitter=10)
    assert (await client.signed("GET", "account"))[0] == 200
    assert (await client.get("depth", symbol="BTCUSDT"))[0] == 200
    assert await fired(client) == [1]


async def test_a_timeout_before_acceptance_leaves_no_order(client: Any) -> None:
    await add(client, "timeout_before", endpoint="order.place", count=1, milliseconds=20)
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.order(**ORDER, newClientOrderId="one")
    assert await placed(client) == []
    assert (await client.order(**ORDER, newClientOrderId="two"))[0] == 200
    _, faults = await client.admin("GET", "/admin/faults")
    assert (faults[0]["fired"], faults[0]["active"]) == (1, False)


async def test_a_timeout_after_acceptance_leaves_the_order(client: Any, serve: Any) -> None:
    await add(client, "timeout_after", endpoint="order.place", milliseconds=20)
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.order(**ORDER, newClientOrderId="one")
    assert await placed(client) == ["one"]
    status, order = await client.signed("GET", "order", symbol="BTCUSDT", origClientOrderId="one")
    assert (status, order["status"]) == (200, "NEW")


async def test_a_refusal_is_told_whatever_would_be_lost_after_acceptance(client: Any) -> None:
    await add(client, "timeout_after")
    status, refusal = await client.order(**ORDER | {"price": "0.001"})
    assert (status, refusal["code"]) == (400, -1013)
    assert await fired(client) == [0]


@pytest.mark.parametrize(
    ("kind", "options", "status", "code", "accepted"),
    [
        ("error_before", {}, 500, -1000, []),
        ("error_before", {"status": 503}, 503, -1000, []),
        ("error_after", {"status": 502}, 502, -1000, ["one"]),
        ("error_after", {"status": 503}, 503, -1000, ["one"]),
        ("unknown_after", {}, 408, -1007, ["one"]),
        ("unknown_after", {"status": 504}, 504, -1007, ["one"]),
        ("maintenance", {}, 503, -1016, []),
        ("halt", {"symbol": "BTCUSDT"}, 400, -1013, []),
    ],
)
async def test_errors_before_and_after_acceptance(
    client: Any, kind: str, options: dict[str, object], status: int, code: int, accepted: list[str]
) -> None:
    await add(client, kind, **options)
    answered, body = await client.order(**ORDER, newClientOrderId="one")
    assert (answered, body["code"]) == (status, code)
    assert await placed(client) == accepted
    assert await fired(client) == [1]


async def test_a_503_after_acceptance_says_what_the_engine_takes_for_unknown(client: Any) -> None:
    await add(client, "error_after", status=503)
    _, body = await client.order(**ORDER)
    assert body["msg"] == "Unknown error, please check your request or try again later."


@pytest.mark.parametrize(("status", "code"), [(429, -1015), (418, -1003)])
async def test_rate_limits_say_when_to_come_back(client: Any, status: int, code: int) -> None:
    await add(client, "rate_limit", endpoint="order.place", status=status, retry_after=3)
    url, headers = f"{client.base}/api/v3/order", {"X-MBX-APIKEY": client.key}
    async with client.session.post(url, data="", headers=headers) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (status, "3")
        assert (await answer.json())["code"] == code
    assert (await client.signed("GET", "openOrders"))[0] == 200


async def test_a_clock_that_is_off_refuses_timestamps(client: Any) -> None:
    _, before = await client.get("time")
    fault = await add(client, "clock_skew", milliseconds=3_600_000)
    _, skewed = await client.get("time")
    assert skewed["serverTime"] - before["serverTime"] >= 3_600_000
    status, body = await client.order(**ORDER)
    assert (status, body["code"]) == (400, -1021)
    status, body = await client.order(**ORDER, timestamp=skewed["serverTime"], newClientOrderId="one")
    assert status == 200
    await client.admin("DELETE", f"/admin/faults/{fault['fault_id']}")
    await add(client, "clock_skew", milliseconds=-3_600_000, api_key=client.key, endpoint="order.cancel")
    assert (await client.signed("DELETE", "order", symbol="BTCUSDT", origClientOrderId="one"))[1]["code"] == -1021
    assert (await client.signed("GET", "openOrders"))[0] == 200


async def test_a_halt_is_told_and_cancels_still_work(client: Any) -> None:
    await client.order(**ORDER, newClientOrderId="one")
    await add(client, "halt", symbol="BTC-USDT")
    _, information = await client.get("exchangeInfo")
    statuses = {symbol["symbol"]: symbol["status"] for symbol in information["symbols"]}
    assert (statuses.pop("BTCUSDT"), set(statuses.values())) == ("BREAK", {"TRADING"})
    assert await client.order(**ORDER) == (400, {"code": -1013, "msg": "Market is closed."})
    assert (await client.order(**ORDER | {"symbol": "ETHUSDT", "price": "2000"}))[0] == 200
    assert (await client.signed("DELETE", "order", symbol="BTCUSDT", origClientOrderId="one"))[0] == 200
    await client.admin("DELETE", "/admin/faults")
    assert (await client.order(**ORDER))[0] == 200


async def test_a_fault_concerns_its_account_only(client: Any) -> None:
    key, secret = client.key, client.secret
    await client.open_account()
    await add(client, "maintenance", api_key=key)
    assert (await client.order(**ORDER))[0] == 200
    client.key, client.secret = key, secret
    assert (await client.order(**ORDER))[0] == 503
    assert (await client.get("depth", symbol="BTCUSDT"))[0] == 200


async def test_partial_fills_cut_a_match_into_trades(client: Any) -> None:
    await add(client, "partial_fills", pieces=4, api_key=client.key)
    _, order = await client.order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.00010")
    assert (order["status"], order["executedQty"], len(order["fills"])) == ("FILLED", "0.00010000", 4)
    assert [fill["qty"] for fill in order["fills"]] == ["0.00002000"] * 3 + ["0.00004000"]
    assert len((await client.ledger())["trades"]) == 4


async def test_a_restarted_exchange_has_no_faults_and_every_accepted_order(serve: Any) -> None:
    async with serve() as client:
        await client.open_account()
        key = client.key
        await add(client, "timeout_after", endpoint="order.place")
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.order(**ORDER, newClientOrderId="one")
    async with serve() as client:
        client.key = key
        assert await client.admin("GET", "/admin/faults") == (200, [])
        assert await placed(client) == ["one"]
