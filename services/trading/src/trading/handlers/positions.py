"""Positions of a running session: reported when they change, read on demand, and the settings their owner chooses."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from contracts.message import Command, Metadata, Reply
from contracts.rejections import CommandUnreadable, Unavailable
from contracts.trading import (
    NotPerpetual,
    Position,
    PositionModeRead,
    PositionModeUnsupported,
    PositionsRead,
    ReadPositionMode,
    ReadPositions,
    SetLeverage,
    SetPositionMode,
    SettingDone,
    SettingRefused,
    TradingPairUnknown,
)
from contracts.trading.setting_rehearsal import RehearseLeverage, RehearsePositionMode, SettingRehearsed
from eventlog.errors import Fenced

from trading.domain.positions import RecordLeverage, RecordMode, RecordPositions
from trading.handlers.differences import Differences
from trading.handlers.exchange import Derivative, Outcome, Refused, Unproven
from trading.handlers.live import Live

logger = logging.getLogger(__name__)

type PositionRequest = ReadPositions | ReadPositionMode | SetPositionMode | SetLeverage


class Positions:
    """Positions of one session. On spot every command is refused with NotPerpetual."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._differences = Differences(live)
        self._asked = itertools.count(1)
        self._newest = 0

    def served(self) -> dict[type[Command], Callable[[Any, Metadata], Awaitable[Reply]]]:
        """The handlers of the session's commands about positions."""
        return {
            ReadPositions: self.read,
            ReadPositionMode: self.mode,
            SetPositionMode: self.set_mode,
            SetLeverage: self.set_leverage,
            RehearsePositionMode: self.rehearse_mode,
            RehearseLeverage: self.rehearse_leverage,
        }

    async def keep(self) -> None:
        """Record positions when they changed, and compare them with our executions, for ever: at once, after every push, every
        `pace.positions` seconds, and sooner while a difference may be an execution on its way.
        """
        live, derivative = self._live, self._live.exchange.derivative
        while derivative is not None:
            live.positions_changed.clear()
            try:
                asked = next(self._asked)
                await self._recorded(await self._differences.read(derivative), asked)
            except Unavailable as error:
                if isinstance(error, Fenced):
                    raise
                logger.warning("positions are not known: %s", error.detail, extra=self._fields())
            await asyncio.sleep(live.pace.balances)
            with contextlib.suppress(TimeoutError):
                wait = live.pace.settle if self._differences.suspected else live.pace.positions
                await asyncio.wait_for(live.positions_changed.wait(), wait)

    async def read(self, command: ReadPositions, metadata: Metadata) -> PositionsRead:
        """Ask the exchange, and record what changed. Refused: NotPerpetual. Unavailable when it does not answer."""
        derivative, asked = self._derivative(command), next(self._asked)
        positions = await self._recorded(await derivative.positions(), asked)
        return PositionsRead(account=command.account, connector=command.connector, positions=positions)

    async def mode(self, command: ReadPositionMode, metadata: Metadata) -> PositionModeRead:
        """The mode orders are written in. Refused: NotPerpetual."""
        return PositionModeRead(position_mode=self._derivative(command).mode)

    async def set_mode(self, command: SetPositionMode, metadata: Metadata) -> SettingDone:
        """Refused: NotPerpetual, PositionModeUnsupported, SettingRefused. Unavailable when the outcome is not known."""
        derivative, mode = self._checked_mode(command), command.position_mode
        _done(await derivative.set_mode(mode), "position_mode")
        record = RecordMode(account=command.account, connector=command.connector, position_mode=mode)
        await self._live.record_session(record, metadata)
        return SettingDone(account=command.account, connector=command.connector)

    async def set_leverage(self, command: SetLeverage, metadata: Metadata) -> SettingDone:
        """Refused: NotPerpetual, TradingPairUnknown, SettingRefused. Unavailable when the outcome is not known."""
        derivative, pair = self._checked_leverage(command), command.trading_pair
        _done(await derivative.set_leverage(pair, command.leverage), "leverage")
        record = RecordLeverage(
            account=command.account, connector=command.connector, trading_pair=pair, leverage=command.leverage
        )
        await self._live.record_session(record, metadata)
        self._live.positions_changed.set()
        return SettingDone(account=command.account, connector=command.connector)

    async def rehearse_mode(self, command: RehearsePositionMode, metadata: Metadata) -> SettingRehearsed:
        """Refused as the setting itself, but for the exchange's word."""
        self._checked_mode(command.setting)
        return SettingRehearsed(account=command.setting.account, connector=command.setting.connector)

    async def rehearse_leverage(self, command: RehearseLeverage, metadata: Metadata) -> SettingRehearsed:
        """Refused as the setting itself, but for the exchange's word."""
        self._checked_leverage(command.setting)
        return SettingRehearsed(account=command.setting.account, connector=command.setting.connector)

    def _checked_mode(self, command: SetPositionMode) -> Derivative:
        derivative, mode = self._derivative(command), command.position_mode
        if mode not in derivative.modes:
            known = ", ".join(derivative.modes)
            raise PositionModeUnsupported(
                f"position_mode: {command.connector} does not support {mode}, only {known}", field="position_mode"
            )
        return derivative

    def _checked_leverage(self, command: SetLeverage) -> Derivative:
        derivative, pair = self._derivative(command), command.trading_pair
        if pair not in self._live.exchange.trading_rules:
            raise TradingPairUnknown(f"trading_pair: {pair} is not traded on {command.connector}", field="trading_pair")
        return derivative

    async def _recorded(self, positions: Sequence[Position], asked: int) -> tuple[Position, ...]:
        live = self._live
        # A position may come from trades of a pair nothing was ever traded on from here.
        live.pairs.update(position.trading_pair for position in positions)
        # Answers may overtake each other: one asked for before what is recorded says nothing new.
        if asked > self._newest:
            self._newest = asked
            record = RecordPositions(account=live.account, connector=live.connector, positions=tuple(positions))
            await live.record_session(record)
        return tuple(sorted(positions, key=lambda each: (each.trading_pair, each.side)))

    def _derivative(self, command: PositionRequest) -> Derivative:
        live = self._live
        if (command.account, command.connector) != (live.account, live.connector):
            raise CommandUnreadable(f"sent to the session of {live.account} on {live.connector}", field="account")
        if live.exchange.derivative is None:
            raise NotPerpetual(f"Connector '{live.connector}' is not a perpetual connector", field="connector_name")
        if not live.held():
            raise Unavailable(f"The session of {live.account} on {live.connector} is moving to another replica")
        return live.exchange.derivative

    def _fields(self) -> dict[str, str]:
        return {"account": self._live.account, "connector": self._live.connector}


def _done(outcome: Outcome, field: str) -> None:
    match outcome:
        case Refused():
            raise SettingRefused(outcome.reason, field=field)
        case Unproven():
            raise Unavailable(f"{field}: it is not known whether the exchange changed it: {outcome.reason}")
