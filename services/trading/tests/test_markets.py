"""Markets loaded again: rules are those of now, and symbols of halted pairs stay known."""

from __future__ import annotations

from typing import Any

import pytest
from bidict import bidict
from trading.adapters import markets
from trading.adapters.markets import Market, Markets


async def test_a_pair_that_is_halted_keeps_its_symbol_and_loses_its_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    rule: Any = object()
    listings = [
        Market({"BTC-USDT": rule, "ETH-USDT": rule}, {}, bidict({"BTCUSDT": "BTC-USDT", "ETHUSDT": "ETH-USDT"})),
        Market({"BTC-USDT": rule}, {}, bidict({"BTCUSDT": "BTC-USDT"})),
    ]

    async def public(*_: object) -> None:
        """No connector is needed."""

    async def listed(_connector: object) -> Market:
        return listings.pop(0)

    monkeypatch.setattr(Markets, "public", public)
    monkeypatch.setattr(markets, "_one_listing", listed)
    engine: Any = None
    found = Markets(engine)
    await found.of("binance")
    now = await found.of("binance", age=0)
    assert list(now.rules) == ["BTC-USDT"]
    assert now.symbols == {"BTCUSDT": "BTC-USDT", "ETHUSDT": "ETH-USDT"}


async def test_a_pair_that_is_halted_from_the_first_has_a_symbol_and_no_rule() -> None:
    def row(symbol: str, base: str, **more: str) -> dict[str, str]:
        return {"symbol": symbol, "baseAsset": base, "quoteAsset": "USDT", **more}

    class Connector:
        async def _make_trading_rules_request(self) -> Any:
            return {"symbols": [row("BTCUSDT", "BTC"), row("ETHUSDT", "ETH"), row("ETHUSDT_261225", "ETH", contractType="Q")]}

        def _initialize_trading_pair_symbols_from_exchange_info(self, _listing: Any) -> None:
            """The engine keeps what is traded now."""

        async def trading_pair_symbol_map(self) -> Any:
            return bidict({"BTCUSDT": "BTC-USDT"})

        async def _format_trading_rules(self, _listing: Any) -> list[Any]:
            return []

    found = await markets._one_listing(Connector())
    assert found.symbols == {"BTCUSDT": "BTC-USDT", "ETHUSDT": "ETH-USDT"}
    assert not found.rules
