"""The operator's door, `/admin` and `/health`: accounts, deposits, withdrawals, prices, ledgers. JSON in, JSON out."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from sandbox_exchange.domain.refusals import Refused
from sandbox_exchange.domain.spot.accounts import Account
from sandbox_exchange.domain.spot.commands import Deposit, OpenAccount, SetPrice, Withdraw
from sandbox_exchange.domain.spot.filters import check_price
from sandbox_exchange.domain.spot.orders import Order
from sandbox_exchange.domain.wire import ledger
from sandbox_exchange.handlers.doors import answer, json_body, trusted
from sandbox_exchange.handlers.market_maker import MarketMaker
from sandbox_exchange.handlers.venue import Venue

STARTING_BALANCES = {"USDT": "100000", "BTC": "1", "ETH": "10"}
KEY_BYTES = 32


class Admin:
    """Calls with the header `X-Admin-Token`; 401 without it, 404 for an unknown account, 400 for a refusal."""

    def __init__(self, venue: Venue, maker: MarketMaker, token: str) -> None:
        self._venue = venue
        self._maker = maker
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
        """`{balances?: {asset: amount}}` -> keys and balances. The secret is shown here only."""
        body = await json_body(request)
        wanted = body.get("balances", STARTING_BALANCES)
        if not isinstance(wanted, dict):
            raise Refused(-1100, "balances must be an object of asset and amount.")
        amounts = {str(asset).upper(): _amount(amount, "balances") for asset, amount in wanted.items()}
        funded = tuple((asset, amount) for asset, amount in amounts.items() if amount)
        api_key, api_secret = secrets.token_hex(KEY_BYTES), secrets.token_hex(KEY_BYTES)
        await self._venue.execute(OpenAccount(api_key, api_secret, funded))
        account = self._venue.exchange.account(api_key)
        created = {"api_key": api_key, "api_secret": api_secret, "account_id": account.id}
        return answer(created | {"balances": ledger.balances(account)}, 201)

    async def accounts(self, _: web.Request) -> web.Response:
        return answer([ledger.summary(account) for account in self._venue.exchange.state.accounts.values()])

    async def account(self, request: web.Request) -> web.Response:
        account = self._account(request.match_info["api_key"])
        await self._venue.settled()
        return answer(ledger.summary(account))

    async def ledger(self, request: web.Request) -> web.Response:
        account = self._account(request.match_info["api_key"])
        payload = ledger.ledger(account, self._assets)
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
        price = _amount(body.get("price"), "price")
        check_price(pair, price)
        raw = pair.price(self._venue.histories[symbol].raw_ticks(self._venue.now() // 1000))
        await self._venue.execute(SetPrice(symbol, price, raw))
        self._maker.reprice(symbol)
        await self._venue.settled()
        return answer({"symbol": symbol, "price": ledger.plain(price)})

    def _transfer(self, body: Mapping[str, Any]) -> tuple[Account, str, Decimal]:
        asset = str(body.get("asset", "")).upper()
        if not asset.isalnum():
            raise Refused(-1102, "asset must be given.")
        return self._account(str(body.get("api_key", ""))), asset, _amount(body.get("amount"), "amount")

    def _account(self, api_key: str) -> Account:
        found = self._venue.exchange.state.by_api_key.get(api_key)
        if found is None:
            raise Refused(-2015, "No such account.", 404)
        return found

    def _assets(self, order: Order) -> tuple[str, str]:
        pair = self._venue.exchange.state.market(order.symbol).pair
        return pair.base, pair.quote


def _amount(value: object, name: str) -> Decimal:
    """A decimal from text or a JSON number."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise Refused(-1100, f"{name} must be a decimal that is not negative.")
    return number
