"""A command on an executor that another replica stored is seen by the one that runs it without its next look."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from contracts import naming
from contracts.message import Metadata
from contracts.trading import CloseType, ExecutorClosed, ExecutorProgressed, StopExecutor
from executor_rig import ExecutorVenue
from service_kit.bus import Bus
from service_kit.nudges import Nudges
from service_kit.supervisor import Supervisor
from trading.handlers import executors as running
from trading.handlers.executors import Executors

pytestmark = pytest.mark.timeout(300)


async def test_a_wish_to_stop_that_another_replica_stored(venue: ExecutorVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    # From its next look on, only a nudge makes it look.
    monkeypatch.setattr(running, "COMPARE_SECONDS", 3600)
    config = {"type": "position_executor", "side": "BUY", "triple_barrier_config": {"open_order_type": "LIMIT"}}
    executor_id = await venue.create("BTC", amount="0.01", entry_price="50000", **config)
    await venue.until(executor_id, ExecutorProgressed, lambda event: bool(event.placing))
    bus, nobody = Bus("trading", venue.nats_url), SimpleNamespace()
    await bus.start()
    nudges = Nudges(bus, naming.wake_subject("trading", "executor"))
    assert venue.trading is not None
    assert venue.trading.log is not None
    other = Executors(venue.trading.log, nobody, nobody, nobody, "other", Supervisor(), nudges.send)  # type: ignore[arg-type]
    await other.stop(StopExecutor(executor_id=executor_id), Metadata())
    assert (await venue.until(executor_id, ExecutorClosed)).close_type is CloseType.EARLY_STOP
    await bus.stop()
