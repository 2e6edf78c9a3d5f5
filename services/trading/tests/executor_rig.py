"""Executors on the sandbox exchange: a trading service with a spot and a perpetual session, and the exchange's own sums.

The market stands still until a test moves it, so that the same executor trades at the same prices in every run.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from contracts.accounts import AccountCreated, AccountUnknown, CredentialAdded, CredentialUnknown, RevealCredential
from contracts.message import Event, Metadata
from contracts.naming import stream_id
from contracts.trading import (
    CreateExecutor,
    ExecutorAccepted,
    ExecutorClosed,
    ExecutorProgressed,
    ExecutorStopping,
    GetSession,
    OrderFilled,
    StopExecutor,
)
from eventlog.log import EventLog
from sandbox_rig import Sandbox
from service_kit.bus import NoAnswer, NoResponders
from service_kit.sealing import Sealer
from service_kit.service import Service
from service_kit.settings import ServiceSettings
from trading import app
from trading.settings import Settings

KEY = b"k" * 32
MAIN = "main"
SPOT, PERPETUAL = "binance", "binance_perpetual"
PRICES = {"BTC": "90000", "ETH": "3000", "SOL": "180", "BNB": "600", "XRP": "2", "LTC": "100", "LINK": "20", "AVAX": "40"}
NOTHING = Decimal(0)
DEADLINE = 90


@dataclass(frozen=True)
class Traded:
    """What the exchange says an executor's orders did, in the quote token.

    `base` is bought less sold, with spot fees in base taken off, by connector and pair; `last` the newest price there. `fees`
    has all fees, those in base at the price of their fill; `charged` those that were not taken off `base`.
    """

    bought: Decimal
    sold: Decimal
    fees: Decimal
    charged: Decimal
    base: dict[tuple[str, str], Decimal]
    last: dict[tuple[str, str], Decimal]

    @property
    def profit(self) -> Decimal:
        """Sold less bought less charged; what one market has more than the other is worth its last price there."""
        left = sum(self.base.values(), NOTHING)
        fitting = [key for key, amount in self.base.items() if (amount > 0) is (left > 0)]
        return self.sold - self.bought - self.charged + (left * self.last[fitting[0]] if left else NOTHING)

    @property
    def volume(self) -> Decimal:
        return self.bought + self.sold


class ExecutorVenue:
    """One account on the sandbox with both connectors, and a trading service that can be stopped and started again."""

    patience: float = DEADLINE
    """Seconds that a start, or an event, may take."""

    def __init__(self, nats_url: str, database_url: str, sandbox: Sandbox) -> None:
        self.nats_url, self.database_url, self.sandbox = nats_url, database_url, sandbox
        self.api_key = self.api_secret = ""
        self.version = 1
        self.log = EventLog(database_url, context="accounts")
        self.accounts = Service("accounts", ServiceSettings(nats_url=nats_url), log=self.log)
        self.accounts.query(RevealCredential, self.reveal)
        self.trading: Service | None = None
        self.reader = EventLog(database_url, context="trading")

    async def reveal(self, query: RevealCredential, _metadata: Metadata) -> bytes:
        keys = {f"{query.connector}_api_key": self.api_key, f"{query.connector}_api_secret": self.api_secret}
        return json.dumps({"credential_version": self.version, "sealed": Sealer(KEY).seal(keys, purpose="reveal")}).encode()

    async def open(self) -> None:
        funds = {"USDT": "1000000", **dict.fromkeys(PRICES, "100")}
        account = await self.sandbox.admin("POST", "/accounts", {"balances": funds, "futures": "1000000"})
        self.api_key, self.api_secret = account["api_key"], account["api_secret"]
        for token, price in PRICES.items():
            await self.price(token, price)
        await self.accounts.start()
        added = [CredentialAdded(account=MAIN, connector=name, credential_version=1) for name in (SPOT, PERPETUAL)]
        await self.log.append(f"accounts.account-{MAIN}", 0, [AccountCreated(account=MAIN), *added], Metadata())
        await self.start()
        await self.reader.attach()

    @property
    def settings(self) -> Settings:
        return Settings(
            nats_url=self.nats_url,
            database_url=self.database_url,
            transport_key=base64.b64encode(KEY).decode(),
            sandbox_url=self.sandbox.url,
            settle_seconds=2,
        )

    async def start(self) -> None:
        self.trading = app.build(self.settings)
        await self.trading.start()
        await self.until_ready()

    async def until_ready(self) -> None:
        async with asyncio.timeout(self.patience):
            for connector in (SPOT, PERPETUAL):
                while await self._state(connector) != "ready":  # noqa: ASYNC110 - other tasks
                    await asyncio.sleep(0.05)

    async def _state(self, connector: str) -> str | None:
        with suppress(AccountUnknown, CredentialUnknown, NoResponders, NoAnswer):
            answer = await self.accounts.bus.query(GetSession(account=MAIN, connector=connector), Metadata())
            return str(json.loads(answer)["state"])
        return None

    async def stop(self) -> None:
        if self.trading is not None:
            await self.trading.stop()
        self.trading = None

    async def close(self) -> None:
        await self.stop()
        await self.accounts.stop()
        await self.reader.stop()

    async def price(self, token: str, price: str) -> None:
        """Where the market stands from now on, on spot; the perpetual's is close to it."""
        await self.sandbox.admin("POST", "/prices", {"symbol": f"{token}USDT", "price": price})

    async def create(self, token: str, *, connector: str = SPOT, **config: Any) -> str:
        """An executor on one market."""
        return await self.create_on({"connector_name": connector, "trading_pair": f"{token}-USDT"}, **config)

    async def create_on(self, market: dict[str, Any], **config: Any) -> str:
        command = CreateExecutor(account=MAIN, executor_config={**market, **config})
        return (await self.accounts.bus.command(command, ExecutorAccepted, Metadata(), timeout=DEADLINE)).executor_id

    async def end(self, executor_id: str, *, keep_position: bool = False) -> None:
        stop = StopExecutor(executor_id=executor_id, keep_position=keep_position)
        await self.accounts.bus.command(stop, ExecutorStopping, Metadata())

    async def events(self, executor_id: str) -> list[Event]:
        return [one.event for one in await self.reader.read(stream_id("trading", "executor", executor_id))]

    async def until[E: Event](self, executor_id: str, kind: type[E], check: Callable[[E], bool] = lambda _: True) -> E:
        """The executor's first event of this kind that passes."""
        try:
            async with asyncio.timeout(self.patience):
                while True:
                    for event in await self.events(executor_id):
                        if isinstance(event, kind) and check(event):
                            return event
                    await asyncio.sleep(0.1)
        except TimeoutError:
            found = "\n".join(str(event) for event in (await self.events(executor_id))[-5:])
            raise AssertionError(f"{executor_id}: no {kind.__name__} in time; the newest events are\n{found}") from None

    async def orders(self, executor_id: str) -> list[str]:
        """The ids of all orders it ever meant to place."""
        events = await self.events(executor_id)
        return [order_id for event in events if isinstance(event, ExecutorProgressed) for order_id in event.placing]

    async def fills(self, executor_id: str) -> list[OrderFilled]:
        """Every execution of its orders that is recorded."""
        found: list[OrderFilled] = []
        for order_id in await self.orders(executor_id):
            recorded = await self.reader.read(stream_id("trading", "order", order_id))
            found += [one.event for one in recorded if isinstance(one.event, OrderFilled)]
        return found

    async def until_filled(self, executor_id: str, count: int = 1) -> None:
        """Until so many of its orders have executed something."""
        async with asyncio.timeout(DEADLINE):
            while len({fill.order_id for fill in await self.fills(executor_id)}) < count:  # noqa: ASYNC110 - other tasks
                await asyncio.sleep(0.1)

    async def until_open(
        self, executor_id: str, count: int = 1, *, besides: Iterable[str] = (), side: str | None = None
    ) -> None:
        """Until so many of its orders, other than these, are on the exchange's book."""
        async with asyncio.timeout(DEADLINE):
            while len(set(await self.open_orders(executor_id, side)) - set(besides)) < count:  # noqa: ASYNC110 - a process
                await asyncio.sleep(0.1)

    async def open_orders(self, executor_id: str, side: str | None = None) -> list[str]:
        """Its orders that the exchange has on a book, of one side or of both."""
        own = set(await self.orders(executor_id))
        ledger = await self.ledger()
        listed = [*ledger["orders"], *ledger["futures"]["orders"]]
        sided = [each for each in listed if side in (None, each["side"]) and each["status"] in OPEN]
        return [each["clientOrderId"] for each in sided if each["clientOrderId"] in own]

    async def ledger(self) -> dict[str, Any]:
        """The exchange's own books of the account."""
        return await self.sandbox.admin("GET", f"/accounts/{self.api_key}/ledger")

    async def traded(self, executor_id: str) -> Traded:
        """What the exchange's own books say of an executor's orders."""
        own, ledger = set(await self.orders(executor_id)), await self.ledger()
        spot = _trades(ledger["orders"], ledger["trades"], own, "isBuyer")
        futures = _trades(ledger["futures"]["orders"], ledger["futures"]["trades"], own, "buyer")
        return _summed([*((SPOT, each) for each in spot), *((PERPETUAL, each) for each in futures)])


OPEN = {"NEW", "PARTIALLY_FILLED"}


type Rows = list[dict[str, Any]]


def _trades(orders: Rows, trades: Rows, own: set[str], buyer: str) -> Rows:
    ids = {(each["symbol"], each["orderId"]) for each in orders if each["clientOrderId"] in own}
    return [{**each, "bought": each[buyer]} for each in trades if (each["symbol"], each["orderId"]) in ids]


def _summed(trades: Iterable[tuple[str, dict[str, Any]]]) -> Traded:
    bought = sold = fees = charged = NOTHING
    base: dict[tuple[str, str], Decimal] = {}
    last: dict[tuple[str, str], Decimal] = {}
    for connector, trade in sorted(trades, key=lambda each: (each[1]["time"], each[1]["id"])):
        token = trade["symbol"].removesuffix("USDT")
        price, amount, fee = Decimal(trade["price"]), Decimal(trade["qty"]), Decimal(trade["commission"])
        key = (connector, f"{token}-USDT")
        in_base = trade["commissionAsset"] == token
        net = (amount if trade["bought"] else -amount) - (fee if in_base else NOTHING)
        base[key], last[key] = base.get(key, NOTHING) + net, price
        fees += fee * price if in_base else fee
        charged += NOTHING if in_base else fee
        if trade["bought"]:
            bought += price * amount
        else:
            sold += price * amount
    return Traded(bought, sold, fees, charged, base, last)


async def agrees(venue: ExecutorVenue, executor_id: str) -> ExecutorClosed:
    """The end of an executor that closes what it opens, checked against the exchange's books to the last digit."""
    closed = await venue.until(executor_id, ExecutorClosed)
    traded = await venue.traded(executor_id)
    assert not await venue.open_orders(executor_id)
    assert closed.held == ()
    told = (closed.net_pnl_quote, closed.cum_fees_quote, closed.filled_amount_quote)
    assert told == (traded.profit, traded.fees, traded.volume)
    return closed


async def keeps(venue: ExecutorVenue, executor_id: str) -> ExecutorClosed:
    """The end of an executor that keeps what it traded: its fills are the exchange's."""
    closed = await venue.until(executor_id, ExecutorClosed)
    traded = await venue.traded(executor_id)
    assert not await venue.open_orders(executor_id)
    assert sum((each.quote for each in closed.held), NOTHING) == traded.volume > 0
    assert sum((each.fee for each in closed.held), NOTHING) == traded.fees
    assert (closed.cum_fees_quote, closed.filled_amount_quote) == (traded.fees, traded.volume)
    return closed


def flat(directory: Path) -> str:
    """The replay setting of a market that stands still."""
    file = directory / "flat.csv"
    file.write_text("timestamp,open,high,low,close,volume\n0,1,1,1,1,0\n60,1,1,1,1,0\n")
    return ",".join(f"{token}-USDT={file}" for token in PRICES)


@pytest.fixture
async def still_sandbox(port: int, tmp_path: Path) -> AsyncIterator[Sandbox]:
    """The exchange with a market that does not move by itself."""
    made = Sandbox(tmp_path, port, flat(tmp_path))
    await made.start()
    yield made
    made.kill()


@pytest.fixture
async def venue(nats_url: str, database_url: str, still_sandbox: Sandbox) -> AsyncIterator[ExecutorVenue]:
    made = ExecutorVenue(nats_url, database_url, still_sandbox)
    await made.open()
    yield made
    await made.close()
