"""Which faults fire: the same ones in every run with the same requests, and never at the ledger's cost."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_exchange.domain.faults.board import Faults
from sandbox_exchange.domain.faults.fault import Endpoint, Kind, Occasion, Wanted
from sandbox_exchange.domain.faults.matching import pieces_by
from sandbox_exchange.domain.market.pairs import LISTED
from sandbox_exchange.domain.spot.commands import Deposit, OpenAccount, PlaceOrder
from sandbox_exchange.domain.spot.events import Traded
from sandbox_exchange.domain.spot.exchange import Exchange
from sandbox_exchange.domain.spot.orders import OrderType, Side

LOTS = st.integers(1, 50).map(lambda lots: Decimal(lots) / 100_000)
ENDPOINTS = [Endpoint.ORDER_PLACE, Endpoint.ORDER_CANCEL, Endpoint.ACCOUNT]
OCCASIONS = st.lists(st.builds(Occasion, st.sampled_from(ENDPOINTS), st.sampled_from(["000001", "000002"])), max_size=60)
WRONG = [Kind.TIMEOUT_BEFORE, Kind.TIMEOUT_AFTER, Kind.ERROR_BEFORE, Kind.ERROR_AFTER, Kind.UNKNOWN_AFTER, Kind.RATE_LIMIT]


def firings(occasions: list[Occasion], wanted: Wanted) -> list[tuple[Occasion, int] | None]:
    faults = Faults()
    faults.add(wanted)
    met = [(occasion, faults.first(Kind, occasion, 0)) for occasion in occasions]
    return [None if firing is None else (occasion, firing.milliseconds) for occasion, firing in met]


@given(OCCASIONS, st.integers(), st.decimals(0, 1, places=2))
def test_the_same_occasions_fire_the_same_faults(occasions: list[Occasion], seed: int, probability: Decimal) -> None:
    wanted = Wanted(Kind.LATENCY, probability=probability, seed=seed, milliseconds=10, jitter=90)
    first = firings(occasions, wanted)
    assert firings(occasions, wanted) == first
    assert all(10 <= firing[1] < 100 for firing in first if firing is not None)
    for account in ("000001", "000002"):
        alone = [occasion for occasion in occasions if occasion.account == account]
        expected = [f for f, o in zip(first, occasions, strict=True) if o.account == account]
        assert firings(alone, wanted) == expected, "what another account does changes nothing"


def test_probability_seed_count_and_expiry() -> None:
    occasions = [Occasion(Endpoint.ACCOUNT)] * 2000
    by_seed = [firings(occasions, Wanted(Kind.MAINTENANCE, probability=Decimal("0.3"), seed=seed)) for seed in (1, 2)]
    assert all(500 < len([f for f in found if f]) < 700 for found in by_seed)
    assert by_seed[0] != by_seed[1]
    assert not any(firings(occasions, Wanted(Kind.MAINTENANCE, probability=Decimal(0))))
    assert all(firings(occasions, Wanted(Kind.MAINTENANCE)))
    assert len([f for f in firings(occasions, Wanted(Kind.MAINTENANCE, count=3)) if f]) == 3
    assert not any(firings(occasions, Wanted(Kind.MAINTENANCE, expires_at=0)))
    assert not any(firings(occasions, Wanted(Kind.MAINTENANCE, api_key="k")))


@settings(max_examples=60, deadline=None)
@given(st.lists(LOTS, min_size=1, max_size=6), LOTS, st.integers(2, 7), st.integers())
def test_matches_in_pieces_are_the_same_matches(resting: list[Decimal], taken: Decimal, pieces: int, seed: int) -> None:
    results = []
    for kinds in ([], [Wanted(Kind.PARTIAL_FILLS, probability=Decimal("0.7"), seed=seed, pieces=pieces)]):
        exchange, faults = Exchange(LISTED), Faults()
        exchange.pieces = pieces_by(exchange, faults)
        for wanted in kinds:
            faults.add(wanted)
        for name in ("maker", "taker"):
            exchange.apply(OpenAccount(name, "secret"), 0)
        exchange.apply(Deposit("000001", "BTC", Decimal(10)), 0)
        exchange.apply(Deposit("000002", "USDT", Decimal(10**6)), 0)
        for quantity in resting:
            exchange.apply(PlaceOrder("000001", "BTCUSDT", Side.SELL, OrderType.LIMIT, quantity, Decimal(900_000)), 1)
        order = PlaceOrder("000002", "BTCUSDT", Side.BUY, OrderType.LIMIT, taken, Decimal(900_000))
        trades = [event for event in exchange.apply(order, 2) if isinstance(event, Traded)]
        assert [t.trade for t in trades] == sorted({t.trade for t in trades})
        step = exchange.state.markets["BTCUSDT"].pair.step
        assert all(t.quantity > 0 and not t.quantity % step for t in trades)
        orders = {o.id: (o.status, o.executed, o.quote_executed) for o in exchange.state.orders.values()}
        balances = [(a.id, n, b.free, b.locked) for a in exchange.state.accounts.values() for n, b in a.balances.items()]
        results.append((orders, balances, exchange.state.fees))
    assert results[0] == results[1]


async def trade_under_faults(client: Any, seed: int, steps: int) -> dict[str, bool]:
    """Orders and cancels with random faults. The client ids sent, and whether the exchange said that it has them."""
    dice = random.Random(seed)
    for kind in WRONG:
        chance = str(dice.randint(5, 15) / 100)
        assert (await client.admin("POST", "/admin/faults", {"kind": kind, "probability": chance, "seed": seed}))[0] == 201
    for kind in (Kind.LATENCY, Kind.PARTIAL_FILLS):
        options = {"milliseconds": 2, "jitter": 5} if kind is Kind.LATENCY else {}
        await client.admin("POST", "/admin/faults", {"kind": kind, "probability": "0.5", "seed": seed, **options})
    sent: dict[str, bool] = {}

    async def step(number: int, side: str, cancels: bool, price: str) -> None:
        name = f"order{number}"
        sent[name] = False
        order = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001"}
        with suppress(aiohttp.ClientConnectionError):
            status, _ = await client.order(**order, price=price, newClientOrderId=name)
            sent[name] = status == 200
        if cancels:
            with suppress(aiohttp.ClientConnectionError):
                await client.signed("DELETE", "order", symbol="BTCUSDT", origClientOrderId=name)

    for number in range(0, steps, 4):
        todo = [
            (each, dice.choice(["BUY", "SELL"]), dice.random() < 0.5, str(dice.choice([60_000, 95_000, 140_000])))
            for each in range(number, number + 4)
        ]
        await asyncio.gather(*(step(*each) for each in todo))
    return sent


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_fails_the_ledger_holds_what_was_accepted(client: Any, seed: int) -> None:
    sent = await trade_under_faults(client, seed, 60)
    _, faults = await client.admin("GET", "/admin/faults")
    assert sum(fault["fired"] for fault in faults) > 20
    await client.admin("DELETE", "/admin/faults")
    books = await client.ledger()
    names = [order["clientOrderId"] for order in books["orders"]]
    assert len(names) == len(set(names)), "no order is there twice"
    assert {name for name, accepted in sent.items() if accepted} <= set(names) <= set(sent)
    assert set(names) > {name for name, accepted in sent.items() if accepted}, "some answers were lost"
    held = {"USDT": Decimal(100_000), "BTC": Decimal(1), "ETH": Decimal(10)}
    for trade in books["trades"]:
        sign = 1 if trade["isBuyer"] else -1
        held["BTC"] += sign * Decimal(trade["qty"])
        held["USDT"] -= sign * Decimal(trade["quoteQty"])
        held[trade["commissionAsset"]] -= Decimal(trade["commission"])
    assert {asset: Decimal(b["free"]) + Decimal(b["locked"]) for asset, b in books["balances"].items()} == held
    executed = {order["orderId"]: Decimal(order["executedQty"]) for order in books["orders"]}
    for order, quantity in executed.items():
        assert sum((Decimal(t["qty"]) for t in books["trades"] if t["orderId"] == order), Decimal(0)) == quantity


async def test_the_same_requests_fail_the_same_way_again(client: Any) -> None:
    runs = []
    for seed in (5, 5, 6):
        await client.admin("DELETE", "/admin/faults")
        for kind in ("error_before", "error_after", "rate_limit"):
            wanted = {"kind": kind, "probability": "0.3", "seed": seed, "api_key": client.key}
            assert (await client.admin("POST", "/admin/faults", wanted))[0] == 201
        order = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.001",
            "price": "50000",
        }
        runs.append([(await client.order(**order))[0] for _ in range(30)])
    assert runs[0] == runs[1] != runs[2]
    assert {200, 429, 500} == set(runs[0])
