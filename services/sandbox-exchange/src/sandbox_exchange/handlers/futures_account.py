"""Futures, signed: wallet, positions, income and settings of an account, `/fapi`."""

from __future__ import annotations

from aiohttp import web

from sandbox_exchange.domain.perpetual import margin
from sandbox_exchange.domain.perpetual.accounts import FuturesAccount, IncomeType
from sandbox_exchange.domain.perpetual.commands import SetLeverage, SetPositionMode
from sandbox_exchange.domain.perpetual.contracts import MAKER_FEE, TAKER_FEE
from sandbox_exchange.domain.perpetual.state import ContractMarket
from sandbox_exchange.domain.refusals import Refused, missing
from sandbox_exchange.domain.wire import futures_account, futures_markets
from sandbox_exchange.domain.wire.ledger import plain
from sandbox_exchange.handlers.doors import answer
from sandbox_exchange.handlers.futures_venue import FuturesVenue
from sandbox_exchange.handlers.signing import Signed, signed_by
from sandbox_exchange.handlers.spot_account import between

SUCCESS = {"code": 200, "msg": "success"}


class FuturesAccounts:
    """Wallet, positions, income and settings over REST."""

    def __init__(self, venue: FuturesVenue) -> None:
        self._venue = venue

    def routes(self) -> list[web.RouteDef]:
        calls = (
            ("GET", "v2/account", self.information),
            ("GET", "v3/account", self.open_information),
            ("GET", "v2/balance", self.balance),
            ("GET", "v3/balance", self.balance),
            ("GET", "v2/positionRisk", self.position_risk),
            ("GET", "v3/positionRisk", self.open_position_risk),
            ("GET", "v1/positionSide/dual", self.position_mode),
            ("POST", "v1/positionSide/dual", self.set_position_mode),
            ("POST", "v1/leverage", self.set_leverage),
            ("GET", "v1/leverageBracket", self.leverage_bracket),
            ("POST", "v1/marginType", self.set_margin_type),
            ("GET", "v1/multiAssetsMargin", self.multi_assets_margin),
            ("GET", "v1/commissionRate", self.commission_rate),
            ("GET", "v1/income", self.income),
        )
        return [web.route(method, f"/fapi/{name}", signed_by(self._venue.spot, handler)) for method, name, handler in calls]

    async def information(self, signed: Signed) -> web.Response:
        return await self._told(
            futures_account.account_information(self._account(signed), self._venue.markets, all_positions=True)
        )

    async def open_information(self, signed: Signed) -> web.Response:
        return await self._told(
            futures_account.account_information(self._account(signed), self._venue.markets, all_positions=False)
        )

    async def balance(self, signed: Signed) -> web.Response:
        return await self._told(futures_account.balance(self._account(signed), self._venue.markets))

    async def position_risk(self, signed: Signed) -> web.Response:
        return await self._told(self._positions(signed))

    async def open_position_risk(self, signed: Signed) -> web.Response:
        opened = {(symbol, str(side)) for symbol, side in margin.held(self._account(signed))}
        rows = self._positions(signed)
        return await self._told([row for row in rows if (row["symbol"], str(row["positionSide"])) in opened])

    async def position_mode(self, signed: Signed) -> web.Response:
        return await self._told({"dualSidePosition": self._account(signed).hedge})

    async def set_position_mode(self, signed: Signed) -> web.Response:
        wanted = signed.parameters.text("dualSidePosition").lower()
        if wanted not in ("true", "false"):
            raise missing("dualSidePosition")
        await self._venue.execute(SetPositionMode(signed.account.id, hedge=wanted == "true"))
        return answer(SUCCESS)

    async def set_leverage(self, signed: Signed) -> web.Response:
        leverage, market = signed.parameters.integer("leverage"), self._market(signed)
        if leverage is None:
            raise missing("leverage")
        await self._venue.execute(SetLeverage(signed.account.id, market.pair.symbol, leverage))
        most = market.pair.max_quantity * market.pair.max_price
        return answer({"symbol": market.pair.symbol, "leverage": leverage, "maxNotionalValue": plain(most)})

    async def leverage_bracket(self, signed: Signed) -> web.Response:
        account = self._account(signed)
        brackets = [futures_markets.bracket(m.pair, account.leverage(m.pair.symbol)) for m in self._chosen(signed)]
        return await self._told(brackets)

    async def set_margin_type(self, signed: Signed) -> web.Response:
        self._market(signed)
        if signed.parameters.text("marginType") in ("CROSSED", "CROSS"):
            raise Refused(-4046, "No need to change margin type.")
        raise Refused(-4168, "Unable to adjust to isolated-margin mode: the sandbox exchange knows cross margin only.")

    async def multi_assets_margin(self, _: Signed) -> web.Response:
        return answer({"multiAssetsMargin": False})

    async def commission_rate(self, signed: Signed) -> web.Response:
        symbol = self._market(signed).pair.symbol
        return answer({"symbol": symbol, "makerCommissionRate": plain(MAKER_FEE), "takerCommissionRate": plain(TAKER_FEE)})

    async def income(self, signed: Signed) -> web.Response:
        sent, known = signed.parameters, self._account(signed).income
        if sent.get("symbol") is not None:
            symbol = self._market(signed).pair.symbol
            known = [each for each in known if each.symbol == symbol]
        if sent.get("incomeType") is not None:
            kind = sent.choice("incomeType", IncomeType, Refused(-1130, "Data sent for parameter 'incomeType' is not valid."))
            known = [each for each in known if each.type is kind]
        since, until, limit = sent.integer("startTime"), sent.integer("endTime"), sent.limit(100, 1000)
        rows = [futures_account.income_row(each) for each in between(known, since, until, limit, lambda each: each.at)]
        return await self._told(rows)

    async def _told(self, payload: object) -> web.Response:
        """The answer, once everything it shows is durable."""
        await self._venue.settled()
        return answer(payload)

    def _positions(self, signed: Signed) -> list[dict[str, object]]:
        account, markets = self._account(signed), self._venue.markets
        return [
            futures_account.position_risk(account, markets, market, side)
            for market in self._chosen(signed)
            for side in account.sides()
        ]

    def _chosen(self, signed: Signed) -> list[ContractMarket]:
        """The market of `symbol`, or all without it."""
        if signed.parameters.get("symbol") is not None:
            return [self._market(signed)]
        return list(self._venue.markets.values())

    def _market(self, signed: Signed) -> ContractMarket:
        return self._venue.exchange.state.market(signed.parameters.text("symbol"))

    def _account(self, signed: Signed) -> FuturesAccount:
        return self._venue.exchange.state.account(signed.account.id)
