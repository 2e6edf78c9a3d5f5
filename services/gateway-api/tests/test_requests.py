"""Copies and commands: what a caller changed is what it reads next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from contracts.accounts import AccountUnknown, CreateAccount, ListAccounts, ListCredentials
from contracts.message import Metadata, Query
from contracts.rejections import Unavailable
from contracts.trading import CancelOrder, GetSession, OrderUnknown
from fake_services import FakeServices
from gateway_api.handlers.requests import Requests
from service_kit.bus import NoAnswer, NoResponders, Response


class RecordedCopies:
    """Copies that answer `kept` and record what was dropped."""

    def __init__(self) -> None:
        self.asked: list[type[Query]] = []
        self.dropped: list[str] = []

    async def answer(self, query: Query, ask: Callable[[], Awaitable[Response]]) -> Response:
        self.asked.append(type(query))
        return await ask() if isinstance(query, GetSession) else Response(200, b"kept")

    def drop(self, context: str) -> None:
        self.dropped.append(context)


async def test_queries_are_answered_from_copies_and_commands_drop_them(services: FakeServices) -> None:
    copies = RecordedCopies()
    requests = Requests(services, copies)
    assert (await requests.query(ListAccounts(), Metadata())).body == b"kept"
    assert copies.dropped == []
    await requests.command(CreateAccount(account="a"), Metadata())
    assert copies.dropped == ["accounts"]


def cancel() -> CancelOrder:
    return CancelOrder(account="master_account", connector="binance", order_id="o")


async def test_commands_to_a_session_drop_copies_whatever_comes_of_them(services: FakeServices) -> None:
    services.answers["CancelOrder"] = OrderUnknown("no such order")
    copies = RecordedCopies()
    await Requests(services, copies).session_command("master_account", "binance", cancel, Metadata())
    assert copies.dropped == ["trading"]
    services.answers["CancelOrder"] = NoAnswer("silence")
    with pytest.raises(Unavailable):
        await Requests(services, copies).session_command("master_account", "binance", cancel, Metadata())
    assert copies.dropped == ["trading", "trading"]


@pytest.mark.parametrize("failure", [NoAnswer("silence"), NoResponders("nobody")])
async def test_a_command_whose_outcome_is_not_known_drops_copies_too(services: FakeServices, failure: Exception) -> None:
    services.answers["CreateAccount"] = failure
    copies = RecordedCopies()
    with pytest.raises(Unavailable):
        await Requests(services, copies).command(CreateAccount(account="a"), Metadata())
    assert copies.dropped == ["accounts"]


async def test_whether_a_credential_exists_is_never_told_from_a_copy(services: FakeServices) -> None:
    services.answers["CancelOrder"] = NoResponders("nobody")
    services.answers["GetSession"] = AccountUnknown("not heard of yet")
    copies = RecordedCopies()
    with pytest.raises(Unavailable, match="starting"):
        await Requests(services, copies).session_command("master_account", "binance", cancel, Metadata())
    assert copies.asked == [GetSession]
    assert len(services.of(ListCredentials)) == 1
