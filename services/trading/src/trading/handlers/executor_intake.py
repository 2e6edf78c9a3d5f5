"""What is asked of executors, judged before anything is stored; a rehearsal (`dry_run`) ends there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from contracts.message import TOKEN, Metadata, utc_now
from contracts.rejections import Unavailable
from contracts.trading import (
    CreateExecutor,
    ExecutorConfigInvalid,
    ExecutorCreated,
    ExecutorType,
    ExecutorUnknown,
    GetSession,
    Market,
)
from contracts.trading.executor_rehearsal import ExecutorRehearsed, RehearseExecutor, RehearseStop, StopRehearsed
from eventlog.execute import load
from eventlog.log import EventLog
from pydantic import JsonValue

from trading.domain.executor import EXECUTOR
from trading.domain.executor_commands import Create, RequestStop
from trading.domain.session import Phase
from trading.handlers.executor import executor_stream
from trading.views.sessions import session_state

LARGEST_LEVERAGE = 125


class ExecutorTypes(Protocol):
    """The engine's executor types."""

    async def prepare(self) -> None:
        """Load what the other methods and the engine's executors need."""

    def type_of(self, config: Mapping[str, JsonValue]) -> ExecutorType:
        """The type a configuration names. Raises ExecutorTypeUnknown, Unavailable."""
        ...

    def checked(self, type_: ExecutorType, config: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """The complete configuration. Raises ExecutorConfigInvalid."""
        ...

    async def markets(self, type_: ExecutorType, config: Mapping[str, Any]) -> tuple[Market, ...]:
        """The markets it trades on. Raises TradingPairUnknown, Unavailable."""
        ...


class Intake:
    """Judges what is asked of executors."""

    def __init__(self, log: EventLog, types: ExecutorTypes) -> None:
        self._log = log
        self._types = types

    async def created(self, command: CreateExecutor, metadata: Metadata) -> ExecutorCreated:
        """The executor as it would be stored. Refused, and Unavailable, as CreateExecutor is."""
        await self._types.prepare()
        type_ = self._types.type_of(command.executor_config)
        now = utc_now()
        given = command.executor_config.get("id")
        id_ = str(given) if given else f"e{metadata.message_id.hex}"
        wanted = {**command.executor_config, "id": id_, "timestamp": now.timestamp(), "controller_id": command.controller_id}
        config = self._types.checked(type_, wanted)
        markets = await self._types.markets(type_, config)
        for connector in dict.fromkeys(market.connector for market in markets):
            await self._check_session(command.account, connector)
        return ExecutorCreated(
            executor_id=_token(id_),
            executor_type=type_,
            account=command.account,
            controller_id=command.controller_id,
            markets=markets,
            config=config,
            leverage=_leverage(command.executor_config, config, markets),
            time=now,
        )

    async def rehearse(self, command: RehearseExecutor, metadata: Metadata) -> ExecutorRehearsed:
        """What would be stored. Refused, and Unavailable, as CreateExecutor is."""
        asked = command.executor
        created = await self.created(asked, metadata)
        id_ = created.executor_id
        state, _ = await load(self._log, EXECUTOR, executor_stream(id_))
        EXECUTOR.decide(state, Create(executor_id=id_, created=created))
        hidden = {"timestamp"} if asked.executor_config.get("id") else {"id", "timestamp"}
        return ExecutorRehearsed(
            executor_type=created.executor_type,
            account_name=created.account,
            connector_name=created.markets[0].connector,
            trading_pair=created.markets[0].trading_pair,
            controller_id=created.controller_id,
            executor_config={name: value for name, value in created.config.items() if name not in hidden},
        )

    async def rehearse_stop(self, command: RehearseStop, metadata: Metadata) -> StopRehearsed:
        """Refused: ExecutorUnknown, ExecutorNotActive."""
        wish = wish_to_stop(command.executor_id, metadata, keep_position=command.keep_position)
        state, _ = await load(self._log, EXECUTOR, executor_stream(command.executor_id))
        EXECUTOR.decide(state, wish)
        return StopRehearsed(executor_id=command.executor_id, status=state.status, keep_position=command.keep_position)

    async def _check_session(self, account: str, connector: str) -> None:
        session = await session_state(self._log, GetSession(account=account, connector=connector))
        if session.state != Phase.READY.value:
            reason = f": {session.reason}" if session.reason else ""
            raise Unavailable(f"The session of '{account}' on '{connector}' is {session.state}{reason}; nothing was started")


def wish_to_stop(executor_id: str, metadata: Metadata, *, keep_position: bool) -> RequestStop:
    """The wish as it is stored. Refused: ExecutorUnknown, for what can be no executor's id."""
    if TOKEN.fullmatch(executor_id) is None:
        raise ExecutorUnknown(f"Executor '{executor_id}' not found", field="executor_id")
    reason = f"asked for by {metadata.actor}"
    return RequestStop(executor_id=executor_id, keep_position=keep_position, reason=reason, time=utc_now())


def _leverage(asked: Mapping[str, JsonValue], config: Mapping[str, JsonValue], markets: tuple[Market, ...]) -> int | None:
    """What is to be set: only what was asked for, not what the engine's class has by default, and only on a perpetual."""
    if asked.get("leverage") is None or "perpetual" not in markets[0].connector:
        return None
    leverage = config.get("leverage")
    if not isinstance(leverage, int) or not 1 <= leverage <= LARGEST_LEVERAGE:
        msg = f"Field 'leverage' is {leverage}; it must be a whole number from 1 to {LARGEST_LEVERAGE}"
        raise ExecutorConfigInvalid(msg, field="executor_config.leverage")
    return leverage


def _token(id_: str) -> str:
    """The id, when it can be one."""
    if TOKEN.fullmatch(id_) is None:
        msg = "Field 'id' must be 1 to 64 letters, digits, '-' and '_'"
        raise ExecutorConfigInvalid(msg, field="executor_config.id")
    return id_
