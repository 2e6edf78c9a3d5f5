"""Funding: each payment once, whatever happened meanwhile; the position it was paid for; pages."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from contracts.trading import SearchFundingPayments
from fake_derivative import FakeDerivative
from hypothesis import given
from hypothesis import strategies as st
from rig import Rig
from trading.domain.funding import PLACES, position_amount
from trading.handlers.exchange import Disconnected, FundingChanged, FundingPayment, Reconnected
from trading.views.funding import search_funding

STEP = Decimal("0.001")


@given(
    st.integers(-1_000_000, 1_000_000).filter(bool),
    st.integers(-300_000, 300_000).filter(lambda rate: abs(rate) >= 100),
    st.integers(1_000_000, 10_000_000),
)
def test_the_position_follows_from_payment_rate_and_mark(lots: int, rate: int, mark: int) -> None:
    position, funding_rate, price = lots * STEP, rate * Decimal("1e-8"), mark * Decimal("0.01")
    paid = (-position * price * funding_rate).quantize(PLACES, rounding=ROUND_HALF_EVEN)
    assert position_amount(paid, funding_rate, price, STEP) == position


@given(st.decimals(-100, 100, places=8), st.sampled_from([Decimal(0), Decimal("0.0001")]))
def test_what_no_position_explains_is_not_guessed(paid: Decimal, rate: Decimal) -> None:
    found = position_amount(paid, rate, Decimal("50000.1"), STEP)
    assert found is None or abs(-found * Decimal("50000.1") * rate - paid) <= PLACES


def payment(number: int, minutes_ago: float) -> FundingPayment:
    return FundingPayment(
        exchange_id=str(number),
        trading_pair="BTC-USDT",
        amount=Decimal(-number) / 100,
        token="USDT",
        rate=Decimal("0.0001"),
        mark=Decimal(50000),
        time=datetime.now(UTC) - timedelta(minutes=minutes_ago),
    )


async def rows(rig: Rig, **filters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        query = SearchFundingPayments(limit=2, cursor=cursor, **filters)
        page = json.loads(await search_funding(rig.log, query))
        found += page["data"]
        cursor = page["pagination"]["next_cursor"]
        if cursor is None:
            return found


async def ids(rig: Rig, wanted: list[str]) -> bool:
    return [row["exchange_funding_id"] for row in await rows(rig)] == wanted


async def test_payments_made_while_nobody_listened_are_found_once(rig: Rig) -> None:
    futures = rig.exchange.derivative = FakeDerivative(rig.exchange)
    await rig.start()
    futures.payments.append(payment(1, 50))
    rig.exchange.push(FundingChanged())
    await rig.until(lambda: ids(rig, ["1"]))
    await rig.kill()
    futures.payments += [payment(2, 40), payment(3, 30)]
    await rig.start()
    await rig.until(lambda: ids(rig, ["3", "2", "1"]))
    # Told late, and out of order; and told once more.
    futures.payments.append(payment(4, 45))
    rig.exchange.push(FundingChanged())
    rig.exchange.push(FundingChanged())
    await rig.until(lambda: ids(rig, ["3", "2", "4", "1"]))
    await rig.kill()
    await rig.start()
    assert await ids(rig, ["3", "2", "4", "1"])
    found = await rows(rig)
    assert sum(Decimal(str(row["funding_payment"])) for row in found) == sum(each.amount for each in futures.payments)
    since, until = (futures.payments[number].time for number in (3, 1))
    assert [row["exchange_funding_id"] for row in await rows(rig, start_time=since, end_time=until)] == ["2", "4"]
    assert await rows(rig, trading_pair="ETH-USDT") == []


async def test_payments_made_while_the_stream_was_lost_are_found_when_it_is_back(rig: Rig) -> None:
    # It looks for itself after minutes only.
    rig.around = replace(rig.around, pace=replace(rig.around.pace, reconcile=60))
    futures = rig.exchange.derivative = FakeDerivative(rig.exchange)
    await rig.start()
    futures.payments.append(payment(1, 50))
    rig.exchange.push(FundingChanged())
    await rig.until(lambda: ids(rig, ["1"]))
    rig.exchange.push(Disconnected("cut"))
    futures.payments.append(payment(2, 40))
    rig.exchange.push(Reconnected())
    await rig.until(lambda: ids(rig, ["2", "1"]))


async def test_an_exchange_that_does_not_tell_is_asked_again(rig: Rig) -> None:
    futures = rig.exchange.derivative = FakeDerivative(rig.exchange)
    await rig.start()
    rig.exchange.down = True
    futures.payments.append(payment(7, 1))
    rig.exchange.push(FundingChanged())
    rig.exchange.down = False
    await rig.until(lambda: ids(rig, ["7"]))
    [row] = await rows(rig)
    assert (row["position_size"], row["position_side"], row["funding_rate"]) == (0.014, "LONG", 0.0001)
