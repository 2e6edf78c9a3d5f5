"""The operator's door to futures, `/admin/futures`: wallets and funding. JSON in, JSON out."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from aiohttp import web

from sandbox_exchange.domain.perpetual.commands import Deposit, SetFundingPace, SettleFunding, Withdraw
from sandbox_exchange.domain.perpetual.events import FundingSettled
from sandbox_exchange.domain.perpetual.state import EIGHT_HOURS
from sandbox_exchange.domain.refusals import Refused
from sandbox_exchange.domain.wire import futures_ledger, futures_markets
from sandbox_exchange.handlers.admin import account_of_key, positive_amount
from sandbox_exchange.handlers.doors import answer, json_body, trusted
from sandbox_exchange.handlers.futures_venue import FuturesVenue

LARGEST_RATE = Decimal("0.1")


class FuturesAdmin:
    """Calls with the header `X-Admin-Token`; 401 without it, 404 for an unknown account, 400 for a refusal."""

    def __init__(self, venue: FuturesVenue, token: str) -> None:
        self._venue = venue
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/admin/futures/deposits", trusted(self._token, self.deposit)),
            web.post("/admin/futures/withdrawals", trusted(self._token, self.withdraw)),
            web.post("/admin/futures/funding", trusted(self._token, self.settle)),
            web.get("/admin/futures/funding-interval", trusted(self._token, self.interval)),
            web.post("/admin/futures/funding-interval", trusted(self._token, self.set_interval)),
        ]

    async def deposit(self, request: web.Request) -> web.Response:
        """`{api_key, amount}`: USDT for the futures wallet -> the account's futures side."""
        return await self._transfer(request, Deposit)

    async def withdraw(self, request: web.Request) -> web.Response:
        """`{api_key, amount}`: USDT that is not needed as margin -> the account's futures side."""
        return await self._transfer(request, Withdraw)

    async def settle(self, request: web.Request) -> web.Response:
        """`{symbol?, rate?}`: settle funding now, of one contract or of all, at the current rate or at another."""
        body = await json_body(request)
        rate = None if body.get("rate") is None else _rate(body["rate"])
        symbol = None if body.get("symbol") is None else str(body["symbol"]).replace("-", "").upper()
        symbols = list(self._venue.markets) if symbol is None else [self._venue.exchange.state.market(symbol).pair.symbol]
        events = [event for each in symbols for event in self._venue.tell(SettleFunding(each, rate))]
        await self._venue.settled()
        return answer({"settled": [futures_markets.funding(event) for event in events if isinstance(event, FundingSettled)]})

    async def interval(self, _: web.Request) -> web.Response:
        """`{seconds, next_funding}`: how long eight simulated hours take, and when funding is settled next (ms)."""
        return answer({"seconds": self._venue.exchange.state.funding_seconds, "next_funding": self._venue.next_funding()})

    async def set_interval(self, request: web.Request) -> web.Response:
        """`{seconds}`: settle funding every so many seconds from now on; eight hours are the real pace."""
        seconds = (await json_body(request)).get("seconds")
        if not isinstance(seconds, int) or isinstance(seconds, bool) or not 1 <= seconds <= EIGHT_HOURS:
            raise Refused(-1100, f"seconds must be a whole number from 1 to {EIGHT_HOURS}.")
        await self._venue.execute(SetFundingPace(seconds))
        return await self.interval(request)

    async def _transfer(self, request: web.Request, kind: type[Deposit | Withdraw]) -> web.Response:
        body = await json_body(request)
        account = account_of_key(self._venue.spot, str(body.get("api_key", "")))
        await self._venue.execute(kind(account.id, positive_amount(body.get("amount"), "amount")))
        return answer(futures_ledger.summary(self._venue.exchange.state.account(account.id), self._venue.markets))


def _rate(value: object) -> Decimal:
    """A funding rate from text or a JSON number: at most a tenth either way, at most eight decimals."""
    try:
        rate = Decimal(str(value))
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or abs(rate) > LARGEST_RATE or rate != round(rate, 8):
        raise Refused(-1100, f"rate must be a decimal from -{LARGEST_RATE} to {LARGEST_RATE} with at most eight decimals.")
    return rate
