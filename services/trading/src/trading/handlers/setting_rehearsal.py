"""Rehearsals of limits and of flattening: read what the real ones read, and store and send nothing."""

from __future__ import annotations

from contracts import naming
from contracts.message import Metadata, utc_now
from contracts.rejections import Rejection, Unavailable
from contracts.trading import Position, PositionsRead, ReadPositions, Side
from contracts.trading.position import PERPETUAL
from contracts.trading.setting_rehearsal import (
    FlattenRehearsed,
    PositionToClose,
    RehearseFlatten,
    RehearseRiskLimits,
    RiskLimitsRehearsed,
)
from eventlog.execute import load
from eventlog.log import EventLog
from service_kit.bus import Bus

from trading.domain.risk import NONE, RISK, SetLimits
from trading.handlers.flatten import connectors_to_flatten
from trading.handlers.live import risk_stream
from trading.views.order_book import SessionOrders
from trading.views.risk import connectors_of, open_executors_on


class AccountRehearsal:
    """Serves the rehearsals of commands on whole accounts."""

    def __init__(self, log: EventLog, bus: Bus) -> None:
        self._log = log
        self._bus = bus

    async def limits(self, command: RehearseRiskLimits, _metadata: Metadata) -> RiskLimitsRehearsed:
        """The limits that would hold. Refused: AccountUnknown."""
        account, actor = command.setting.account, command.setting.actor
        await connectors_of(self._log, account)
        risk, _ = await load(self._log, RISK, risk_stream(account))
        wanted = SetLimits(account=account, actor=actor, limits=command.setting.limits, time=utc_now())
        after = RISK.fold(risk, RISK.decide(risk, wanted))
        return RiskLimitsRehearsed(account=account, actor=actor, limits=after.limits.get(actor, NONE))

    async def flatten(self, command: RehearseFlatten, metadata: Metadata) -> FlattenRehearsed:
        """What would be ended. Refused: AccountUnknown, CredentialUnknown."""
        wanted = command.flatten
        orders: list[str] = []
        positions: list[PositionToClose] = []
        unknown: list[str] = []
        for connector in await connectors_to_flatten(self._log, wanted):
            stored = SessionOrders(self._log, wanted.account, connector)
            orders += [row.order_id for row in await stored.open(wanted.trading_pair)]
            if PERPETUAL not in connector:
                continue
            held = await self._positions(wanted.account, connector, metadata)
            if held is None:
                unknown.append(connector)
                continue
            positions += [
                _to_close(connector, each) for each in held if each.amount and wanted.trading_pair in (None, each.trading_pair)
            ]
        executors = await open_executors_on(self._log, wanted.account, wanted.connector, wanted.trading_pair)
        return FlattenRehearsed(
            account_name=wanted.account,
            executors=tuple(executors),
            orders=tuple(orders),
            positions=tuple(positions),
            unknown_positions=tuple(unknown),
        )

    async def _positions(self, account: str, connector: str, metadata: Metadata) -> tuple[Position, ...] | None:
        subject = naming.session_command_subject(account, connector, ReadPositions)
        command = ReadPositions(account=account, connector=connector)
        try:
            read = await self._bus.command(command, PositionsRead, metadata.caused(), subject=subject)
        except (Rejection, Unavailable):
            return None
        return read.positions


def _to_close(connector: str, held: Position) -> PositionToClose:
    side = Side.SELL if held.amount > 0 else Side.BUY
    return PositionToClose(connector_name=connector, trading_pair=held.trading_pair, side=side, amount=abs(held.amount))
