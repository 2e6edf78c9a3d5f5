"""A credential that is deleted while executors run on it: they say so, and go on when there is one again."""

from __future__ import annotations

from decimal import Decimal

import pytest
from contracts.accounts import CredentialAdded, CredentialDeleted
from contracts.message import Metadata
from contracts.trading import ExecutorFaltered, ExecutorResumed
from executor_rig import MAIN, SPOT, ExecutorVenue, agrees

pytestmark = pytest.mark.timeout(400)


async def test_an_executor_without_a_credential_tells_what_stays_and_goes_on_later(venue: ExecutorVenue) -> None:
    barriers = {"open_order_type": "MARKET", "take_profit": "0.02"}
    id_ = await venue.create("LTC", type="position_executor", side="BUY", amount="2", triple_barrier_config=barriers)
    await venue.until_filled(id_)
    deleted = CredentialDeleted(account=MAIN, connector=SPOT)
    await venue.log.append(f"accounts.account-{MAIN}", 3, [deleted], Metadata())
    told = await venue.until(id_, ExecutorFaltered, lambda event: bool(event.exposure))
    assert "no credential for binance" in told.reason
    assert "+1.998 of LTC-USDT at binance" in told.reason
    assert [fill.amount for fill in told.exposure] == [Decimal(2)]
    row = (await venue.reader.fetch("SELECT last_error FROM executors"))[0]
    assert row["last_error"] == told.reason
    await venue.price("LTC", "103")
    venue.version = 2
    added = CredentialAdded(account=MAIN, connector=SPOT, credential_version=2)
    await venue.log.append(f"accounts.account-{MAIN}", 4, [added], Metadata())
    await venue.until(id_, ExecutorResumed)
    assert (await agrees(venue, id_)).close_type == "TAKE_PROFIT"
    faltered = [event for event in await venue.events(id_) if isinstance(event, ExecutorFaltered) and event.exposure]
    assert len(faltered) == 1
