"""What a process waits for."""

from __future__ import annotations

import asyncio
import logging

import pytest
from service_kit.stacks import tell_stacks


async def _inner(gate: asyncio.Event) -> None:
    await gate.wait()


async def _outer(gate: asyncio.Event) -> None:
    await _inner(gate)


async def test_each_task_is_told_with_the_calls_it_is_in(caplog: pytest.LogCaptureFixture) -> None:
    gate = asyncio.Event()
    task = asyncio.create_task(_outer(gate), name="stuck one")
    await asyncio.sleep(0)
    with caplog.at_level(logging.WARNING):
        tell_stacks()
    gate.set()
    await task
    [line] = [each.getMessage() for each in caplog.records if "stuck one" in each.getMessage()]
    calls = [line.index(name) for name in ("_outer (", "_inner (", "Event.wait (")]
    assert calls == sorted(calls)
    assert "test_stacks.py" in line
