"""What an executor needs of a session before its class is made."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from contracts.rejections import Unavailable
from contracts.trading import Market
from trading.handlers.executor_posts import listed

MARKET = Market(connector="binance", trading_pair="ETH-USDT")


class Session(SimpleNamespace):
    """Has the rules of what the exchange listed when they were read."""

    async def reread_rules(self) -> None:
        self.rereads += 1
        self.trading_rules = dict.fromkeys(self.exchange)


def session(*exchange: str) -> Any:
    return Session(trading_rules={"BTC-USDT": None}, exchange=exchange, rereads=0)


async def test_a_pair_that_was_halted_when_the_rules_were_read_is_looked_up_again() -> None:
    ours = session("BTC-USDT", "ETH-USDT")
    await listed(ours, MARKET)
    await listed(ours, MARKET)
    assert ours.rereads == 1


async def test_while_it_is_halted_an_executor_waits() -> None:
    with pytest.raises(Unavailable, match="'binance' does not list ETH-USDT now"):
        await listed(session("BTC-USDT"), MARKET)
