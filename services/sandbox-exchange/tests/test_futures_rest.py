"""The futures wire over REST, as a client of Binance knows it."""

from __future__ import annotations

import time
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000.0"}
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
HOURS = 3_600_000


@pytest.fixture
def futures(client: Any) -> Any:
    return client.futures()


def now() -> int:
    return int(time.time() * 1000)


async def wallet(futures: Any) -> dict[str, Decimal]:
    _, account = await futures.signed("GET", "v2/account")
    return {name: Decimal(value) for name, value in account["assets"][0].items() if name.endswith(("Balance", "Margin", "Pnl"))}


async def test_public_calls(futures: Any) -> None:
    assert await futures.get("v1/ping") == (200, {})
    assert abs((await futures.get("v1/time"))[1]["serverTime"] - now()) < 5000
    _, info = await futures.get("v1/exchangeInfo")
    assert [each["symbol"] for each in info["symbols"]] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    assert {each["contractType"] for each in info["symbols"]} == {"PERPETUAL"}
    filters = {each["filterType"]: each for each in info["symbols"][0]["filters"]}
    assert (filters["MIN_NOTIONAL"]["notional"], filters["LOT_SIZE"]["stepSize"]) == ("100", "0.001")
    _, depth = await futures.get("v1/depth", symbol="ETHUSDT", limit=5)
    assert [len(depth["bids"]), len(depth["asks"])] == [5, 5]
    assert Decimal(depth["bids"][0][0]) < Decimal(depth["asks"][0][0])
    _, premium = await futures.get("v1/premiumIndex", symbol="BTCUSDT")
    assert abs(Decimal(premium["markPrice"]) / Decimal(premium["indexPrice"]) - 1) <= Decimal("0.001")
    assert abs(Decimal(premium["lastFundingRate"])) <= Decimal("0.003")
    assert premium["nextFundingTime"] % (8 * HOURS) == 0
    assert 0 < premium["nextFundingTime"] - now() <= 8 * HOURS
    assert len((await futures.get("v1/premiumIndex"))[1]) == 3
    assert len((await futures.get("v1/ticker/bookTicker"))[1]) == 3
    _, ticker = await futures.get("v1/ticker/24hr", symbol="SOLUSDT")
    assert Decimal(ticker["lowPrice"]) <= Decimal(ticker["lastPrice"]) <= Decimal(ticker["highPrice"])
    assert (await futures.get("v2/ticker/price", symbol="SOLUSDT"))[1]["symbol"] == "SOLUSDT"
    assert (await futures.get("v1/trades", symbol="BTCUSDT"))[1][0]["isBuyerMaker"] in (True, False)
    assert await futures.get("v1/depth", symbol="BNBUSDT") == (400, {"code": -1121, "msg": "Invalid symbol."})


async def test_klines_follow_the_index_and_join_up(futures: Any, client: Any) -> None:
    _, rows = await futures.get("v1/klines", symbol="BTCUSDT", interval="1m", limit=1500)
    assert len(rows) == 1500
    assert {after[0] - before[0] for before, after in pairwise(rows)} == {60_000}
    _, again = await futures.get("v1/klines", symbol="BTCUSDT", interval="1m", startTime=rows[5][0], endTime=rows[9][0])
    assert again == rows[5:10]
    _, spot = await client.get("klines", symbol="BTCUSDT", interval="1m", startTime=rows[0][0], limit=1)
    assert abs(Decimal(rows[0][1]) / Decimal(spot[0][1]) - 1) < Decimal("0.0011")


async def test_a_limit_order_from_placement_to_cancel(futures: Any) -> None:
    status, placed = await futures.order(**LIMIT, newClientOrderId="mine")
    assert (status, placed["status"], placed["clientOrderId"], placed["positionSide"]) == (200, "NEW", "mine", "BOTH")
    held = await wallet(futures)
    assert (held["walletBalance"], held["availableBalance"]) == (Decimal(100_000), Decimal(99_975))
    _, found = await futures.signed("GET", "v1/order", symbol="BTCUSDT", origClientOrderId="mine")
    assert (found["orderId"], found["origQty"], found["timeInForce"]) == (placed["orderId"], "0.01000000", "GTC")
    assert (await futures.signed("GET", "v1/openOrders"))[1] == [found]
    assert (await futures.order(**LIMIT, newClientOrderId="mine"))[1]["code"] == -4116
    status, cancelled = await futures.signed("DELETE", "v1/order", symbol="BTCUSDT", origClientOrderId="mine")
    assert (status, cancelled["status"], cancelled["clientOrderId"]) == (200, "CANCELED", "mine")
    gone = await futures.signed("DELETE", "v1/order", symbol="BTCUSDT", origClientOrderId="mine")
    assert gone == (400, {"code": -2011, "msg": "Unknown order sent."})
    never = await futures.signed("GET", "v1/order", symbol="BTCUSDT", origClientOrderId="other")
    assert never == (400, {"code": -2013, "msg": "Order does not exist."})
    await futures.order(**{**LIMIT, "timeInForce": "GTX"})
    status, done = await futures.signed("DELETE", "v1/allOpenOrders", symbol="BTCUSDT")
    assert (status, done["code"]) == (200, 200)
    _, orders = await futures.signed("GET", "v1/allOrders", symbol="BTCUSDT")
    assert [(order["status"], order["timeInForce"], order["type"]) for order in orders] == [
        ("CANCELED", "GTC", "LIMIT"), ("CANCELED", "GTX", "LIMIT"),
    ]  # fmt: skip


async def test_a_position_from_opening_to_closing_agrees_with_the_ledger(futures: Any) -> None:
    _, placed = await futures.order(**MARKET, newOrderRespType="RESULT")
    assert (placed["status"], placed["executedQty"]) == ("FILLED", "0.10000000")
    _, risk = await futures.signed("GET", "v2/positionRisk", symbol="BTCUSDT")
    assert (risk[0]["positionAmt"], risk[0]["leverage"], risk[0]["positionSide"]) == ("0.10000000", "20", "BOTH")
    assert Decimal(risk[0]["entryPrice"]) == Decimal(placed["avgPrice"])
    assert [row["symbol"] for row in (await futures.signed("GET", "v3/positionRisk"))[1]] == ["BTCUSDT"]
    assert len((await futures.signed("GET", "v2/positionRisk"))[1]) == 3
    assert (await futures.order(**{**MARKET, "reduceOnly": "true"}))[1]["code"] == -2022
    _, closed = await futures.order(**{**MARKET, "side": "SELL", "reduceOnly": "true"})
    _, trades = await futures.signed("GET", "v1/userTrades", symbol="BTCUSDT", orderId=closed["orderId"])
    profit = sum(Decimal(trade["realizedPnl"]) for trade in trades)
    _, income = await futures.signed("GET", "v1/income", symbol="BTCUSDT")
    assert {row["incomeType"] for row in income} == {"COMMISSION", "REALIZED_PNL"}
    assert sum(Decimal(row["income"]) for row in income if row["incomeType"] == "REALIZED_PNL") == profit
    total = sum(Decimal(row["income"]) for row in (await futures.signed("GET", "v1/income"))[1])
    assert (await wallet(futures))["walletBalance"] == total
    books = (await futures.ledger())["futures"]
    assert Decimal(books["wallet"]) == total
    assert books["positions"] == []
    assert [order["orderId"] for order in books["orders"]] == [placed["orderId"], closed["orderId"]]
    _, shown = await futures.signed("GET", "v2/balance")
    assert Decimal(shown[0]["balance"]) == total


async def test_settings_of_an_account(futures: Any) -> None:
    assert (await futures.signed("GET", "v1/positionSide/dual"))[1] == {"dualSidePosition": False}
    # The engine writes Python's booleans.
    done = await futures.signed("POST", "v1/positionSide/dual", dualSidePosition="True")
    assert done == (200, {"code": 200, "msg": "success"})
    assert (await futures.signed("POST", "v1/positionSide/dual", dualSidePosition="true"))[1]["code"] == -4059
    assert (await futures.order(**MARKET))[1]["code"] == -4061
    await futures.order(**MARKET, positionSide="LONG")
    await futures.order(**{**MARKET, "side": "SELL"}, positionSide="SHORT")
    _, risk = await futures.signed("GET", "v2/positionRisk", symbol="BTCUSDT")
    assert [(row["positionSide"], row["positionAmt"]) for row in risk] == [("LONG", "0.10000000"), ("SHORT", "-0.10000000")]
    assert (await futures.signed("POST", "v1/positionSide/dual", dualSidePosition="False"))[1]["code"] == -4068
    _, leverage = await futures.signed("POST", "v1/leverage", symbol="BTCUSDT", leverage=7)
    assert leverage["leverage"] == 7
    assert (await futures.signed("POST", "v1/leverage", symbol="BTCUSDT", leverage=200))[1]["code"] == -4028
    _, brackets = await futures.signed("GET", "v1/leverageBracket", symbol="BTCUSDT")
    assert (brackets[0]["brackets"][0]["initialLeverage"], brackets[0]["leverage"]) == (125, 7)
    assert (await futures.signed("POST", "v1/marginType", symbol="BTCUSDT", marginType="CROSSED"))[1]["code"] == -4046
    assert (await futures.signed("POST", "v1/marginType", symbol="BTCUSDT", marginType="ISOLATED"))[1]["code"] == -4168
    assert (await futures.signed("GET", "v1/multiAssetsMargin"))[1] == {"multiAssetsMargin": False}
    assert (await futures.signed("GET", "v1/commissionRate", symbol="BTCUSDT"))[1]["takerCommissionRate"] == "0.0004"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"side": "HOLD"}, -1117),
        ({"type": "STOP_MARKET"}, -1116),
        ({"type": "LIMIT_MAKER"}, -1116),
        ({"type": "MARKET"}, -1106),
        ({"timeInForce": "GTD"}, -1115),
        ({"price": ""}, -1102),
        ({"quantity": "0.0000000001"}, -1111),
        ({"quantity": "x"}, -1100),
        ({"symbol": "FOOUSDT"}, -1121),
        ({"positionSide": "UP"}, -4060),
        ({"closePosition": "true"}, -4136),
        ({"quantity": "0.001"}, -4164),
        ({"price": "50000.05"}, -4014),
        ({"quantity": "100"}, -2019),
        ({"newOrderRespType": "FULL"}, -1130),
    ],
)
async def test_wrong_orders_are_refused(futures: Any, changes: dict[str, str], code: int) -> None:
    status, body = await futures.order(**{**LIMIT, **changes})
    assert (status, body["code"]) == (400, code)


async def test_funding_on_demand_and_at_a_faster_pace(futures: Any) -> None:
    await futures.order(**MARKET)
    status, done = await futures.admin("POST", "/admin/futures/funding", {"symbol": "BTC-USDT", "rate": "0.001"})
    assert (status, [row["fundingRate"] for row in done["settled"]]) == (200, ["0.00100000"])
    _, paid = await futures.signed("GET", "v1/income", symbol="BTCUSDT", incomeType="FUNDING_FEE")
    assert Decimal(paid[0]["income"]) == -round(Decimal("0.1") * Decimal(done["settled"][0]["markPrice"]) * Decimal("0.001"), 8)
    _, known = await futures.get("v1/fundingRate", symbol="BTCUSDT")
    assert known[-1] == done["settled"][0]
    assert len((await futures.admin("POST", "/admin/futures/funding", {}))[1]["settled"]) == 3
    for wrong in ({"rate": "0.2"}, {"rate": "x"}, {"rate": "0.000000001"}, {"symbol": "FOO"}):
        assert (await futures.admin("POST", "/admin/futures/funding", wrong))[0] == 400
    status, pace = await futures.admin("POST", "/admin/futures/funding-interval", {"seconds": 60})
    assert (status, pace["seconds"], pace["next_funding"] % 60_000) == (200, 60, 0)
    for seconds in (0, 28_801, "60", True, None):
        assert (await futures.admin("POST", "/admin/futures/funding-interval", {"seconds": seconds}))[0] == 400


async def test_futures_wallets_are_funded_by_the_operator(futures: Any, client: Any) -> None:
    body = {"api_key": client.key, "amount": "50.5"}
    assert (await client.admin("POST", "/admin/futures/deposits", body))[1]["wallet"] == "100050.5"
    assert (await client.admin("POST", "/admin/futures/withdrawals", body))[1]["wallet"] == "100000"
    refused = await client.admin("POST", "/admin/futures/withdrawals", {**body, "amount": "200000"})
    assert (refused[0], refused[1]["code"]) == (400, -2019)
    assert (await client.admin("POST", "/admin/futures/deposits", {**body, "api_key": "nobody"}))[0] == 404
    _, rows = await futures.signed("GET", "v1/income", incomeType="TRANSFER")
    assert [row["income"] for row in rows] == ["100000.00000000", "50.50000000", "-50.50000000"]
    assert (await client.open_account(USDT="5"))["futures"] == "0"
    _, created = await client.admin("POST", "/admin/accounts", {"balances": {}, "futures": "12.5"})
    assert created["futures"] == "12.5"


async def test_a_crash_of_the_price_liquidates(futures: Any) -> None:
    await futures.signed("POST", "v1/leverage", symbol="BTCUSDT", leverage=125)
    _, shown = await futures.get("v1/premiumIndex", symbol="BTCUSDT")
    size = int(Decimal(90_000) * 20 / Decimal(shown["markPrice"]))
    status, _ = await futures.order(**{**MARKET, "quantity": str(size)})
    assert status == 200
    crash = round(Decimal(shown["indexPrice"]) * Decimal("0.8"), 2)
    assert (await futures.admin("POST", "/admin/prices", {"symbol": "BTCUSDT", "price": str(crash)}))[0] == 200
    books = (await futures.ledger())["futures"]
    assert books["positions"] == []
    assert books["orders"][-1]["clientOrderId"].startswith("autoclose-")
    assert Decimal(books["wallet"]) == sum(Decimal(row["income"]) for row in books["income"]) == 0
    assert books["income"][-1]["incomeType"] == "INSURANCE_CLEAR"


async def test_everything_is_there_after_a_restart(serve: Any) -> None:
    async with serve() as client:
        created = await client.open_account()
        futures = client.futures()
        await futures.signed("POST", "v1/positionSide/dual", dualSidePosition="true")
        await futures.signed("POST", "v1/leverage", symbol="BTCUSDT", leverage=9)
        await futures.order(**MARKET, positionSide="LONG")
        await futures.order(**LIMIT, positionSide="LONG")
        await futures.admin("POST", "/admin/futures/funding", {"rate": "0.0003"})
        before = (await futures.ledger())["futures"]
    async with serve() as client:
        client.key, client.secret = created["api_key"], created["api_secret"]
        again = (await client.ledger())["futures"]
        # What is available depends on the mark price, which moves on.
        assert {**again, "available": None} == {**before, "available": None}
        assert len((await client.futures().signed("GET", "v1/openOrders"))[1]) == 1
