"""The engine's rate oracle, kept at our rates while executors on two markets need it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from contracts.rejections import Unavailable
from contracts.trading import Market
from engine_kit.engine import Engine
from trading.adapters import executor_rates
from trading.adapters.executor_rates import Conversions

USDT, USDC = Market(connector="binance", trading_pair="SOL-USDT"), Market(connector="binance", trading_pair="SOL-USDC")


class Rates:
    """Prepared rates."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], Decimal] = {
            ("USDT", "USDC"): Decimal("1.001"),
            ("USDC", "USDT"): Decimal("0.999"),
            ("SOL", "USDT"): Decimal(180),
            ("SOL", "USDC"): Decimal(181),
        }
        self.asked = 0

    async def rates(self, tokens: Iterable[str], quote_token: str) -> dict[str, Decimal | None]:
        self.asked += 1
        return {token: self.known.get((token, quote_token)) for token in tokens}


@pytest.fixture
def oracle(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Decimal]]:
    # After the engine: who imports its package first has its loggers too.
    from hummingbot.core.rate_oracle.rate_oracle import RateOracle

    prices: dict[str, Decimal] = RateOracle.get_instance()._prices
    prices.clear()
    monkeypatch.setattr(executor_rates, "RENEW_SECONDS", 0.01)
    yield prices
    prices.clear()


def conversions(rates: Any) -> Conversions:
    return Conversions(rates)


async def test_two_markets_have_the_rates_of_their_quotes_and_of_their_base(oracle: dict[str, Decimal]) -> None:
    rates = Rates()
    made = conversions(rates)
    await made.follow([USDT, USDC])
    assert oracle == {"-".join(pair): rate for pair, rate in rates.known.items()}
    rates.known["SOL", "USDT"] = Decimal(190)
    async with asyncio.timeout(60):
        while oracle["SOL-USDT"] != Decimal(190):  # noqa: ASYNC110 - a task renews it
            await asyncio.sleep(0.01)
    await made.leave([USDT, USDC])


async def test_one_market_needs_none(oracle: dict[str, Decimal]) -> None:
    rates = Rates()
    await conversions(rates).follow([USDT])
    assert (oracle, rates.asked) == ({}, 0)


async def test_a_rate_that_cannot_be_renewed_is_taken_away(oracle: dict[str, Decimal]) -> None:
    rates = Rates()
    made = conversions(rates)
    await made.follow([USDT, USDC])
    del rates.known["USDC", "USDT"]
    async with asyncio.timeout(60):
        while "USDC-USDT" in oracle:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    await made.leave([USDT, USDC])


async def test_nothing_starts_without_a_rate(oracle: dict[str, Decimal]) -> None:
    rates = Rates()
    rates.known.clear()
    with pytest.raises(Unavailable):
        await conversions(rates).follow([USDT, USDC])
