"""A session's positions on the exchange in memory: reports, commands, and what stays as the user chose."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from contracts.message import Metadata
from contracts.rejections import Unavailable
from contracts.trading import (
    LeverageSet,
    NotPerpetual,
    Position,
    PositionMode,
    PositionModeSet,
    PositionModeUnsupported,
    PositionSide,
    PositionsReported,
    ReadPositions,
    SetLeverage,
    SetPositionMode,
    SettingRefused,
    TradingPairUnknown,
)
from contracts.trading.setting_rehearsal import RehearseLeverage, RehearsePositionMode
from fake_derivative import FakeDerivative
from rig import ACCOUNT, CONNECTOR, Rig
from trading.handlers.exchange import PositionsChanged, Refused, Unproven

HEDGE = SetPositionMode(account=ACCOUNT, connector=CONNECTOR, position_mode=PositionMode.HEDGE)
LEVERAGE = SetLeverage(account=ACCOUNT, connector=CONNECTOR, trading_pair="BTC-USDT", leverage=10)
READ = ReadPositions(account=ACCOUNT, connector=CONNECTOR)


def position(amount: str, profit: str = "0") -> Position:
    return Position(
        trading_pair="BTC-USDT",
        side=PositionSide.LONG,
        amount=Decimal(amount),
        entry_price=Decimal(50000),
        unrealized_pnl=Decimal(profit),
        leverage=Decimal(20),
        margin=Decimal(1),
    )


@pytest.fixture
async def futures(rig: Rig) -> FakeDerivative:
    rig.exchange.derivative = FakeDerivative(rig.exchange)
    await rig.start()
    return rig.exchange.derivative


async def reports(rig: Rig) -> list[PositionsReported]:
    return [event for event in await rig.session_events() if isinstance(event, PositionsReported)]


async def test_pushed_changes_are_reported_once_and_kept_in_the_table(rig: Rig, futures: FakeDerivative) -> None:
    for held in ([position("1")], [position("1", "25")], [position("2")], []):
        futures.held = held
        rig.exchange.push(PositionsChanged())
        read = await rig.commands.handlers["ReadPositions"](READ, Metadata())
        assert list(read.positions) == held
    assert [[each.amount for each in event.positions] for event in await reports(rig)] == [[1], [2], []]
    assert await rig.log.fetch("SELECT * FROM positions") == []


async def test_an_answer_that_a_later_one_overtook_is_not_recorded(rig: Rig, futures: FakeDerivative) -> None:
    asked, answer, read_now = asyncio.Event(), asyncio.Event(), futures.positions

    async def late() -> list[Position]:
        found = await read_now()
        asked.set()
        await answer.wait()
        return found

    handler = rig.commands.handlers["ReadPositions"]
    futures.held = [position("2")]
    futures.positions = late  # type: ignore[method-assign]
    overtaken = asyncio.create_task(handler(READ, Metadata()))
    await asked.wait()
    futures.positions = read_now  # type: ignore[method-assign]
    futures.held = [position("3")]
    await handler(READ, Metadata())
    answer.set()
    await overtaken
    assert [[each.amount for each in event.positions] for event in await reports(rig)][-1] == [3]


async def test_an_exchange_that_is_away_tells_no_positions(rig: Rig, futures: FakeDerivative) -> None:
    rig.exchange.down = True
    with pytest.raises(Unavailable):
        await rig.commands.handlers["ReadPositions"](READ, Metadata())
    assert await reports(rig) == []


async def test_settings_are_events_of_who_chose_them(rig: Rig, futures: FakeDerivative) -> None:
    await rig.commands.handlers["SetPositionMode"](HEDGE, Metadata(actor="alice"))
    await rig.commands.handlers["SetLeverage"](LEVERAGE, Metadata(actor="alice"))
    recorded = await rig.log.read(f"trading.session-{ACCOUNT}.{CONNECTOR}")
    chosen = [each for each in recorded if isinstance(each.event, PositionModeSet | LeverageSet)]
    assert [(type(each.event), each.metadata.actor) for each in chosen] == [(PositionModeSet, "alice"), (LeverageSet, "alice")]
    assert (futures.mode, futures.leverages) == (PositionMode.HEDGE, {"BTC-USDT": 10})


async def test_a_mode_that_was_changed_elsewhere_is_not_put_back(rig: Rig, futures: FakeDerivative) -> None:
    await rig.commands.handlers["SetPositionMode"](HEDGE, Metadata(actor="alice"))
    futures.mode = PositionMode.ONEWAY
    await rig.stop()
    await rig.start()
    assert (futures.mode, futures.settings) == (PositionMode.ONEWAY, 1)


@pytest.mark.parametrize(
    ("outcome", "raised"),
    [(Refused("Position side cannot be changed. (-4068)", ""), SettingRefused), (Unproven("time-out"), Unavailable)],
)
async def test_what_the_exchange_did_not_do_is_no_event(
    rig: Rig, futures: FakeDerivative, outcome: Any, raised: type[Exception]
) -> None:
    futures.outcome = outcome
    for command in (HEDGE, LEVERAGE):
        with pytest.raises(raised, match=r"-4068|time-out"):
            await rig.commands.handlers[type(command).__name__](command, Metadata(actor="alice"))
    assert not [event for event in await rig.session_events() if isinstance(event, PositionModeSet | LeverageSet)]


async def test_settings_that_cannot_be(rig: Rig, futures: FakeDerivative) -> None:
    futures.modes = (PositionMode.ONEWAY,)
    with pytest.raises(PositionModeUnsupported, match="only ONEWAY"):
        await rig.commands.handlers["SetPositionMode"](HEDGE, Metadata(actor="alice"))
    with pytest.raises(TradingPairUnknown):
        await rig.commands.handlers["SetLeverage"](
            LEVERAGE.model_copy(update={"trading_pair": "NO-PAIR"}), Metadata(actor="alice")
        )


async def test_spot_has_no_positions(rig: Rig) -> None:
    await rig.start()
    for command in (HEDGE, LEVERAGE, READ):
        with pytest.raises(NotPerpetual):
            await rig.commands.handlers[type(command).__name__](command, Metadata(actor="alice"))


async def test_rehearsed_settings_ask_and_store_nothing(rig: Rig, futures: FakeDerivative) -> None:
    before = await rig.all_events()
    for rehearsal in (RehearsePositionMode(setting=HEDGE), RehearseLeverage(setting=LEVERAGE)):
        done = await rig.commands.handlers[type(rehearsal).__name__](rehearsal, Metadata())
        assert (done.dry_run, done.account) == (True, ACCOUNT)
    futures.modes = (PositionMode.ONEWAY,)
    with pytest.raises(PositionModeUnsupported):
        await rig.commands.handlers["RehearsePositionMode"](RehearsePositionMode(setting=HEDGE), Metadata())
    unknown = LEVERAGE.model_copy(update={"trading_pair": "NO-PAIR"})
    with pytest.raises(TradingPairUnknown):
        await rig.commands.handlers["RehearseLeverage"](RehearseLeverage(setting=unknown), Metadata())
    assert (futures.settings, futures.mode, futures.leverages) == (0, PositionMode.ONEWAY, {})
    assert await rig.all_events() == before
