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


async def run(client: Any, script: str, directory: Path, *more: str) -> dict[str, Any]:
    """What the engine saw: it is run as a process of its own, because it keeps global state."""
    target = client.base.removeprefix("http://")
    path = Path(__file__).with_name(script)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(path), target, client.key, client.secret, str(directory), *more,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 150)
    finally:
        if process.returncode is None:
            process.kill()
    text = output.decode()
    assert process.returncode == 0, text
    seen = json.loads(next(line for line in text.splitlines() if line.startswith("RESULT ")).removeprefix("RESULT "))
    return dict(seen)


@pytest.mark.timeout(180)
async def test_the_engine_trades_here(client: Any, tmp_path: Path) -> None:
    await agrees(client, await run(client, "connector_run.py", tmp_path))


@pytest.mark.timeout(180)
async def test_the_engine_trades_perpetuals_here(client: Any, tmp_path: Path) -> None:
    seen = await run(client, "perpetual_run.py", tmp_path, client.token)
    books = (await client.ledger())["futures"]
    assert Decimal(seen["before"]) == 100_000
    assert [Decimal(value) for value in seen["rule"]] == [Decimal("0.1"), Decimal("0.001"), Decimal(100)]
    assert seen["book"][0] >= 20
    assert abs(Decimal(seen["funding"][0]) / Decimal(seen["funding"][1]) - 1) <= Decimal("0.001")
    assert all(seen["status"].values())
    assert seen["cancelled"] == [True, True]
    assert seen["refused"] is True
    assert (seen["mode"], seen["refused_mode"], seen["changed_mode"]) == ("ONEWAY", False, True)
    trades = [
        [str(t["id"]), *(Decimal(t[n]) for n in ("price", "qty", "commission")), t["commissionAsset"]] for t in books["trades"]
    ]
    told = seen["fills"] + seen["hedge_fills"]
    assert [[fill[0], *map(Decimal, fill[1:4]), fill[4]] for fill in told] == trades
    assert [order["status"] for order in books["orders"]] == ["CANCELED"] * 2 + ["FILLED"] * 5
    assert [[held[0], Decimal(held[1]), held[3]] for held in seen["opened"]] == [["BOTH", Decimal("0.2"), "8"]]
    assert [[held[0], Decimal(held[1])] for held in seen["reduced"]] == [["BOTH", Decimal("0.15")]]
    assert seen["opened"][0][2] == seen["reduced"][0][2]
    assert [[held[0], Decimal(held[1]), Decimal(held[2])] for held in seen["hedged"]] == [
        [held["position_side"], Decimal(held["amount"]), Decimal(held["entry_price"])] for held in books["positions"]
    ]
    (funding,) = [row for row in books["income"] if row["incomeType"] == "FUNDING_FEE"]
    assert [seen["paid"][0], Decimal(seen["paid"][1])] == ["BTC-USDT", Decimal(funding["income"])]
    assert Decimal(seen["after"][0]) == Decimal(books["wallet"])
    await _candles_agree(client.futures(), seen, "v1/klines")


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
    await _candles_agree(client, seen, "klines")


async def _candles_agree(client: Any, seen: dict[str, Any], path: str) -> None:
    """The feed's candles follow each other and are the exchange's own; the newest ones may still have changed."""
    times = [row[0] for row in seen["candles"]]
    assert len(times) == 120
    assert {after - before for before, after in pairwise(times)} == {60.0}
    _, rows = await client.get(path, symbol="BTCUSDT", interval="1m", startTime=int(times[0]) * 1000, limit=100)
    assert [[float(value) for value in row[1:6]] for row in rows] == [row[1:6] for row in seen["candles"][:100]]
