"""The judge of executors: what is equal is good, and each thing that may go wrong is named."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bench.chaos.desk import Desk
from bench.chaos.judge import judge
from bench.chaos.plans import Drawn, Plan
from bench.chaos.reading import Ours
from bench.chaos.sums import Fill, held, summed
from tests.ledger import our_books
from tests.safety.checker import Verdict
from tests.safety.evidence import Happened

CONFIG = {"type": "position_executor", "connector_name": "binance_perpetual", "trading_pair": "BTC-USDT", "side": "BUY"}
PLAN = Plan("r-0", 0, {**CONFIG, "amount": "0.01"}, 0, None, None)


def fill(side: str, price: str, amount: str, fee: str, token: str = "USDT", connector: str = "binance", at: int = 1) -> Fill:  # noqa: S107
    return Fill(connector, "BTC", side == "BUY", Decimal(price), Decimal(amount), Decimal(fee), token, at, at, f"o{at}")


class Story:
    """A position of 0.01 that was opened and closed on the exchange, and what our side says about it."""

    def __init__(self) -> None:
        self.desk = Desk("main", "key", made={"r-0": "e1"})
        self.orders = [self.order("open", "BUY", 1, 1), self.order("close", "SELL", 5, 6)]
        self.trades = [self.trade(7, "open", "BUY", "100", 1), self.trade(8, "close", "SELL", "110", 6)]
        self.funding = [{"symbol": "BTCUSDT", "tran": 9, "income": Decimal("-0.02"), "at": 3}]
        self.positions: dict[tuple[str, str], Decimal] = {}
        self.placed = {
            id_: Happened("OrderPlaced", {"executor_id": "e1", "position_action": action})
            for id_, action in (("open", "OPEN"), ("close", "CLOSE"))
        }
        shown = {
            "status": "TERMINATED",
            "close_type": "TAKE_PROFIT",
            "closed_at": "1970-01-01T00:00:00.007+00:00",
            "last_error": None,
        }
        figures = {"net_pnl_quote": 0.07, "net_pnl_pct": 0.07, "cum_fees_quote": 0.03, "filled_amount_quote": 2.1}
        self.executors = {"e1": {**shown, **figures}}
        self.our_orders = [{"order_id": id_, "status": "FILLED", "filled_amount": 0.01} for id_ in ("open", "close")]
        self.our_trades = [
            {"trade_id": f"x_{id_}", "price": price, "amount": 0.01, "fee_paid": fee, "fee_currency": "USDT"}
            for id_, price, fee in ((7, 100.0, 0.01), (8, 110.0, 0.02))
        ]
        self.our_funding = [{"exchange_funding_id": "9", "trading_pair": "BTC-USDT", "funding_payment": -0.02}]
        self.our_positions: list[dict[str, Any]] = []

    @staticmethod
    def order(id_: str, side: str, placed: int, closed: int) -> dict[str, Any]:
        told = {"clientOrderId": id_, "status": "FILLED", "executedQty": Decimal("0.01"), "symbol": "BTCUSDT", "side": side}
        return told | {"origQty": Decimal("0.01"), "placed_at": placed, "closed_at": closed}

    @staticmethod
    def trade(number: int, id_: str, side: str, price: str, at: int) -> dict[str, Any]:
        told = {"id": number, "price": Decimal(price), "qty": Decimal("0.01"), "commissionAsset": "USDT", "side": side}
        fee = Decimal("0.01") if side == "BUY" else Decimal("0.02")
        return told | {"commission": fee, "clientOrderId": id_, "symbol": "BTCUSDT", "time": at}

    def judged(self) -> Verdict:
        futures = {"orders": self.orders, "trades": self.trades, "funding": self.funding, "positions": self.positions}
        books = {"binance": our_books([], [], {}), "binance_perpetual": our_books(self.our_orders, self.our_trades, {})}
        ours = Ours(self.executors, books, self.our_funding, self.our_positions)
        return judge(self.desk, [PLAN], ours, {"orders": [], "trades": [], "futures": futures}, self.placed)[0]


def test_equal_books_are_good() -> None:
    verdict = Story().judged()
    assert verdict.good, verdict.wrong
    assert verdict.counted["position_executor on binance_perpetual"] == 1


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("unattended", lambda story: (story.orders.pop(), story.trades.pop())),
        ("unattended", lambda story: story.orders[1].update(closed_at=None, status="NEW")),
        ("never_ended", lambda story: story.executors["e1"].update(status="SHUTTING_DOWN")),
        ("broken", lambda story: story.executors["e1"].update(last_error="AttributeError: no attribute")),
        ("closed_early", lambda story: story.orders[1].update(closed_at=8)),
        ("duplicate_orders", lambda story: story.orders.append(story.order("open", "BUY", 2, 2))),
        ("duplicate_orders", lambda story: story.placed.pop("open")),
        ("duplicate_orders", lambda story: story.orders[0].update(origQty=Decimal("0.02"))),
        ("lost_orders", lambda story: story.our_orders.pop()),
        ("lost_orders", lambda story: story.executors.clear()),
        ("lost_orders", lambda story: story.orders.pop()),
        ("wrong_states", lambda story: story.our_orders[0].update(status="CANCELLED")),
        ("unresolved", lambda story: story.our_orders[0].update(status="UNKNOWN")),
        ("lost_fills", lambda story: story.our_trades.pop()),
        ("invented_fills", lambda story: story.trades.pop()),
        ("wrong_funding", lambda story: story.our_funding.clear()),
        ("wrong_funding", lambda story: story.funding.clear()),
        ("wrong_funding", lambda story: story.our_funding[0].update(funding_payment=-0.03)),
        ("wrong_positions", lambda story: story.positions.update({("BTCUSDT", "BOTH"): Decimal("0.01")})),
        ("wrong_pnl", lambda story: story.executors["e1"].update(net_pnl_quote=0.07000000000000002)),
        ("wrong_pnl", lambda story: story.executors["e1"].update(cum_fees_quote=0.02)),
        ("answers", lambda story: story.desk.complaints.append("two answers")),
    ],
)
def test_what_is_wrong_is_named(kind: str, spoil: Callable[[Story], object]) -> None:
    story = Story()
    spoil(story)
    assert story.judged().wrong[kind]


def test_a_round_trip_that_closes_is_no_duplicate() -> None:
    """Off by an order that opens the other way and is larger by the least amount, and that amount back."""
    story = Story()
    for id_, side, at, amount in (("round", "SELL", 7, "0.012"), ("back", "BUY", 8, "0.002")):
        order = story.order(id_, side, at, at) | {"origQty": Decimal(amount), "executedQty": Decimal(amount)}
        story.orders.append(order)
        story.placed[id_] = Happened("OrderPlaced", {"executor_id": "e1", "position_action": "OPEN"})
    assert not story.judged().wrong["duplicate_orders"]
    story.orders[-1] |= {"origQty": Decimal("0.05"), "executedQty": Decimal("0.05")}
    assert story.judged().wrong["duplicate_orders"]


def test_a_fee_in_base_leaves_less_to_sell_and_counts_once() -> None:
    fills = [fill("BUY", "100", "2", "0.002", "BTC"), fill("SELL", "110", "1.998", "0.2", at=2)]
    sums = summed(fills, paired=False)
    assert (sums.profit, sums.fees, dict(sums.left)) == (Decimal("19.58"), Decimal("0.4"), {})


def test_what_is_left_is_worth_the_last_price() -> None:
    fills = [fill("SELL", "110", "2", "0.22"), fill("BUY", "100", "2", "0.002", "BTC", at=2)]
    sums = summed(fills, paired=False)
    assert (sums.profit, dict(sums.left)) == (Decimal("19.58"), {("binance", "BTC"): Decimal("-0.002")})


def test_two_markets_make_up_for_each_other() -> None:
    fills = [fill("BUY", "100", "2", "0", connector="binance_perpetual"), fill("SELL", "101", "1.5", "0", at=2)]
    assert dict(summed(fills, paired=True).left) == {("binance_perpetual", "BTC"): Decimal("0.5")}


def test_a_hold_settles_what_matches() -> None:
    found = held([fill("BUY", "100", "2", "0.1"), fill("SELL", "110", "1", "0.2", at=2)])
    assert (found.realized_pnl_quote, found.net_amount_base, found.cum_fees_quote) == (Decimal(10), Decimal(1), Decimal("0.3"))


def test_a_seed_draws_the_same_round_again_with_every_type_on_every_market() -> None:
    prices = {"BTCUSDT": 95000.0, "ETHUSDT": 3300.0}
    plans = list(Drawn("s1r0", 2, 30, prices).plans())
    assert plans == list(Drawn("s1r0", 2, 30, prices).plans())
    markets = {(plan.config["type"], plan.config.get("connector_name", "both")) for plan in plans}
    assert len(markets) == 12
    assert len(plans) == 24
