"""The spot wire over REST, as a client of Binance knows it."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000.00"}
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.5"}


def now() -> int:
    return int(time.time() * 1000)


async def test_public_calls(client: Any) -> None:
    assert await client.get("ping") == (200, {})
    assert abs((await client.get("time"))[1]["serverTime"] - now()) < 2000
    _, info = await client.get("exchangeInfo")
    assert len(info["symbols"]) == 10
    assert {each["filterType"] for each in info["symbols"][0]["filters"]} == {"PRICE_FILTER", "LOT_SIZE", "NOTIONAL"}
    _, depth = await client.get("depth", symbol="ETHUSDT", limit=5)
    assert [len(depth["bids"]), len(depth["asks"])] == [5, 5]
    assert Decimal(depth["bids"][0][0]) < Decimal(depth["asks"][0][0])
    _, tickers = await client.get("ticker/bookTicker")
    assert len(tickers) == 10
    await _check_the_last_price(client, "BTCUSDT")
    assert (await client.get("ticker/price", symbols='["BTCUSDT","ETHUSDT"]'))[1][1]["symbol"] == "ETHUSDT"
    assert (await client.get("avgPrice", symbol="BTCUSDT"))[1]["mins"] == 5
    assert (await client.get("trades", symbol="BTCUSDT"))[1][0]["isBestMatch"] is True


async def _check_the_last_price(client: Any, symbol: str) -> None:
    """The ticker of the day has the pair's price. The market may move between two questions, so ask until it did not."""
    before, last, after = "", "", "unknown"
    while before != after:
        before = (await client.get("ticker/price", symbol=symbol))[1]["price"]
        last = (await client.get("ticker/24hr", symbol=symbol))[1]["lastPrice"]
        after = (await client.get("ticker/price", symbol=symbol))[1]["price"]
    assert last == after


async def test_klines_page_backwards_and_forwards(client: Any) -> None:
    _, latest = await client.get("klines", symbol="BTCUSDT", interval="1m", limit=10)
    assert len(latest) == 10
    assert all(len(row) == 12 for row in latest)
    _, before = await client.get("klines", symbol="BTCUSDT", interval="1m", limit=10, endTime=latest[0][0] - 1)
    assert before[-1][6] + 1 == latest[0][0]
    _, forward = await client.get("klines", symbol="BTCUSDT", interval="1m", limit=10, startTime=before[0][0])
    assert forward == before
    _, between = await client.get("klines", symbol="BTCUSDT", interval="1m", startTime=before[3][0], endTime=before[6][0])
    assert between == before[3:7]
    assert (await client.get("klines", symbol="BTCUSDT", interval="1M", limit=2))[1][-1][6] > now()
    assert await client.get("klines", symbol="BTCUSDT", interval="7m") == (400, {"code": -1120, "msg": "Invalid interval."})


async def test_a_limit_order_from_placement_to_cancel(client: Any) -> None:
    status, placed = await client.order(**LIMIT, newClientOrderId="mine")
    assert (status, placed["status"], placed["fills"], placed["clientOrderId"]) == (200, "NEW", [], "mine")
    _, account = await client.signed("GET", "account")
    usdt = next(each for each in account["balances"] if each["asset"] == "USDT")
    assert usdt == {"asset": "USDT", "free": "99500.00000000", "locked": "500.00000000"}
    assert len(account["balances"]) == 11
    _, found = await client.signed("GET", "order", symbol="BTCUSDT", origClientOrderId="mine")
    assert (found["orderId"], found["origQty"], found["price"]) == (placed["orderId"], "0.01000000", "50000.00000000")
    assert (await client.signed("GET", "openOrders"))[1] == [found]
    status, cancelled = await client.signed("DELETE", "order", symbol="BTCUSDT", origClientOrderId="mine")
    assert (status, cancelled["status"], cancelled["origClientOrderId"]) == (200, "CANCELED", "mine")
    assert (await client.signed("GET", "openOrders", symbol="BTCUSDT"))[1] == []
    gone = await client.signed("DELETE", "order", symbol="BTCUSDT", origClientOrderId="mine")
    assert gone == (400, {"code": -2011, "msg": "Unknown order sent."})
    (only,) = (await client.signed("GET", "allOrders", symbol="BTCUSDT"))[1]
    assert only["status"] == "CANCELED"


async def test_a_market_order_and_its_trades_agree_with_the_ledger(client: Any) -> None:
    _, placed = await client.order(**MARKET)
    assert placed["status"] == "FILLED"
    assert len(placed["fills"]) > 1
    assert sum(Decimal(fill["qty"]) for fill in placed["fills"]) == Decimal("0.5")
    _, trades = await client.signed("GET", "myTrades", symbol="BTCUSDT", orderId=placed["orderId"])
    assert [trade["id"] for trade in trades] == [fill["tradeId"] for fill in placed["fills"]]
    assert sum(Decimal(trade["quoteQty"]) for trade in trades) == Decimal(placed["cummulativeQuoteQty"])
    assert all(Decimal(t["commission"]) == Decimal(t["qty"]) / 1000 and t["commissionAsset"] == "BTC" for t in trades)
    _, later = await client.signed("GET", "myTrades", symbol="BTCUSDT", fromId=trades[1]["id"], limit=1)
    assert later == [trades[1]]
    _, since = await client.signed("GET", "myTrades", symbol="BTCUSDT", startTime=trades[0]["time"])
    assert since == trades
    assert (await client.signed("GET", "myTrades", symbol="BTCUSDT", startTime=now() + 1000))[1] == []
    books = await client.ledger()
    assert books["trades"] == trades
    assert Decimal(books["balances"]["BTC"]["free"]) == 1 + Decimal("0.5") * Decimal("0.999")
    assert Decimal(books["balances"]["USDT"]["free"]) == 100_000 - Decimal(placed["cummulativeQuoteQty"])


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"symbol": "FOOUSDT"}, -1121, "Invalid symbol."),
        ({"symbol": None}, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
        ({"side": "HOLD"}, -1117, "Invalid side."),
        ({"type": "ICEBERG"}, -1116, "Invalid orderType."),
        ({"timeInForce": "DAY"}, -1115, "Invalid timeInForce."),
        ({"timeInForce": None}, -1102, "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed."),
        ({"price": None}, -1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
        ({"price": "1e5"}, -1100,
         "Illegal characters found in parameter 'price'; legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'."),
        ({"price": "50000.000000001"}, -1111, "Parameter 'price' has too much precision."),
        ({"price": "50000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"quantity": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0.00001"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "3"}, -2010, "Account has insufficient balance for requested action."),
        ({"type": "LIMIT_MAKER"}, -1106, "Parameter 'timeInForce' sent when not required."),
        ({"type": "LIMIT_MAKER", "timeInForce": None, "price": "900000", "quantity": "0.001"}, -2010,
         "Order would immediately match and take."),
        ({"type": "MARKET", "timeInForce": None}, -1106, "Parameter 'price' sent when not required."),
        ({"newClientOrderId": "a b"}, -1100,
         "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[\\.A-Z\\:/a-z0-9_-]{1,36}$'."),
    ],
)  # fmt: skip
async def test_refusals(client: Any, changes: dict[str, str | None], code: int, text: str) -> None:
    sent = {name: value for name, value in {**LIMIT, **changes}.items() if value is not None}
    assert await client.order(**sent) == (400, {"code": code, "msg": text})


async def test_duplicates_and_unknown_orders(client: Any) -> None:
    await client.order(**LIMIT, newClientOrderId="same")
    assert (await client.order(**LIMIT, newClientOrderId="same"))[1] == {"code": -2010, "msg": "Duplicate order sent."}
    missing = await client.signed("GET", "order", symbol="BTCUSDT", origClientOrderId="other")
    assert missing == (400, {"code": -2013, "msg": "Order does not exist."})


async def test_keys_signatures_and_time(client: Any) -> None:
    text = urlencode({"timestamp": now()})
    good = f"{text}&signature={client.sign(text)}"
    assert (await client.raw("GET", "account", good))[0] == 200
    # The signature may stand anywhere.
    assert (await client.raw("GET", "account", f"signature={client.sign(text)}&{text}"))[0] == 200
    assert await client.raw("GET", "account", good, key="short") == (401, {"code": -2014, "msg": "API-key format invalid."})
    status, body = await client.raw("GET", "account", good, key="a" * 64)
    assert (status, body["code"]) == (401, -2015)
    wrong = {"code": -1022, "msg": "Signature for this request is not valid."}
    assert await client.raw("GET", "account", f"{text}&signature={'0' * 64}") == (400, wrong)
    assert (await client.raw("GET", "account", text))[1]["code"] == -1102
    status, body = await client.signed("GET", "account", timestamp=now() - 6000)
    assert (status, body) == (400, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."})
    assert (await client.signed("GET", "account", timestamp=now() - 6000, recvWindow=10_000))[0] == 200
    _, body = await client.signed("GET", "account", timestamp=now() + 3000)
    assert body["msg"] == "Timestamp for this request was 1000ms ahead of the server's time."
    assert (await client.signed("GET", "account", recvWindow=70_000))[1]["code"] == -1131
    assert (await client.signed("GET", "account", timestamp=""))[1]["code"] == -1102


async def test_unknown_paths_answer_in_the_same_shape(client: Any) -> None:
    assert await client.get("nothing") == (404, {"code": -1000, "msg": "Not Found"})


async def test_everything_is_there_after_a_restart(serve: Any) -> None:
    async with serve() as before:
        created = await before.open_account(USDT="100000", BTC="2")
        await before.order(**LIMIT, newClientOrderId="resting")
        await before.order(**MARKET)
        books = await before.ledger()
    async with serve() as after:
        after.key, after.secret = created["api_key"], created["api_secret"]
        assert await after.ledger() == books
        assert (await after.signed("DELETE", "order", symbol="BTCUSDT", origClientOrderId="resting"))[0] == 200
        _, placed = await after.order(**LIMIT)
        assert placed["orderId"] > max(order["orderId"] for order in books["orders"])


async def test_the_operator_moves_prices_and_money(client: Any) -> None:
    assert (await client.admin("GET", "/admin/accounts", token="guess"))[0] == 401
    await client.order(**LIMIT, newClientOrderId="waits")
    assert (await client.admin("POST", "/admin/prices", {"symbol": "BTC-USDT", "price": "49000"}))[0] == 200
    _, order = await client.signed("GET", "order", symbol="BTCUSDT", origClientOrderId="waits")
    assert (order["status"], order["cummulativeQuoteQty"]) == ("FILLED", "500.00000000")
    assert abs(Decimal((await client.get("ticker/price", symbol="BTCUSDT"))[1]["price"]) - 49_000) < 100
    body = {"api_key": client.key, "asset": "doge", "amount": "12.5"}
    assert (await client.admin("POST", "/admin/deposits", body))[1]["balances"]["DOGE"] == {"free": "12.5", "locked": "0"}
    assert (await client.admin("POST", "/admin/withdrawals", {**body, "amount": "13"}))[0] == 400
    assert (await client.admin("POST", "/admin/withdrawals", body))[1]["balances"]["DOGE"] == {"free": "0", "locked": "0"}
    for bad in ({**body, "amount": "-1"}, {**body, "amount": "x"}, {**body, "asset": ""}, [1]):
        assert (await client.admin("POST", "/admin/deposits", bad))[0] == 400
    assert (await client.admin("GET", "/admin/accounts/nobody/ledger"))[0] == 404
    _, summary = await client.admin("GET", f"/admin/accounts/{client.key}")
    assert (summary["account_id"], summary["orders"], summary["trades"]) == ("000001", 1, 1)
    assert (await client.admin("GET", "/health"))[1]["status"] == "ok"


async def test_a_pair_can_follow_a_file_of_candles(serve: Any, tmp_path: Path) -> None:
    start = now() // 60_000 * 60_000
    rows = [f"{start + index * 60_000},100,110,90,{100 + index},5" for index in range(-60, 60)]
    file = tmp_path / "candles.csv"
    file.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]))
    async with serve(replay_csv=f"LTC-USDT={file}") as client:
        _, bars = await client.get("klines", symbol="LTCUSDT", interval="1m", limit=3, endTime=start - 1)
        assert [row[1:6] for row in bars] == [
            ["100.00000000", "110.00000000", "90.00000000", f"{100 + index}.00000000", "5.00000000"] for index in (-3, -2, -1)
        ]
        assert 90 <= Decimal((await client.get("ticker/price", symbol="LTCUSDT"))[1]["price"]) <= 110
