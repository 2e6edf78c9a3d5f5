"""Rehearsals (`dry_run=true`) of settings, risk limits and flattening: judged as if meant; nothing is stored or sent."""

from __future__ import annotations

from typing import ClassVar

from contracts.message import Amount, Command, Reply
from contracts.trading.flatten import FlattenAccount
from contracts.trading.order import Side
from contracts.trading.position import SetLeverage, SetPositionMode
from contracts.trading.risk import RiskLimits, SetRiskLimits


class _Session:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "session"


class _Risk:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "risk"


class RehearsePositionMode(_Session, Command):
    """Would this mode be asked of the exchange? Session subject. Refused as SetPositionMode is, but for the exchange's word."""

    setting: SetPositionMode


class RehearseLeverage(_Session, Command):
    """Would this leverage be asked of the exchange? Session subject. Refused as SetLeverage is, but for the exchange's word."""

    setting: SetLeverage


class SettingRehearsed(Reply):
    """The exchange would be asked for the setting."""

    dry_run: bool = True
    account: str
    connector: str


class RehearseRiskLimits(_Risk, Command):
    """Would these limits be stored? Refused as SetRiskLimits is."""

    setting: SetRiskLimits


class RiskLimitsRehearsed(Reply):
    """The limits that would hold for the account, or for one actor on it."""

    dry_run: bool = True
    account: str
    actor: str | None
    limits: RiskLimits


class RehearseFlatten(_Risk, Command):
    """What would flattening end? The exchanges are asked for positions. Refused as FlattenAccount is."""

    flatten: FlattenAccount


class PositionToClose(Reply):
    """A position that would be closed; `side` and `amount` are those of the order that would close it."""

    connector_name: str
    trading_pair: str
    side: Side
    amount: Amount


class FlattenRehearsed(Reply):
    """What would be ended. `unknown_positions` names the connectors whose session does not tell its positions now."""

    dry_run: bool = True
    account_name: str
    executors: tuple[str, ...]
    orders: tuple[str, ...]
    positions: tuple[PositionToClose, ...]
    unknown_positions: tuple[str, ...]
