"""Flattening an account, whichever replicas hold its sessions and run its executors."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from uuid import uuid5

from contracts import naming
from contracts.accounts import CredentialUnknown
from contracts.message import Metadata, utc_now
from contracts.rejections import Rejection, Unavailable
from contracts.trading import (
    AccountFlattened,
    CancelOrders,
    CancelRequested,
    ClosedPosition,
    ClosePositions,
    FlattenAccount,
    NotDone,
    PositionsClosed,
)
from eventlog.execute import execute
from eventlog.log import EventLog
from service_kit.bus import Bus

from trading.domain.executor import EXECUTOR
from trading.domain.executor_commands import RequestStop
from trading.handlers.executor import executor_stream
from trading.views.order_book import SessionOrders
from trading.views.risk import connectors_of, open_executors_on

EXECUTORS_SECONDS = 25.0
ORDERS_SECONDS = 10.0
LOOK_SECONDS = 0.2


class Flattening:
    """Serves the command."""

    def __init__(self, log: EventLog, bus: Bus) -> None:
        self._log = log
        self._bus = bus

    async def flatten(self, command: FlattenAccount, metadata: Metadata) -> AccountFlattened:
        """End all there is. Refused: AccountUnknown, CredentialUnknown."""
        connectors = await connectors_to_flatten(self._log, command)
        stopped = await self._stop_executors(command, metadata)
        run = _Run(self._log, self._bus, command, metadata)
        # At once, and again when no executor can place another order.
        await run.cancel(connectors, "first")
        running = await _until_none(lambda: self._running(command, stopped), EXECUTORS_SECONDS)
        for executor_id in running:
            run.fail(None, f"executor {executor_id}", "it has not ended yet; it goes on closing what it opened")
        await run.cancel(connectors, "last")
        await run.await_cancels(connectors)
        await run.close(connectors)
        return AccountFlattened(
            account_name=command.account,
            executors_stopped=tuple(each for each in stopped if each not in running),
            orders_cancelled=tuple(run.cancelled),
            positions_closed=tuple(run.closed),
            not_done=tuple(run.not_done),
        )

    async def _stop_executors(self, command: FlattenAccount, metadata: Metadata) -> list[str]:
        found = await open_executors_on(self._log, command.account, command.connector, command.trading_pair)
        for executor_id in found:
            wish = RequestStop(
                executor_id=executor_id, keep_position=False, reason=f"flattened by {metadata.actor}", time=utc_now()
            )
            cause = metadata.caused(uuid5(metadata.message_id, executor_id))
            # Refused when it has just ended, which is what is wanted.
            with contextlib.suppress(Rejection):
                await execute(self._log, EXECUTOR, executor_stream(executor_id), wish, cause)
        return found

    async def _running(self, command: FlattenAccount, stopped: list[str]) -> list[str]:
        found = await open_executors_on(self._log, command.account, command.connector, command.trading_pair)
        return [executor_id for executor_id in found if executor_id in stopped]


async def connectors_to_flatten(log: EventLog, command: FlattenAccount) -> list[str]:
    """The connectors that the command concerns. Raises AccountUnknown, CredentialUnknown."""
    known = await connectors_of(log, command.account)
    if command.connector is None:
        return known
    if command.connector not in known:
        detail = f"Account '{command.account}' has no credential for {command.connector}"
        raise CredentialUnknown(detail, field="connector_name")
    return [command.connector]


class _Run:
    """One flattening on its way through the sessions."""

    def __init__(self, log: EventLog, bus: Bus, command: FlattenAccount, metadata: Metadata) -> None:
        self._log = log
        self._bus = bus
        self._account = command.account
        self._pair = command.trading_pair
        self._metadata = metadata
        self.cancelled: dict[str, None] = {}
        self.closed: list[ClosedPosition] = []
        self.not_done: list[NotDone] = []

    def fail(self, connector: str | None, what: str, reason: str) -> None:
        """Something stays."""
        told = NotDone(connector_name=connector, what=what, reason=reason)
        if told not in self.not_done:
            self.not_done.append(told)

    async def cancel(self, connectors: list[str], step: str) -> None:
        """Ask for the cancel of all open orders."""
        for connector in connectors:
            command = CancelOrders(account=self._account, connector=connector, trading_pair=self._pair)
            subject = naming.session_command_subject(self._account, connector, CancelOrders)
            try:
                answer = await self._bus.command(command, CancelRequested, self._cause(f"{connector}/{step}"), subject=subject)
                self.cancelled.update(dict.fromkeys(answer.order_ids))
            except (Rejection, Unavailable) as refused:
                self.fail(connector, "open orders", refused.detail)

    async def await_cancels(self, connectors: list[str]) -> None:
        """Until no order is open."""
        for connector in connectors:
            stored = SessionOrders(self._log, self._account, connector)

            async def still_open(stored: SessionOrders = stored) -> list[str]:
                return [row.order_id for row in await stored.open(self._pair)]

            for order_id in await _until_none(still_open, ORDERS_SECONDS):
                self.cancelled.pop(order_id, None)
                self.fail(connector, f"order {order_id}", "the exchange has not confirmed its cancellation yet")

    async def close(self, connectors: list[str]) -> None:
        """Close the positions."""
        for connector in connectors:
            command = ClosePositions(account=self._account, connector=connector, trading_pair=self._pair)
            subject = naming.session_command_subject(self._account, connector, ClosePositions)
            try:
                answer = await self._bus.command(
                    command, PositionsClosed, self._cause(f"{connector}/close"), subject=subject, timeout=30
                )
                self.closed += answer.closed
                self.not_done += answer.not_done
            except (Rejection, Unavailable) as refused:
                self.fail(connector, "positions", refused.detail)

    def _cause(self, step: str) -> Metadata:
        return self._metadata.caused(uuid5(self._metadata.message_id, step))


async def _until_none(look: Callable[[], Awaitable[list[str]]], seconds: float) -> list[str]:
    """What is left when there is nothing any more, or the time is over."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        left = await look()
        if not left or asyncio.get_running_loop().time() >= deadline:
            return left
        await asyncio.sleep(LOOK_SECONDS)
