"""Wallet, positions and income of a futures account as Binance's REST answers show them."""

from __future__ import annotations

from decimal import Decimal

from sandbox_exchange.domain.perpetual import margin
from sandbox_exchange.domain.perpetual.accounts import FuturesAccount, Income
from sandbox_exchange.domain.perpetual.contracts import MARGIN_ASSET
from sandbox_exchange.domain.perpetual.margin import Figures, Markets
from sandbox_exchange.domain.perpetual.positions import PositionSide
from sandbox_exchange.domain.perpetual.state import ContractMarket
from sandbox_exchange.domain.spot.orders import ZERO
from sandbox_exchange.domain.wire.amounts import amount


def account_information(account: FuturesAccount, markets: Markets, *, all_positions: bool) -> dict[str, object]:
    """`GET /fapi/v2/account` with every position, `/fapi/v3/account` with those that are open."""
    figures = margin.of_account(account, markets)
    totals = _totals(account, figures)
    positions = [
        _account_position(account, market, side)
        for market in markets.values()
        for side in account.sides()
        if all_positions or account.position(market.pair.symbol, side).amount
    ]
    return {
        "feeTier": 0, "feeBurn": False, "canTrade": True, "canDeposit": True, "canWithdraw": True,
        "updateTime": account.updated_at, "multiAssetsMargin": False, "tradeGroupId": -1,
        **{f"total{name[0].upper()}{name[1:]}": value for name, value in totals.items() if name not in _OWN},
        **{name: totals[name] for name in _OWN},
        "assets": [{"asset": MARGIN_ASSET, **totals, "marginAvailable": True, "updateTime": account.updated_at}],
        "positions": positions,
    }  # fmt: skip


_OWN = ("availableBalance", "maxWithdrawAmount")


def balance(account: FuturesAccount, markets: Markets) -> list[dict[str, object]]:
    """`GET /fapi/v2/balance` and `/fapi/v3/balance`."""
    totals = _totals(account, margin.of_account(account, markets))
    return [
        {
            "accountAlias": account.id, "asset": MARGIN_ASSET, "balance": totals["walletBalance"],
            "crossWalletBalance": totals["crossWalletBalance"], "crossUnPnl": totals["crossUnPnl"],
            "availableBalance": totals["availableBalance"], "maxWithdrawAmount": totals["maxWithdrawAmount"],
            "marginAvailable": True, "updateTime": account.updated_at,
        }
    ]  # fmt: skip


def position_risk(account: FuturesAccount, markets: Markets, market: ContractMarket, side: PositionSide) -> dict[str, object]:
    """A row of `GET /fapi/v2/positionRisk`."""
    position, figures = account.position(market.pair.symbol, side), margin.of_position(account, market, side)
    return {
        "symbol": market.pair.symbol, "positionAmt": amount(position.amount), "entryPrice": amount(position.entry_price),
        "breakEvenPrice": amount(position.entry_price), "markPrice": amount(market.mark),
        "unRealizedProfit": amount(figures.unrealised),
        "liquidationPrice": amount(margin.liquidation_price(account, markets, market, side)),
        "leverage": str(account.leverage(market.pair.symbol)),
        "maxNotionalValue": amount(market.pair.max_quantity * market.pair.max_price), "marginType": "cross",
        "isolatedMargin": "0.00000000", "isAutoAddMargin": "false", "positionSide": side, "notional": amount(figures.notional),
        "isolatedWallet": "0", "updateTime": account.updated_at, "isolated": False, "adlQuantile": 0,
        "initialMargin": amount(figures.initial), "maintMargin": amount(figures.maintenance),
        "positionInitialMargin": amount(figures.position_margin), "openOrderInitialMargin": amount(figures.order_margin),
        "marginAsset": MARGIN_ASSET,
    }  # fmt: skip


def income_row(income: Income) -> dict[str, object]:
    """A row of `GET /fapi/v1/income`."""
    return {
        "symbol": income.symbol, "incomeType": income.type, "income": amount(income.amount), "asset": MARGIN_ASSET,
        "time": income.at, "info": str(income.trade) if income.trade else str(income.type), "tranId": income.tran,
        "tradeId": str(income.trade) if income.trade else "",
    }  # fmt: skip


def _totals(account: FuturesAccount, figures: Figures) -> dict[str, object]:
    """The figures of the one asset, by Binance's names."""
    left = max(ZERO, margin.available(account, figures))
    withdrawable: Decimal = min(left, max(ZERO, account.wallet))
    return {
        "walletBalance": amount(account.wallet), "unrealizedProfit": amount(figures.unrealised),
        "marginBalance": amount(account.wallet + figures.unrealised), "maintMargin": amount(figures.maintenance),
        "initialMargin": amount(figures.initial), "positionInitialMargin": amount(figures.position_margin),
        "openOrderInitialMargin": amount(figures.order_margin), "crossWalletBalance": amount(account.wallet),
        "crossUnPnl": amount(figures.unrealised), "availableBalance": amount(left), "maxWithdrawAmount": amount(withdrawable),
    }  # fmt: skip


def _account_position(account: FuturesAccount, market: ContractMarket, side: PositionSide) -> dict[str, object]:
    position, figures = account.position(market.pair.symbol, side), margin.of_position(account, market, side)
    return {
        "symbol": market.pair.symbol, "initialMargin": amount(figures.initial), "maintMargin": amount(figures.maintenance),
        "unrealizedProfit": amount(figures.unrealised), "positionInitialMargin": amount(figures.position_margin),
        "openOrderInitialMargin": amount(figures.order_margin), "leverage": str(account.leverage(market.pair.symbol)),
        "isolated": False, "entryPrice": amount(position.entry_price), "breakEvenPrice": amount(position.entry_price),
        "maxNotional": amount(market.pair.max_quantity * market.pair.max_price), "positionSide": side,
        "positionAmt": amount(position.amount), "notional": amount(figures.notional), "isolatedWallet": "0",
        "updateTime": account.updated_at, "bidNotional": "0", "askNotional": "0",
    }  # fmt: skip
