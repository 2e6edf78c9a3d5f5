"""Fees in a third token: converted once, at the rate of the moment, and exact from then on."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from contracts.rejections import Unavailable
from contracts.trading import ExecutorCreated, ExecutorStarted, ExecutorType, Market, Side
from contracts.trading.executor import ExecutorFeeConverted
from eventlog.scenario import Scenario
from test_executor_domain import filled, placed, seen_as
from trading.domain.executor import EXECUTOR, Executor
from trading.domain.executor_commands import ConvertFee, ExecutorCommand
from trading.domain.executor_orders import Picture, foreign
from trading.domain.executor_result import earned
from trading.handlers.executor_fees import Fees

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CREATED = ExecutorCreated(
    executor_id="e1",
    executor_type=ExecutorType.POSITION,
    account="main",
    controller_id="main",
    markets=(Market(connector="binance", trading_pair="BTC-USDT"),),
    config={},
    time=NOW,
)
VALUES = {"executor_id": "e1", "order_id": "o1", "trade_id": "t1", "token": "BNB", "quote_token": "USDT", "time": NOW}
CONVERT = ConvertFee(**VALUES, rate=Decimal("612.34"))
CONVERTED = ExecutorFeeConverted(**VALUES, rate=Decimal("612.34"))


class Rates:
    """One rate after the other; None stands for none, a text for a source that does not answer."""

    def __init__(self, *told: str | None) -> None:
        self.told = list(told)
        self.state = EXECUTOR.fold(EXECUTOR.initial, [CREATED])

    async def rate(self, token: str, quote: str) -> Decimal | None:
        assert (token, quote) == ("BNB", "USDT")
        now = self.told.pop(0)
        if now == "away":
            raise Unavailable("away")
        return None if now is None else Decimal(now)

    async def record(self, command: ExecutorCommand) -> None:
        self.state = EXECUTOR.fold(self.state, EXECUTOR.decide(self.state, command))

    @property
    def fees(self) -> Fees:
        return Fees("e1", self.rate, self._now, self.record)

    def _now(self) -> Executor:
        return self.state


def trade(order_id: str, side: Side, price: str, *fees: tuple[str, str]) -> Picture:
    order = placed(order_id, side)
    done = [filled(order, f"t{number}", "1", price, fee, token) for number, (fee, token) in enumerate(fees, 1)]
    return seen_as(order, *done)


def test_a_fee_is_converted_once() -> None:
    Scenario(EXECUTOR).given(CREATED, ExecutorStarted(executor_id="e1", holder="r1", time=NOW)).when(CONVERT).then(CONVERTED)
    Scenario(EXECUTOR).given(CREATED, CONVERTED).when(CONVERT.model_copy(update={"rate": Decimal(1)})).then()


async def test_fees_in_a_third_token_are_in_the_profit_at_the_rate_they_were_heard_at() -> None:
    rates = Rates("600", "610.5")
    bought = await rates.fees.converted(trade("o1", Side.BUY, "100", ("0.001", "BNB"), ("0.002", "BNB")))
    sold = trade("o2", Side.SELL, "110", ("0.05", "USDT"), ("0.05", "USDT"))
    figures = earned(ExecutorType.POSITION, [bought, await rates.fees.converted(sold)])
    fees = Decimal("0.001") * 600 + Decimal("0.002") * Decimal("610.5") + Decimal("0.1")
    assert figures["cum_fees_quote"] == fees
    assert figures["net_pnl_quote"] == Decimal(20) - fees
    again = await rates.fees.converted(trade("o1", Side.BUY, "100", ("0.001", "BNB"), ("0.002", "BNB")))
    assert again == bought
    assert rates.told == []


async def test_a_fee_waits_for_a_rate_and_is_told_until_then() -> None:
    rates, order = Rates(None, "away", "600"), trade("o1", Side.BUY, "100", ("0.001", "BNB"))
    for _ in range(2):
        waiting = await rates.fees.converted(order)
        assert [fill.fee for fill in foreign(waiting)] == [Decimal("0.001")]
    assert foreign(await rates.fees.converted(order)) == []
