"""Pairs of an exchange that leaves out what is halted."""

from __future__ import annotations

from typing import Any

import pytest
from bidict import bidict
from engine_kit import listing
from engine_kit.listing import Listing, remembered


class Connector:
    """Answers as the engine's connectors do; `exchange` is what the exchange lists now."""

    def __init__(self, **exchange: str) -> None:
        self.exchange = exchange
        self.questions = 0
        self._map: bidict[str, str] | None = None

    def trading_pair_symbol_map_ready(self) -> bool:
        return self._map is not None and len(self._map) > 0

    async def trading_pair_symbol_map(self) -> Any:
        if not self.trading_pair_symbol_map_ready():
            await self._initialize_trading_pair_symbol_map()
        return self._map

    async def _initialize_trading_pair_symbol_map(self) -> None:
        self.questions += 1
        self._map = bidict(self.exchange)

    def _set_trading_pair_symbol_map(self, symbols: Any) -> None:
        self._map = symbols


async def test_a_pair_that_was_halted_is_found_when_the_halt_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "AGAIN_SECONDS", 0.0)
    connector = Connector(BTCUSDT="BTC-USDT")
    pairs = Listing(connector)
    assert not await pairs.lists("ETH-USDT")
    connector.exchange = {"ETHUSDT": "ETH-USDT"}
    assert await pairs.lists("ETH-USDT")
    assert await pairs.lists("BTC-USDT"), "halted now, but known"


async def test_an_exchange_is_not_asked_again_at_once() -> None:
    connector = Connector(BTCUSDT="BTC-USDT")
    pairs = Listing(connector)
    for _ in range(5):
        assert not await pairs.lists("NO-PAIR")
        assert await pairs.lists("BTC-USDT")
    assert connector.questions == 1


def test_what_is_left_out_is_remembered_and_what_changed_is_taken() -> None:
    before = bidict({"BTCUSDT": "BTC-USDT", "OLD": "ETH-USDT", "XBT": "X-Y"})
    now = bidict({"NEW": "ETH-USDT", "XBT": "X-Z"})
    assert remembered(before, now) == {"BTCUSDT": "BTC-USDT", "NEW": "ETH-USDT", "XBT": "X-Z"}
