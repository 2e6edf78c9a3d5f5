"""Positions, position mode and leverage through the engine's perpetual connector, against the sandbox exchange."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from contracts.trading import PositionMode, PositionSide, Side
from perpetual_rig import CLOSE, OPEN, Connect, books, connect, traded
from sandbox_rig import Sandbox, told
from trading.adapters.session import EngineSession
from trading.domain.funding import position_amount
from trading.handlers.exchange import Accepted, Derivative, FundingChanged, PositionsChanged, Refused

__all__ = ["connect"]


def derivative_of(session: EngineSession) -> Derivative:
    assert session.derivative is not None
    return session.derivative


async def test_positions_are_the_exchanges_own_figures(connect: Connect, sandbox: Sandbox) -> None:
    async with connect() as session:
        derivative = derivative_of(session)
        assert await derivative.positions() == []
        await traded(session, Side.SELL, "0.2", OPEN)
        [held] = await derivative.positions()
        [row] = (await books(session, sandbox))["positions"]
        assert (held.trading_pair, held.side, held.amount) == ("BTC-USDT", PositionSide.SHORT, Decimal("-0.2"))
        assert held.entry_price is not None
        assert round(held.entry_price, 4) == round(Decimal(row["entry_price"]), 4)
        assert held.leverage == 20
        assert held.margin is not None
        assert held.margin > 0
        assert held.unrealized_pnl is not None
        await traded(session, Side.BUY, "0.2", CLOSE)
        assert await derivative.positions() == []


async def test_the_owner_chooses_the_mode(connect: Connect, sandbox: Sandbox) -> None:
    async with connect() as session:
        derivative = derivative_of(session)
        assert set(derivative.modes) == {PositionMode.ONEWAY, PositionMode.HEDGE}
        assert derivative.mode is PositionMode.ONEWAY
        assert isinstance(await derivative.set_mode(PositionMode.ONEWAY), Accepted)
        assert isinstance(await derivative.set_mode(PositionMode.HEDGE), Accepted)
        assert derivative.mode is PositionMode.HEDGE
        assert (await books(session, sandbox))["position_mode"] == "HEDGE"
        await traded(session, Side.BUY, "0.02", OPEN)
        await traded(session, Side.SELL, "0.03", OPEN)
        held = {each.side: each.amount for each in await derivative.positions()}
        assert held == {PositionSide.LONG: Decimal("0.02"), PositionSide.SHORT: Decimal("-0.03")}
        refused = await derivative.set_mode(PositionMode.ONEWAY)
        assert isinstance(refused, Refused)
        assert "(-4068)" in refused.reason
        assert derivative.mode is PositionMode.HEDGE


async def test_the_owner_chooses_the_leverage(connect: Connect, sandbox: Sandbox) -> None:
    async with connect() as session:
        derivative = derivative_of(session)
        assert isinstance(await derivative.set_leverage("BTC-USDT", 7), Accepted)
        assert (await books(session, sandbox))["leverages"] == {"BTCUSDT": 7}
        await told(session, PositionsChanged)
        refused = await derivative.set_leverage("SOL-USDT", 125)
        assert isinstance(refused, Refused)
        assert "-4028" in refused.reason
        await traded(session, Side.BUY, "0.02", OPEN)
        [held] = await derivative.positions()
        assert held.leverage == 7


async def test_a_setting_whose_answer_is_lost_is_not_known(connect: Connect, sandbox: Sandbox) -> None:
    async with connect() as session:
        derivative = derivative_of(session)
        sandbox.kill()
        done = await derivative.set_leverage("BTC-USDT", 9)
        assert not isinstance(done, Accepted)


async def test_funding_is_what_the_ledger_says(connect: Connect, sandbox: Sandbox) -> None:
    began = datetime.now(UTC) - timedelta(days=10)
    async with connect() as session:
        derivative = derivative_of(session)
        assert await derivative.funding_since(began) == []
        await traded(session, Side.SELL, "0.2", OPEN)
        for rate in ("0.0003", "-0.0001"):
            await sandbox.admin("POST", "/futures/funding", {"symbol": "BTCUSDT", "rate": rate})
        await told(session, FundingChanged)
        paid = await derivative.funding_since(began)
        assert paid is not None
        income = [row for row in (await books(session, sandbox))["income"] if row["incomeType"] == "FUNDING_FEE"]
        assert [(each.exchange_id, each.amount, each.token) for each in paid] == [
            (str(row["tranId"]), Decimal(row["income"]), "USDT") for row in income
        ]
        assert [each.rate for each in paid] == [Decimal("0.0003"), Decimal("-0.0001")]
        for each in paid:
            assert each.rate is not None
            assert each.mark is not None
            assert position_amount(each.amount, each.rate, each.mark, Decimal("0.001")) == Decimal("-0.2")
