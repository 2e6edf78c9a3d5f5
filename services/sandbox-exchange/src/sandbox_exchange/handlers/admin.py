"""The operator's door, `/admin` and `/health`: accounts, deposits, withdrawals, prices, ledgers. JSON in, JSON out."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from sandbox_exchange.domain.perpetual import commands as futures
from sandbox_exchange.domain.perpetual.accounts import FuturesAccount
from sandbox_exchange.domain.refusals import Refused
from sandbox_exchange.domain.spot.accounts import Account
from sandbox_exchange.domain.spot.commands import Deposit, OpenAccount, SetPrice, Withdraw
from sandbox_exchange.domain.spot.filters import check_price, is_amount
from sandbox_exchange.domain.spot.orders import Order
from sandbox_exchange.domain.wire import futures_ledger, ledger
from sandbox_exchange.handlers.doors import answer, json_body, trusted
from sandbox_exchange.handlers.futures_venue import FuturesVenue
from sandbox_exchange.handlers.market_maker import MarketMaker
from sandbox_exchange.handlers.venue import Venue

STARTING_BALANCES = {"USDT": "100000", "BTC": "1", "ETH": "10"}
STARTING_FUTURES = "100000"
"""USDT in the futures wallet of an account that was not asked for with balances of its own."""
KEY_BYTES = 32


class Admin:
    """Calls with the header `X-Admin-Token`; 401 without it, 404 for an unknown account, 400 for a refusal."""

    def __init__(self, venue: Venue, futures: FuturesVenue, makers: Sequence[MarketMaker], token: str) -> None:
        self._venue = venue
        self._futures = futures
        self._makers = makers
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/health", self.health),
            web.post("/admin/accounts", trusted(self._token, self.open_account)),
            web.get("/admin/accounts", trusted(self._token, self.accounts)),
            web.get("/admin/accounts/{api_key}", trusted(self._token, self.account)),
            web.get("/admin/accounts/{api_key}/ledger", trusted(self._token, self.ledger)),
            web.post("/admin/deposits", trusted(self._token, self.deposit)),
            web.post("/admin/withdrawals", trusted(self._token, self.withdraw)),
            web.post("/admin/prices", trusted(self._token, self.set_price)),
        ]

    async def health(self, _: web.Request) -> web.Response:
        state = self._venue.exchange.state
        return answer({"status": "ok", "accounts": len(state.accounts), "orders": len(state.orders), "time": self._venue.now()})

    async def open_account(self, request: web.Request) -> web.Response:
        """`{balances?: {asset: amount}, futures?: USDT}` -> keys and balances. The secret is shown here only."""
        body = await json_body(request)
        wanted = body.get("balances", STARTING_BALANCES)
        if not isinstance(wanted, dict):
            raise Refused(-1100, "balances must be an object of asset and amount.")
        amounts = {str(asset).upper(): positive_amount(amount, "balances") for asset, amount in wanted.items()}
        funded = tuple((asset, amount) for asset, amount in amounts.items() if amount)
        margin = positive_amount(body.get("futures", "0" if "balances" in body else STARTING_FUTURES), "futures")
        api_key, api_secret = secrets.token_hex(KEY_BYTES), secrets.token_hex(KEY_BYTES)
        if margin and not is_amount(margin):
            raise Refused(-1100, "futures must have at most eight decimals.")
        self._venue.tell(OpenAccount(api_key, api_secret, funded))
        account = self._venue.exchange.account(api_key)
        if margin:
            self._futures.tell(futures.Deposit(account.id, margin))
        await self._venue.settled()
        created = {"api_key": api_key, "api_secret": api_secret, "account_id": account.id}
        return answer(created | {"balances": ledger.balances(account), "futures": ledger.plain(margin)}, 201)

    async def accounts(self, _: web.Request) -> web.Response:
        return answer([ledger.summary(account) for account in self._venue.exchange.state.accounts.values()])

    async def account(self, request: web.Request) -> web.Response:
        account = account_of_key(self._venue, request.match_info["api_key"])
        payload = ledger.summary(account) | {
            "futures": futures_ledger.summary(self._margin_account(account), self._futures.markets)
        }
        await self._venue.settled()
        return answer(payload)

    async def ledger(self, request: web.Request) -> web.Response:
        account = account_of_key(self._venue, request.match_info["api_key"])
        payload = ledger.ledger(account, self._assets)
        payload["futures"] = futures_ledger.ledger(self._margin_account(account), self._futures.markets)
        await self._venue.settled()
        return answer(payload)

    async def deposit(self, request: web.Request) -> web.Response:
        account, asset, amount = self._transfer(await json_body(request))
        await self._venue.execute(Deposit(account.id, asset, amount))
        return answer(ledger.summary(account))

    async def withdraw(self, request: web.Request) -> web.Response:
        account, asset, amount = self._transfer(await json_body(request))
        await self._venue.execute(Withdraw(account.id, asset, amount))
        return answer(ledger.summary(account))

    async def set_price(self, request: web.Request) -> web.Response:
        """`{symbol, price}`: the market stands at the price now and moves on from there."""
        body = await json_body(request)
        symbol = str(body.get("symbol", "")).replace("-", "").upper()
        pair = self._venue.exchange.state.market(symbol).pair
        price = positive_amount(body.get("price"), "price")
        check_price(pair, price)
        raw = pair.price(self._venue.histories[symbol].raw_ticks(self._venue.now() // 1000))
        await self._venue.execute(SetPrice(symbol, price, raw))
        for maker in self._makers:
            maker.reprice(symbol)
        await self._venue.settled()
        return answer({"symbol": symbol, "price": ledger.plain(price)})

    def _transfer(self, body: Mapping[str, Any]) -> tuple[Account, str, Decimal]:
        asset = str(body.get("asset", "")).upper()
        if not asset.isalnum():
            raise Refused(-1102, "asset must be given.")
        return account_of_key(self._venue, str(body.get("api_key", ""))), asset, positive_amount(body.get("amount"), "amount")

    def _margin_account(self, account: Account) -> FuturesAccount:
        return self._futures.exchange.state.account(account.id)

    def _assets(self, order: Order) -> tuple[str, str]:
        pair = self._venue.exchange.state.market(order.symbol).pair
        return pair.base, pair.quote


def account_of_key(venue: Venue, api_key: str) -> Account:
    """The account of an API key. Raises Refused with 404 when there is none."""
    found = venue.exchange.state.by_api_key.get(api_key)
    if found is None:
        raise Refused(-2015, "No such account.", 404)
    return found


def positive_amount(value: object, name: str) -> Decimal:
    """A decimal from text or a JSON number."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise Refused(-1100, f"{name} must be a decimal that is not negative.")
    return number
