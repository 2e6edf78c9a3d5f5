"""The real Hummingbot connector and candle feed, unmodified, against the sandbox."""

from __future__ import annotations

import asyncio
import json
import sys
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("connector_run.py")


@pytest.mark.timeout(90)
async def test_the_engine_trades_here(client: Any, tmp_path: Path) -> None:
    target = client.base.removeprefix("http://")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), target, client.key, client.secret, str(tmp_path),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 75)
    finally:
        if process.returncode is None:
            process.kill()
    text = output.decode()
    assert process.returncode == 0, text
    seen = json.loads(next(line for line in text.splitlines() if line.startswith("RESULT ")).removeprefix("RESULT "))
    await agrees(client, seen)


async def agrees(client: Any, seen: dict[str, Any]) -> None:
    """What the engine saw is what the exchange's books say."""
    assert Decimal(seen["before"]) == 100_000
    assert [Decimal(value) for value in seen["rule"]] == [Decimal("0.01"), Decimal("0.00001"), Decimal(5)]
    assert seen["book"][0] >= 20
    assert seen["cancelled"] == [True]
    assert seen["refused"] is True
    books = await client.ledger()
    assert [order["status"] for order in books["orders"]] == ["CANCELED", "FILLED"]
    assert [[fill[0], *map(Decimal, fill[1:4]), fill[4]] for fill in seen["fills"]] == [
        [str(t["id"]), Decimal(t["price"]), Decimal(t["qty"]), Decimal(t["commission"]), t["commissionAsset"]]
        for t in books["trades"]
    ]
    assert {asset: Decimal(held) for asset, held in seen["after"].items()} == {
        asset: Decimal(books["balances"][asset]["free"]) for asset in ("BTC", "USDT")
    }
    times = [row[0] for row in seen["candles"]]
    assert len(times) == 120
    assert {after - before for before, after in pairwise(times)} == {60.0}
    _, rows = await client.get("klines", symbol="BTCUSDT", interval="1m", startTime=int(times[0]) * 1000, limit=100)
    assert [[float(value) for value in row[1:6]] for row in rows] == [row[1:6] for row in seen["candles"][:100]]
