"""A small domain for the event log's tests: purses with coins, and a view of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, ClassVar

import sqlalchemy as sa
from contracts.message import Amount, Command, Event
from contracts.rejections import Kind, Rejection
from eventlog import mapping
from eventlog.decider import Decider, SnapshotCodec
from eventlog.recorded import Recorded
from eventlog.statements import Statement, Write
from sqlalchemy.dialects.postgresql import JSONB, insert

CONTEXT = "money"


class _Purse:
    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "purse"


class PutCoins(_Purse, Command):
    amount: Amount


class TakeCoins(_Purse, Command):
    amount: Amount


class PurseOpened(_Purse, Event):
    owner: str


class CoinsPut(_Purse, Event):
    """Version 1 called the amount `coins` and had no `note`."""

    class_version: ClassVar[int] = 3
    amount: Amount
    note: str = ""

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        state["amount"] = state.pop("coins")

    @staticmethod
    def upcast_v2_v3(state: dict[str, Any]) -> None:
        state["note"] = f"old {state['amount']}"


class CoinsTaken(_Purse, Event):
    amount: Amount


PurseEvent = PurseOpened | CoinsPut | CoinsTaken
mapping.register(PurseOpened, CoinsPut, CoinsTaken)


class PurseTooLight(Rejection):
    kind = Kind.CONFLICT


@dataclass(frozen=True)
class Purse:
    coins: Decimal = Decimal(0)
    events: int = 0


def decide(purse: Purse, command: PutCoins | TakeCoins) -> Sequence[PurseEvent]:
    match command:
        case PutCoins() if command.amount == 0:
            return ()
        case PutCoins():
            return (CoinsPut(amount=command.amount),)
        case TakeCoins():
            if command.amount > purse.coins:
                msg = f"{purse.coins} coins are less than {command.amount}"
                raise PurseTooLight(msg, field="amount")
            return (CoinsTaken(amount=command.amount),)


def evolve(purse: Purse, event: PurseEvent) -> Purse:
    purse = replace(purse, events=purse.events + 1)
    match event:
        case PurseOpened():
            return purse
        case CoinsPut():
            return replace(purse, coins=purse.coins + event.amount)
        case CoinsTaken():
            return replace(purse, coins=purse.coins - event.amount)


PURSE: Decider[Purse, PutCoins | TakeCoins, PurseEvent] = Decider(Purse(), decide, evolve)
LONG_PURSE: Decider[Purse, PutCoins | TakeCoins, PurseEvent] = Decider(
    Purse(),
    decide,
    evolve,
    SnapshotCodec(
        encode=lambda purse: {"coins": purse.coins, "events": purse.events},
        decode=lambda data: Purse(Decimal(data["coins"]), data["events"]),
        every=10,
    ),
)


class PursesView:
    """One row a purse, and one a movement. `fail_on` makes projecting an amount fail in Postgres, `bug_on` in Python."""

    name = "purses"

    def __init__(self) -> None:
        self.fail_on: Decimal | None = None
        self.bug_on: Decimal | None = None
        self.metadata = sa.MetaData()
        self.purses = sa.Table(
            "purses",
            self.metadata,
            sa.Column("purse", sa.String, primary_key=True),
            sa.Column("coins", sa.Numeric, nullable=False),
            sa.Column("last", JSONB, nullable=False),
        )
        self.movements = sa.Table(
            "movements",
            self.metadata,
            sa.Column("purse", sa.String, sa.ForeignKey("purses.purse"), primary_key=True),
            sa.Column("version", sa.BigInteger, primary_key=True),
            sa.Column("amount", sa.Numeric, sa.CheckConstraint("amount > -1000"), nullable=False),
            sa.Column("at", sa.DateTime(timezone=True), nullable=False),
            sa.Index("movements_at", "at"),
        )
        new = insert(self.purses)
        self._change = Statement(
            new.on_conflict_do_update(
                index_elements=["purse"],
                set_={"coins": self.purses.c.coins + new.excluded.coins, "last": new.excluded.last},
            )
        )
        self._move = Statement(sa.insert(self.movements))

    def project(self, recorded: Recorded) -> Iterable[Write]:
        match recorded.event:
            case CoinsPut(amount=amount):
                pass
            case CoinsTaken(amount=taken):
                amount = -taken
            case _:
                return
        if amount == self.bug_on:
            raise KeyError(amount)
        last = {"amount": amount, "version": recorded.version}
        yield self._change.bind(purse=recorded.stream, coins=amount, last=last)
        shown = Decimal(-1000) if amount == self.fail_on else amount
        yield self._move.bind(purse=recorded.stream, version=recorded.version, amount=shown, at=recorded.recorded_at)
