"""What a candle is, as the engine gives it and files keep it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

from contracts.rejections import Unavailable

type Span = tuple[int, int]
"""Whole Unix seconds, from the first up to but not including the second."""

type Row = tuple[float, ...]
"""A candle: the time it opens (Unix seconds), then the other COLUMNS."""

COLUMNS = (
    "timestamp",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_asset_volume",
    "n_trades",
    "taker_buy_base_volume",
    "taker_buy_quote_volume",
)
"""The engine's candle, and the contract's; prices and volumes are floats there."""

type Told = Callable[[Row | None], None]
"""Gets each state of the newest candle; None when the stream broke."""


@dataclass(frozen=True, slots=True)
class Series:
    """The candles of one pair on one connector."""

    connector: str
    trading_pair: str
    interval: str

    @property
    def name(self) -> str:
        """Its feed's name in the contract."""
        return f"candles_{self.connector}_{self.trading_pair}_{self.interval}"


class CandlesDamaged(Unavailable):
    """A file could not be read. It is out of the way now, so that its candles count as missing and can be fetched anew."""


def text(row: Row) -> str:
    """A candle as the contract's JSON object; what the exchange does not tell is null."""
    values = (None if math.isnan(value) else value for value in row)
    return json.dumps(dict(zip(COLUMNS, values, strict=True)), separators=(",", ":"))
