"""What operators ask of a log beside the running service."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

import pytest
from accounts_log import create_accounts
from contracts.accounts import AccountDeleted
from contracts.message import Metadata
from eventlog.decider import Decider
from eventlog.log import EventLog
from eventlog.recorded import Recorded
from eventlog.statements import Write
from service_kit.operate import NotPossible, history, replay, verify
from service_kit.service import Service
from service_kit.settings import ServiceSettings
from sqlalchemy import Column, MetaData, Table, Text

STREAM = "accounts.account-a1"


class KnownView:
    """The names of accounts."""

    name = "known"
    metadata = MetaData()
    table = Table("known", metadata, Column("name", Text, primary_key=True))

    def project(self, recorded: Recorded) -> Iterable[Write]:
        yield Write("INSERT INTO known VALUES ($1) ON CONFLICT DO NOTHING", (recorded.event.account,))


@dataclass(frozen=True)
class Life:
    events: int = 0
    last: str | None = None
    shares: MappingProxyType[str, Decimal] = field(default_factory=lambda: MappingProxyType({"x": Decimal("0.10")}))

    @property
    def over(self) -> bool:
        return self.last == "AccountDeleted"


LIFE = Decider(Life(), lambda *_: (), lambda life, event: Life(life.events + 1, type(event).__name__))


@pytest.fixture
async def service(database_url: str, nats_url: str) -> Service:
    """A composed service whose log holds two accounts, one of them deleted; nothing of it runs."""
    log = EventLog(database_url, context="accounts", views=[KnownView()])
    await log.start()
    await create_accounts(log, "a1", "a2")
    await log.append(STREAM, 1, [AccountDeleted(account="a1")], Metadata(actor="ann"))
    await log.stop()
    beside = EventLog(database_url, context="accounts", views=[KnownView()])
    service = Service("accounts", ServiceSettings(nats_url=nats_url), log=beside)
    service.aggregate("account", LIFE)
    return service


async def damage(service: Service, sql: str) -> None:
    await service.log.attach()
    await service.log.fetch(sql)
    await service.log.stop()


async def test_verify_names_the_first_bad_event(service):
    assert await verify(service) == {"streams": 2, "events": 3, "bad_streams": 0, "first_bad": None, "intact": True}
    await damage(service, "UPDATE stored_events SET actor = 'eve' WHERE originator_version = 2")
    told = await verify(service)
    assert (told["intact"], told["bad_streams"]) == (False, 1)
    assert (told["first_bad"]["stream"], told["first_bad"]["version"]) == (STREAM, 2)


async def test_replay_tells_whether_the_rows_were_right(service):
    [known] = await replay(service)
    assert (known["view"], known["events"], known["identical"]) == ("known", 3, True)
    await damage(service, "DELETE FROM known")
    [mended] = await replay(service, "known")
    assert not mended["identical"]
    assert mended["after"] == known["after"]
    with pytest.raises(NotPossible, match="it has: known"):
        await replay(service, "orders")


async def test_history_tells_what_happened_and_who_caused_it(service):
    told = await history(service, STREAM)
    assert [(one["version"], one["event"], one["actor"]) for one in told["events"]] == [
        (1, "AccountCreated", "system"),
        (2, "AccountDeleted", "ann"),
    ]
    assert told["events"][1]["fields"] == {"account": "a1"}
    assert told["events"][1]["causation_id"] is not None
    assert "state" not in told


async def test_the_state_as_of_a_version_or_a_time(service):
    first = await history(service, STREAM, at_version=1)
    assert first["state"] == {"events": 1, "last": "AccountCreated", "shares": {"x": "0.10"}, "over": False}
    last = await history(service, STREAM, at_time=datetime.now(UTC))
    assert last["state"]["over"] is True
    then = datetime.fromisoformat(first["events"][0]["time"])
    assert (await history(service, STREAM, at_time=then))["state"] == first["state"]


async def test_what_does_not_exist_is_said(service):
    for asked in ({"at_version": 3}, {"at_time": datetime.now(UTC) - timedelta(days=1)}):
        with pytest.raises(NotPossible, match="has 2 events"):
            await history(service, STREAM, **asked)
    with pytest.raises(NotPossible, match="has 0 events"):
        await history(service, "accounts.account-nobody")
    service.aggregates.clear()
    with pytest.raises(NotPossible, match="no aggregate account"):
        await history(service, STREAM, at_version=1)
