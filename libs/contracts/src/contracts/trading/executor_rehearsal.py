"""Rehearsals (`dry_run=true`) of the commands on executors: judged as if they were meant; nothing is stored or sent."""

from __future__ import annotations

from typing import ClassVar

from pydantic import JsonValue

from contracts.message import Command, Reply
from contracts.trading.executor import CreateExecutor, ExecutorStatus, ExecutorType


class _Executor:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "executor"


class RehearseExecutor(_Executor, Command):
    """Would this executor be taken? Refused, and Unavailable, as CreateExecutor is.

    What its class finds out when it starts, such as a balance that is too small, is not known before.
    """

    executor: CreateExecutor


class ExecutorRehearsed(Reply):
    """The executor would be stored with this complete configuration, which is without the `id` it would be given."""

    dry_run: bool = True
    executor_type: ExecutorType
    account_name: str
    connector_name: str
    trading_pair: str
    controller_id: str
    executor_config: dict[str, JsonValue]


class RehearseStop(_Executor, Command):
    """Would this executor be asked to end? Refused as StopExecutor is."""

    executor_id: str
    keep_position: bool = False


class StopRehearsed(Reply):
    """The wish would be stored. `status` is how far the executor is."""

    dry_run: bool = True
    executor_id: str
    status: ExecutorStatus
    keep_position: bool
